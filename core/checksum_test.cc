#include "core/checksum.h"

#include <array>
#include <cstdint>
#include <vector>

#include "core/block.h"
#include "core/random.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

using internal::ChecksumKernel;

// RFC 1071 §4.1, word by word.
Sum16 NaiveSum(std::span<const uint8_t> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return Sum16::OfWord(static_cast<uint16_t>(sum));
}

std::vector<uint8_t> RandomBytes(size_t n, uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> bytes(n);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next64());
  return bytes;
}

class ChecksumKernels : public testing::TestWithParam<ChecksumKernel> {
 protected:
  void SetUp() override {
    if (!internal::SetChecksumKernel(GetParam())) GTEST_SKIP() << "not on this processor";
  }
  void TearDown() override { internal::SetChecksumKernel(ChecksumKernel::kBest); }
};
INSTANTIATE_TEST_SUITE_P(All, ChecksumKernels,
                         testing::Values(ChecksumKernel::kBest, ChecksumKernel::kSse,
                                         ChecksumKernel::kAvx2));

TEST_P(ChecksumKernels, EveryLengthAtEveryAlignment) {
  const std::vector<uint8_t> bytes = RandomBytes(512, 1);
  alignas(64) std::array<uint8_t, 512> copy;
  for (size_t n = 0; n <= 300; ++n) {
    for (size_t at = 0; at < 64; ++at) {
      const std::span<const uint8_t> part(bytes.data() + at, n);
      const Sum16 expected = NaiveSum(part);
      ASSERT_EQ(SumBytes(part), expected) << n << " bytes at " << at;
      // The copy's alignment runs against the source's.
      uint8_t* to = copy.data() + 1 + (at * 7 + n) % 64;
      to[-1] = to[n] = 0xee;
      ASSERT_EQ(CopyAndSum(to, part), expected) << n << " bytes at " << at;
      ASSERT_TRUE(std::equal(part.begin(), part.end(), to));
      ASSERT_EQ(to[-1], 0xee);
      ASSERT_EQ(to[n], 0xee);
    }
  }
}

TEST_P(ChecksumKernels, ExtremeBytesNeverOverflow) {
  for (const uint8_t fill : {0x00, 0x7f, 0x80, 0xff}) {
    const std::vector<uint8_t> bytes((size_t{1} << 20) + 77, fill);
    for (const size_t n :
         {size_t{1448}, size_t{65535}, size_t{262144}, size_t{262145}, bytes.size()}) {
      const std::span<const uint8_t> part(bytes.data(), n);
      EXPECT_EQ(SumBytes(part), NaiveSum(part)) << n << " x " << int{fill};
    }
  }
}

TEST_P(ChecksumKernels, LargeSpans) {
  const std::vector<uint8_t> bytes = RandomBytes(size_t{1} << 20, 2);
  std::vector<uint8_t> copy(bytes.size());
  Random random(3);
  for (int i = 0; i < 10; ++i) {
    const size_t at = random.Below(1000);
    const size_t n = random.Below(bytes.size() - at);
    const auto part = std::span(bytes).subspan(at, n);
    EXPECT_EQ(SumBytes(part), NaiveSum(part));
    EXPECT_EQ(CopyAndSum(copy.data(), part), NaiveSum(part));
    EXPECT_TRUE(std::equal(part.begin(), part.end(), copy.begin()));
  }
}

TEST_P(ChecksumKernels, PartsAddUpAtAnyCut) {
  const std::vector<uint8_t> bytes = RandomBytes(301, 4);
  const Sum16 whole = SumBytes(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const Sum16 front = SumBytes(std::span(bytes).first(cut));
    const Sum16 back = SumBytes(std::span(bytes).subspan(cut));
    EXPECT_EQ(front + (cut % 2 != 0 ? back.Swapped() : back), whole) << cut;
    // What remains of nothing is the other zero.
    const Sum16 rest = cut == bytes.size() ? Sum16::FromRaw(0xffff) : back;
    EXPECT_EQ(whole - front, cut % 2 != 0 ? rest.Swapped() : rest) << cut;
  }
}

// RFC 1071 §3.
TEST(Checksum, ExampleOfRfc1071) {
  const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(SumBytes(bytes), Sum16::OfWord(0xddf2));
  // The same bytes at an odd offset: the swapped sum.
  EXPECT_EQ(SumBytes(std::span(bytes).first(1)) + SumBytes(std::span(bytes).subspan(1)).Swapped(),
            Sum16::OfWord(0xddf2));
}

// RFC 1624 §4: HC = 0xdd2f, a field changes from 0x5555 to 0x3285; the right result is 0x0000,
// where the equation of RFC 1141 gave 0xffff.
TEST(Checksum, ExampleOfRfc1624) {
  uint8_t field[2];
  StoreBe16(field, 0xdd2f);
  UpdateChecksum(field, Sum16::OfWord(0x5555), Sum16::OfWord(0x3285));
  EXPECT_EQ(LoadBe16(field), 0x0000);
}

TEST(Checksum, UpdateEqualsRecomputation) {
  std::vector<uint8_t> header = RandomBytes(20, 5);
  const auto recompute = [&] {
    StoreBe16(&header[10], 0);
    SumBytes(header).StoreComplement(&header[10]);
  };
  recompute();
  Random random(6);
  for (int i = 0; i < 100000; ++i) {
    size_t at = random.Below(9) * 2;
    if (at >= 10) at += 2;
    const Sum16 before = SumBytes({&header[at], 2});
    StoreBe16(&header[at], static_cast<uint16_t>(random.Chance(0.1) ? 0 : random.Next64()));
    UpdateChecksum(&header[10], before, SumBytes({&header[at], 2}));
    ASSERT_TRUE(SumBytes(header).IsValid());
    const uint16_t updated = LoadBe16(&header[10]);
    recompute();
    ASSERT_EQ(LoadBe16(&header[10]), updated);
  }
}

TEST(Checksum, ValidityOfACompletedHeader) {
  // The IPv4 header of a well-known example: checksum 0xb861.
  uint8_t header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                      0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_FALSE(SumBytes(header).IsValid());
  SumBytes(header).StoreComplement(header + 10);
  EXPECT_EQ(LoadBe16(header + 10), 0xb861);
  EXPECT_TRUE(SumBytes(header).IsValid());
  for (size_t bit = 0; bit < 8 * sizeof(header); ++bit) {
    header[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(SumBytes(header).IsValid()) << bit;
    header[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  EXPECT_FALSE(Sum16().IsValid());
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
    StoreBe32(v6 + 32, length * 65536 + 3);
    v6[39] = 6;
    EXPECT_EQ(PseudoHeaderSum(a6, b6, 6, length * 65536 + 3), NaiveSum(v6));
  }
  const Ipv4Address ones(0xffffffff);
  uint8_t v4[12] = {255, 255, 255, 255, 255, 255, 255, 255, 0, 255, 255, 255};
  EXPECT_EQ(PseudoHeaderSum(ones, ones, 255, 65535), NaiveSum(v4));
}

// Packets of random segments, some of them with data sums, over random ranges.
TEST(Checksum, SumPacketOverSegments) {
  Random random(7);
  PacketPool pool(64);
  for (int round = 0; round < 2000; ++round) {
    PacketBuf packet;
    const size_t segments = 1 + random.Below(5);
    for (size_t i = 0; i < segments; ++i) {
      PacketBuf part = pool.Allocate();
      const size_t n = random.Below(random.Chance(0.5) ? 10 : 700);
      uint8_t* p = part.Append(n);
      for (size_t k = 0; k < n; ++k) p[k] = static_cast<uint8_t>(random.Next64());
      if (random.Chance(0.5)) {
        part->data_sum = SumBytes(part.bytes()).raw();
        part->flags |= PacketHead::kHasDataSum;
      }
      if (packet) {
        packet.AppendChain(std::move(part));
      } else {
        packet = std::move(part);
      }
    }
    std::vector<uint8_t> flat(packet.packet_size());
    ASSERT_EQ(packet.CopyOut(0, flat), flat.size());
    const size_t offset = random.Below(flat.size() + 1);
    const size_t length = random.Below(flat.size() - offset + 1);
    ASSERT_EQ(SumPacket(packet, offset, length), NaiveSum(std::span(flat).subspan(offset, length)));
    ASSERT_EQ(SumPacket(packet, 0, flat.size()), NaiveSum(flat));
  }
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(Checksum, SumPacketTrustsDataSums) {
  PacketPool pool(1);
  PacketBuf packet = pool.Allocate();
  *packet.Append(1) = 1;
  packet->data_sum = 0x1234;
  packet->flags |= PacketHead::kHasDataSum;
  EXPECT_EQ(SumPacket(packet, 0, 1), Sum16::FromRaw(0x1234));
}

}  // namespace
}  // namespace corelane
