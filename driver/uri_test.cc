#include "driver/uri.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string ParseError(std::string_view text) {
  const auto uri = DeviceUri::Parse(text);
  return uri.ok() ? "no error" : std::string(uri.status().message());
}

TEST(DeviceUri, Parses) {
  const auto uri = DeviceUri::Parse("dpdk:net_tap0:x,iface=x,mac=02:00:00:00:00:01,empty=");
  ASSERT_TRUE(uri.ok()) << uri.status();
  EXPECT_EQ(uri->scheme, "dpdk");
  EXPECT_EQ(uri->target, "net_tap0:x");
  EXPECT_EQ(uri->options, (std::vector<DeviceOption>{
                              {"iface", "x"}, {"mac", "02:00:00:00:00:01"}, {"empty", ""}}));
  EXPECT_EQ(DeviceUri::Parse("ring:")->target, "");
  EXPECT_EQ(DeviceUri::Parse("pcap:,out=x")->options.size(), 1u);
}

TEST(DeviceUri, ToStringIsTheInverseOfParse) {
  for (const char* text :
       {"ring:a", "ring:", "tap:corelane0,queues=2,offload=1", "pcap:,out=a=b",
        "dpdk:a,eal='--vdev=b,c=1',mtu=9000", "x:,a='''quoted'', and more'", "x:,a=it's"}) {
    const auto uri = DeviceUri::Parse(text);
    ASSERT_TRUE(uri.ok()) << uri.status();
    EXPECT_EQ(uri->ToString(), text);
    EXPECT_EQ(*DeviceUri::Parse(uri->ToString()), *uri);
  }
}

TEST(DeviceUri, AValueInQuotesMayHoldCommas) {
  const auto uri = DeviceUri::Parse("dpdk:a,eal='--vdev=b,c=1 -m ''64''',x='',y=''''");
  ASSERT_TRUE(uri.ok()) << uri.status();
  EXPECT_EQ(uri->options,
            (std::vector<DeviceOption>{{"eal", "--vdev=b,c=1 -m '64'"}, {"x", ""}, {"y", "'"}}));
  EXPECT_THAT(ParseError("x:,a='b,c=1"), HasSubstr("option \"a\" has a value that no quote ends"));
  EXPECT_THAT(ParseError("x:,a='b'c,d=1"), HasSubstr("option \"a\" goes on behind the quote"));
  EXPECT_THAT(ParseError("x:,a='b',"), HasSubstr("option \"\" has no value"));
}

TEST(DeviceUri, ErrorsNameTheTextThePartAndWhatWouldBeRight) {
  EXPECT_THAT(ParseError("ring"), AllOf(HasSubstr("\"ring\""), HasSubstr("scheme:target")));
  EXPECT_THAT(ParseError(""), HasSubstr("scheme:target"));
  EXPECT_THAT(ParseError(":a"), HasSubstr("scheme \"\" is not a name"));
  EXPECT_THAT(ParseError("Ring:a"), HasSubstr("scheme \"Ring\""));
  EXPECT_THAT(ParseError("ring:a,"), HasSubstr("nothing follows the last comma"));
  EXPECT_THAT(ParseError("ring:a,,b=1"), HasSubstr("option \"\" has no value"));
  EXPECT_THAT(ParseError("ring:a,depth"), HasSubstr("option \"depth\" has no value"));
  EXPECT_THAT(ParseError("ring:a,=1"), HasSubstr("option \"=1\" has no valid key"));
  EXPECT_THAT(ParseError("ring:a,d p=1"), HasSubstr("option \"d p=1\""));
  EXPECT_THAT(ParseError("ring:a,x=1,x=2"), HasSubstr("option \"x\" is given twice"));
  EXPECT_THAT(ParseError("ring:a\n"), HasSubstr("\"ring:a\\x0a\""));
  EXPECT_THAT(ParseError("ring:a,x=\x7f"), HasSubstr("control character"));
}

DeviceUri Uri(std::string_view text) { return *DeviceUri::Parse(text); }

TEST(OptionReader, TakesTypedValues) {
  const DeviceUri uri =
      Uri("x:,n=7,p=0.25,on=yes,off=false,s=text,mac=02:00:00:00:00:01,t=1.5ms,bw=2.5M,k=0");
  OptionReader reader(uri);
  EXPECT_EQ(reader.Unsigned("n", 1, 1, 10), 7u);
  EXPECT_EQ(reader.Unsigned("absent", 3, 1, 10), 3u);
  EXPECT_DOUBLE_EQ(reader.Number("p", 0, 0, 1), 0.25);
  EXPECT_TRUE(reader.Bool("on", false));
  EXPECT_FALSE(reader.Bool("off", true));
  EXPECT_EQ(reader.String("s", ""), "text");
  EXPECT_EQ(reader.Mac("mac", std::nullopt), MacAddress::Parse("02:00:00:00:00:01"));
  EXPECT_EQ(reader.Time("t", Duration(0)), std::chrono::microseconds(1500));
  EXPECT_EQ(reader.Scaled("bw", 0, 1'000'000'000, "bits"), 2'500'000u);
  EXPECT_EQ(reader.Scaled("k", 5, 10, "bits"), 0u);
  EXPECT_TRUE(reader.Finish().ok());
}

TEST(OptionReader, TimesNeedTheirUnit) {
  for (const auto& [text, nanoseconds] : std::initializer_list<std::pair<const char*, int64_t>>{
           {"3ns", 3}, {"4us", 4000}, {"5ms", 5000000}, {"6s", 6000000000}, {"0s", 0}}) {
    const DeviceUri uri = Uri(std::string("x:,t=") + text);
    OptionReader reader(uri);
    EXPECT_EQ(reader.Time("t", Duration(1)).count(), nanoseconds) << text;
    EXPECT_TRUE(reader.Finish().ok()) << text;
  }
  for (const char* text : {"3", "", "s", "-1s", "1e3s", "1 s", "99999999999s", "nans", "1m"}) {
    const DeviceUri uri = Uri(std::string("x:,t=") + text);
    OptionReader reader(uri);
    EXPECT_EQ(reader.Time("t", Duration(1)), Duration(1)) << text;
    EXPECT_FALSE(reader.Finish().ok()) << text;
  }
}

TEST(OptionReader, BadValuesNameKeyValueAndWhatIsAllowed) {
  const auto error = [](std::string_view text, auto take) {
    const DeviceUri uri = Uri(text);
    OptionReader reader(uri);
    take(reader);
    return std::string(reader.Finish().message());
  };
  const auto number = [](OptionReader& r) { r.Unsigned("n", 1, 1, 10); };
  for (const char* text : {"x:,n=0", "x:,n=11", "x:,n=", "x:,n=1x", "x:,n=-1", "x:,n=+1",
                           "x:,n=99999999999999999999999"}) {
    EXPECT_THAT(error(text, number), AllOf(HasSubstr(text), HasSubstr("option \"n\" is \""),
                                           HasSubstr("a whole number from 1 to 10")));
  }
  EXPECT_THAT(error("x:,p=1.5", [](OptionReader& r) { r.Number("p", 0, 0, 1); }),
              HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(error("x:,p=inf", [](OptionReader& r) { r.Number("p", 0, 0, 1); }),
              HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(error("x:,b=2", [](OptionReader& r) { r.Bool("b", false); }), HasSubstr("0 or 1"));
  EXPECT_THAT(error("x:,m=1", [](OptionReader& r) { r.Mac("m", std::nullopt); }),
              HasSubstr("unicast MAC"));
  EXPECT_THAT(error("x:,w=9T", [](OptionReader& r) { r.Scaled("w", 0, 1000, "bits/s"); }),
              AllOf(HasSubstr("bits/s up to 1000"), HasSubstr("100M")));
}

TEST(OptionReader, UnknownKeysAreErrorsThatListTheKnownOnes) {
  const DeviceUri uri = Uri("x:,b=1,z=1");
  OptionReader reader(uri);
  reader.Bool("a", false);
  reader.Bool("b", false);
  EXPECT_THAT(std::string(reader.Finish().message()),
              AllOf(HasSubstr("option \"z\" is unknown"), HasSubstr("known are: a, b")));
}

TEST(OptionReader, TheFirstErrorIsKept) {
  const DeviceUri uri = Uri("x:,a=bad,b=bad");
  OptionReader reader(uri);
  reader.Bool("a", false);
  reader.Bool("b", false);
  EXPECT_THAT(std::string(reader.Finish().message()), HasSubstr("\"a\""));
}

}  // namespace
}  // namespace corelane::driver
