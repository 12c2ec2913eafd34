#include "udp/udp_header.h"

#include <vector>

#include "gtest/gtest.h"

namespace corelane::udp {
namespace {

TEST(UdpHeaderTest, RoundTrip) {
  const UdpHeader header{53, 1234, 20, 0xbeef};
  std::vector<uint8_t> bytes(8);
  header.Emit(bytes.data());
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0, 53, 4, 0xd2, 0, 20, 0xbe, 0xef}));
  const auto view = UdpHeaderView::Parse(bytes, 20);
  ASSERT_TRUE(view);
  EXPECT_EQ(UdpHeader::FromView(*view), header);
  EXPECT_TRUE(view->has_checksum());
}

TEST(UdpHeaderTest, EveryTruncationIsRefused) {
  std::vector<uint8_t> bytes(8);
  UdpHeader{1, 2, 8, 0}.Emit(bytes.data());
  for (size_t n = 0; n < 8; ++n)
    EXPECT_FALSE(UdpHeaderView::Parse(std::span(bytes).first(n), 8)) << n;
}

TEST(UdpHeaderTest, LengthMustFit) {
  std::vector<uint8_t> bytes(8);
  for (uint16_t length = 0; length < 40; ++length) {
    UdpHeader{1, 2, length, 0}.Emit(bytes.data());
    EXPECT_EQ(UdpHeaderView::Parse(bytes, 20).has_value(), length >= 8 && length <= 20) << length;
  }
}

}  // namespace
}  // namespace corelane::udp
