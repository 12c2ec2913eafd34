#include "runtime/flags/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace corelane::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(ValueTest, TextTakesAllButTheEmptyText) {
  std::string target = "old";
  const Value value = Text(&target, "FILE");
  EXPECT_EQ(value.placeholder, "FILE");
  EXPECT_EQ(value.standard, "old");
  EXPECT_FALSE(value.read(""));
  EXPECT_EQ(target, "old");
  EXPECT_TRUE(value.read("a b"));
  EXPECT_EQ(target, "a b");
}

TEST(ValueTest, IntegerKeepsItsBounds) {
  uint64_t target = 5;
  const Value value = Integer(&target, 2, 10);
  EXPECT_EQ(value.expected, "an integer from 2 to 10");
  EXPECT_EQ(value.standard, "5");
  for (const char* bad :
       {"", "1", "11", "-3", "+3", "3x", " 3", "0x3", "2.5", "99999999999999999999999"}) {
    EXPECT_FALSE(value.read(bad)) << bad;
  }
  EXPECT_EQ(target, 5u);
  EXPECT_TRUE(value.read("2"));
  EXPECT_EQ(target, 2u);
  EXPECT_TRUE(value.read("10"));
  EXPECT_EQ(target, 10u);
}

TEST(ValueTest, NumberIsDecimal) {
  double target = 1;
  const Value value = Number(&target, 0, 2.5);
  EXPECT_EQ(value.expected, "a number from 0 to 2.5");
  for (const char* bad : {"", "-0.1", "2.6", "nan", "inf", "1e0", "0x1", "1,5", "."}) {
    EXPECT_FALSE(value.read(bad)) << bad;
  }
  EXPECT_EQ(target, 1);
  EXPECT_TRUE(value.read("2.5"));
  EXPECT_EQ(target, 2.5);
  EXPECT_TRUE(value.read(".25"));
  EXPECT_EQ(target, 0.25);
}

TEST(ValueTest, DecimalsHaveNoExponent) {
  EXPECT_EQ(PrintDecimal(0.00005), "0.00005");
  EXPECT_EQ(PrintDecimal(1e21), "1000000000000000000000");
  EXPECT_EQ(PrintDecimal(-2.5), "-2.5");
  EXPECT_EQ(PrintDecimal(0), "0");
  EXPECT_EQ(PrintDecimal(5e-324).size(), 326u) << "the smallest number";
  double target = 0.00001;
  EXPECT_EQ(Number(&target, 0.00001, 1).standard, "0.00001");
}

TEST(ValueTest, SecondsArePositiveAndMayBeFractions) {
  std::optional<Duration> target;
  EXPECT_EQ(Seconds(&target).standard, "");
  target = milliseconds(1500);
  const Value value = Seconds(&target);
  EXPECT_EQ(value.standard, "1.5");
  for (const char* bad : {"", "0", "0.0000000001", "-1", "1s", "inf", "1e3", "10000000000"}) {
    EXPECT_FALSE(value.read(bad)) << bad;
  }
  EXPECT_EQ(target, milliseconds(1500));
  EXPECT_TRUE(value.read("0.25"));
  EXPECT_EQ(target, milliseconds(250));
  EXPECT_TRUE(value.read("1000000000"));
  EXPECT_EQ(target, seconds(1'000'000'000));
  EXPECT_TRUE(value.read("0.000000001"));
  EXPECT_EQ(target, nanoseconds(1));
}

TEST(ValueTest, BoolHasSeveralNames) {
  bool target = false;
  const Value value = Bool(&target);
  for (const char* on : {"1", "true", "on", "yes"}) {
    target = false;
    EXPECT_TRUE(value.read(on)) << on;
    EXPECT_TRUE(target) << on;
  }
  for (const char* off : {"0", "false", "off", "no"}) {
    target = true;
    EXPECT_TRUE(value.read(off)) << off;
    EXPECT_FALSE(target) << off;
  }
  for (const char* bad : {"", "2", "TRUE", "maybe"}) EXPECT_FALSE(value.read(bad)) << bad;
}

TEST(ValueTest, OneOfNamesItsChoices) {
  std::string target;
  const Value value = OneOf(&target, {"bulk", "rr"});
  EXPECT_EQ(value.placeholder, "bulk|rr");
  EXPECT_EQ(value.expected, "one of bulk, rr");
  EXPECT_FALSE(value.read("bul"));
  EXPECT_FALSE(value.read(""));
  EXPECT_TRUE(value.read("rr"));
  EXPECT_EQ(target, "rr");
}

TEST(ValueTest, SocketAddressOfBothFamilies) {
  std::optional<Endpoint> target = Endpoint{Ipv4Address(127, 0, 0, 1), 80};
  const Value value = SocketAddress(&target);
  EXPECT_EQ(value.standard, "127.0.0.1:80");
  for (const char* bad : {"", "127.0.0.1", ":80", "[::1]", "::1:80", "1.2.3.4:65536", "host:80"}) {
    EXPECT_FALSE(value.read(bad)) << bad;
  }
  EXPECT_TRUE(value.read("[::1]:8080"));
  EXPECT_EQ(target->address, IpAddress(Ipv6Address::Loopback()));
  EXPECT_EQ(target->port, 8080);
}

}  // namespace
}  // namespace corelane::runtime
