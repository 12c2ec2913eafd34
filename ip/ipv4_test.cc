#include "ip/ipv4.h"

#include <vector>

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

// A header whose checksum is known from outside: 45 00 00 73 00 00 40 00 40 11 b8 61 c0 a8 00 01 c0
// a8 00 c7.
const std::vector<uint8_t> kKnown = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                     0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

std::vector<uint8_t> WithOptions(const std::vector<uint8_t>& options) {
  std::vector<uint8_t> bytes = kKnown;
  bytes.insert(bytes.end(), options.begin(), options.end());
  while (bytes.size() % 4 != 0) bytes.push_back(0);
  bytes[0] = static_cast<uint8_t>(0x40 | bytes.size() / 4);
  return bytes;
}

TEST(Ipv4Test, ParsesAKnownHeader) {
  const auto view = Ipv4View::Parse(kKnown);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->header_length(), 20u);
  EXPECT_EQ(view->total_length(), 0x73);
  EXPECT_TRUE(view->dont_fragment());
  EXPECT_FALSE(view->is_fragment());
  EXPECT_EQ(view->ttl(), 64);
  EXPECT_EQ(view->protocol(), protocol::kUdp);
  EXPECT_EQ(view->src(), Ipv4Address(192, 168, 0, 1));
  EXPECT_EQ(view->dst(), Ipv4Address(192, 168, 0, 199));
  EXPECT_TRUE(view->HasValidChecksum());
  EXPECT_TRUE(view->payload().empty());
}

TEST(Ipv4Test, EmitsWhatItParsed) {
  const Ipv4Header header = Ipv4Header::FromView(*Ipv4View::Parse(kKnown));
  std::vector<uint8_t> bytes(Ipv4Header::length());
  header.Emit(bytes.data());
  EXPECT_EQ(bytes, kKnown);
}

TEST(Ipv4Test, EmittedChecksumIsValidForManyHeaders) {
  for (uint32_t i = 0; i < 70000; ++i) {
    Ipv4Header header{.src = Ipv4Address(0x0a000000 + i * 2654435761u), .dst = Ipv4Address(i)};
    header.total_length = static_cast<uint16_t>(i);
    header.identification = static_cast<uint16_t>(i * 7);
    header.dscp = i & 63;
    header.ecn = i & 3;
    header.fragment_offset = (i & 0x1fff) * 8;
    header.more_fragments = (i & 1) != 0;
    uint8_t bytes[20];
    header.Emit(bytes);
    ASSERT_TRUE(SumBytes(bytes).IsValid()) << i;
    if (header.total_length < 20) continue;
    ASSERT_EQ(Ipv4Header::FromView(*Ipv4View::Parse(bytes)), header) << i;
  }
}

TEST(Ipv4Test, EveryTruncationOfTheHeaderIsRefused) {
  for (const auto& whole : {kKnown, WithOptions({7, 7, 4, 0, 0, 0, 0})}) {
    for (size_t n = 0; n < whole.size(); ++n) {
      const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<long>(n));
      EXPECT_FALSE(Ipv4View::Parse(part)) << n;
    }
    EXPECT_TRUE(Ipv4View::Parse(whole));
  }
}

TEST(Ipv4Test, RefusesImpossibleLengths) {
  auto bytes = kKnown;
  bytes[0] = 0x44;
  EXPECT_FALSE(Ipv4View::Parse(bytes));
  bytes = kKnown;
  bytes[0] = 0x65;
  EXPECT_FALSE(Ipv4View::Parse(bytes));
  bytes = kKnown;
  bytes[3] = 19;
  EXPECT_FALSE(Ipv4View::Parse(bytes));
}

TEST(Ipv4Test, PayloadEndsWithTheTotalLength) {
  auto bytes = kKnown;
  bytes[3] = 24;
  bytes.resize(46);
  EXPECT_EQ(Ipv4View::Parse(bytes)->payload().size(), 4u);
  bytes.resize(22);  // A quotation cut short.
  EXPECT_EQ(Ipv4View::Parse(bytes)->payload().size(), 2u);
}

TEST(Ipv4Test, RecognisesOptions) {
  const auto walk = [](const std::vector<uint8_t>& options) {
    const auto bytes = WithOptions(options);
    return Ipv4View::Parse(bytes)->WalkOptions();
  };
  EXPECT_TRUE(walk({131, 7, 4, 1, 2, 3, 4})->source_route);
  EXPECT_TRUE(walk({137, 7, 4, 1, 2, 3, 4})->source_route);
  EXPECT_TRUE(walk({1, 1, 7, 7, 4, 0, 0, 0, 0})->record_route);
  EXPECT_TRUE(walk({68, 4, 5, 0})->timestamp);
  EXPECT_TRUE(walk({148, 4, 0, 0})->router_alert);
  EXPECT_TRUE(walk({30, 4, 0, 0})->other);
  // Behind the end of the list everything is padding.
  EXPECT_FALSE(walk({0, 131, 7, 4})->source_route);
  // Behind other options it is found.
  EXPECT_TRUE(walk({30, 4, 0, 0, 1, 131, 3, 4})->source_route);
}

TEST(Ipv4Test, MalformedOptionsAreRefused) {
  for (const std::vector<uint8_t>& options : {std::vector<uint8_t>{7, 0, 0, 0},
                                              {7, 1, 0, 0},
                                              {7, 5, 0, 0},
                                              {1, 1, 1, 7},
                                              {7, 255, 4, 0}}) {
    const auto bytes = WithOptions(options);
    const auto view = Ipv4View::Parse(bytes);
    ASSERT_TRUE(view);
    EXPECT_FALSE(view->WalkOptions()) << int{options[1]};
  }
}

}  // namespace
}  // namespace corelane::ip
