#include "ip/icmpv6.h"

#include <vector>

#include "gtest/gtest.h"
#include "ip/protocol.h"

namespace corelane::ip {
namespace {

TEST(Icmpv6Test, EchoRoundTripWithChecksum) {
  const Ipv6Address src(0x20010db800000000, 1);
  const Ipv6Address dst(0x20010db800000000, 2);
  std::vector<uint8_t> bytes = {0, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
  const auto length = static_cast<uint32_t>(bytes.size());
  const Sum16 pseudo = PseudoHeaderSum(src, dst, protocol::kIcmpv6, length);
  const auto header = IcmpHeader::Echo(icmpv6_type::kEchoRequest, 0x1234, 7);
  header.Emit(bytes.data(), pseudo + SumBytes(std::span(bytes).subspan(8)));
  EXPECT_TRUE((pseudo + SumBytes(bytes)).IsValid());
  const auto view = Icmpv6View::Parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(IcmpHeader::FromView(*view), header);
  EXPECT_EQ(view->identifier(), 0x1234);
  EXPECT_EQ(view->sequence(), 7);
  EXPECT_FALSE(view->is_error());
}

TEST(Icmpv6Test, Classes) {
  std::vector<uint8_t> bytes(8);
  for (int type = 0; type < 256; ++type) {
    bytes[0] = static_cast<uint8_t>(type);
    const auto view = Icmpv6View::Parse(bytes);
    EXPECT_EQ(view->is_error(), type < 128);
    EXPECT_EQ(view->is_neighbor_discovery(), type >= 133 && type <= 137);
  }
}

TEST(Icmpv6Test, EveryTruncationIsRefused) {
  const std::vector<uint8_t> bytes(8);
  for (size_t n = 0; n < 8; ++n) EXPECT_FALSE(Icmpv6View::Parse(std::span(bytes).first(n)));
}

}  // namespace
}  // namespace corelane::ip
