#include "core/siphash.h"

#include <array>

#include "gtest/gtest.h"

namespace corelane {
namespace {

// The paper's appendix A: key and message are 00 01 02 ...
TEST(SipHash, VectorsOfThePaper) {
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::array<uint8_t, 64> message;
  for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(SipHash24(key, std::span(message).first(15)), 0xa129ca6149be45e5);
  EXPECT_EQ(SipHash24(key, {}), 0x726fdb47dd0e0e31);
  EXPECT_EQ(SipHash24(key, std::span(message).first(1)), 0x74f839c593dc67fd);
  EXPECT_EQ(SipHash24(key, std::span(message).first(8)), 0x93f5f5799a932462);
  EXPECT_EQ(SipHash24(key, std::span(message).first(63)), 0x958a324ceb064572);
}

}  // namespace
}  // namespace corelane
