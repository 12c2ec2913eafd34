#include "core/checksum.h"

#include <vector>

#include "core/random.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

// RFC 1071 §4.1, word by word.
Sum16 NaiveSum(std::span<const uint8_t> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return Sum16::OfWord(static_cast<uint16_t>(sum));
}

// RFC 1071 §3.
TEST(Checksum, ExampleOfRfc1071) {
  const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(SumBytes(bytes), Sum16::OfWord(0xddf2));
  // The same bytes at an odd offset: the swapped sum.
  EXPECT_EQ(SumBytes(std::span(bytes).first(1)) + SumBytes(std::span(bytes).subspan(1)).Swapped(),
            Sum16::OfWord(0xddf2));
}

TEST(Checksum, AgreesWithTheNaiveSum) {
  Random random(1);
  std::vector<uint8_t> bytes(400);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next64());
  for (size_t n = 0; n <= 300; ++n) {
    const std::span<const uint8_t> part(bytes.data() + n % 64, n);
    EXPECT_EQ(SumBytes(part), NaiveSum(part)) << n;
    std::vector<uint8_t> copy(n + 1, 0xee);
    EXPECT_EQ(CopyAndSum(copy.data(), part), NaiveSum(part)) << n;
    EXPECT_TRUE(std::equal(part.begin(), part.end(), copy.begin()));
    EXPECT_EQ(copy[n], 0xee);
  }
}

TEST(Checksum, PseudoHeaders) {
  Random random(2);
  for (int i = 0; i < 1000; ++i) {
    const Ipv4Address a4(random.Next32());
    const Ipv4Address b4(random.Next32());
    const Ipv6Address a6(random.Next64(), random.Next64());
    const Ipv6Address b6(random.Next64(), random.Next64());
    const auto length = static_cast<uint32_t>(random.Below(65536));
    uint8_t v4[12] = {};
    a4.CopyTo(v4);
    b4.CopyTo(v4 + 4);
    v4[9] = 17;
    StoreBe16(v4 + 10, static_cast<uint16_t>(length));
    EXPECT_EQ(PseudoHeaderSum(a4, b4, 17, length), NaiveSum(v4));
    uint8_t v6[40] = {};
    a6.CopyTo(v6);
    b6.CopyTo(v6 + 16);
    StoreBe32(v6 + 32, length + 100000);
    v6[39] = 6;
    EXPECT_EQ(PseudoHeaderSum(a6, b6, 6, length + 100000), NaiveSum(v6));
  }
}

}  // namespace
}  // namespace corelane
