#include "ip/icmpv4.h"

#include <vector>

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

TEST(Icmpv4Test, EchoRoundTripWithChecksum) {
  std::vector<uint8_t> bytes = {0, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
  const auto header = IcmpHeader::Echo(icmpv4_type::kEchoRequest, 0x1234, 7);
  header.Emit(bytes.data(), SumBytes(std::span(bytes).subspan(8)));
  EXPECT_TRUE(SumBytes(bytes).IsValid());
  const auto view = Icmpv4View::Parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(IcmpHeader::FromView(*view), header);
  EXPECT_EQ(view->identifier(), 0x1234);
  EXPECT_EQ(view->sequence(), 7);
  EXPECT_EQ(view->body().size(), 3u);
  EXPECT_FALSE(view->is_error());
}

TEST(Icmpv4Test, ErrorFields) {
  std::vector<uint8_t> bytes(8);
  IcmpHeader{icmpv4_type::kUnreachable, icmpv4_unreachable::kFragmentationNeeded, 1400}.Emit(
      bytes.data(), Sum16());
  auto view = Icmpv4View::Parse(bytes);
  EXPECT_TRUE(view->is_error());
  EXPECT_EQ(view->next_hop_mtu(), 1400);
  IcmpHeader{icmpv4_type::kParameterProblem, 0, 20u << 24}.Emit(bytes.data(), Sum16());
  EXPECT_EQ(Icmpv4View::Parse(bytes)->pointer(), 20);
}

TEST(Icmpv4Test, EveryTruncationIsRefused) {
  const std::vector<uint8_t> bytes(8);
  for (size_t n = 0; n < 8; ++n) EXPECT_FALSE(Icmpv4View::Parse(std::span(bytes).first(n)));
  EXPECT_TRUE(Icmpv4View::Parse(bytes));
}

}  // namespace
}  // namespace corelane::ip
