#include "core/toeplitz.h"

#include <array>

#include "core/random.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

// "Verifying the RSS hash calculation", Microsoft.
TEST(Toeplitz, Ipv4Vectors) {
  const Toeplitz toeplitz(Toeplitz::kMicrosoftKey);
  const struct {
    const char* dst;
    const char* src;
    uint32_t address_hash;
    uint32_t tuple_hash;
  } cases[] = {
      {"161.142.100.80:1766", "66.9.149.187:2794", 0x323e8fc2, 0x51ccc178},
      {"65.69.140.83:4739", "199.92.111.2:14230", 0xd718262a, 0xc626b0ea},
      {"12.22.207.184:38024", "24.19.198.95:12898", 0xd2d0a5de, 0x5c2b394a},
      {"209.142.163.6:2217", "38.27.205.30:48228", 0x82989176, 0xafc7327f},
      {"202.188.127.2:1303", "153.39.163.191:44251", 0x5d1809c5, 0x10e828a2},
  };
  for (const auto& c : cases) {
    const auto src = Endpoint::Parse(c.src);
    const auto dst = Endpoint::Parse(c.dst);
    ASSERT_TRUE(src && dst);
    EXPECT_EQ(toeplitz.Hash(src->address, dst->address), c.address_hash);
    EXPECT_EQ(toeplitz.Hash(src->address, src->port, dst->address, dst->port), c.tuple_hash);
  }
}

TEST(Toeplitz, Ipv6Vectors) {
  const Toeplitz toeplitz(Toeplitz::kMicrosoftKey);
  const struct {
    const char* dst;
    const char* src;
    uint32_t address_hash;
    uint32_t tuple_hash;
  } cases[] = {
      {"[3ffe:2501:200:3::1]:1766", "[3ffe:2501:200:1fff::7]:2794", 0x2cc18cd5, 0x40207d3d},
      {"[ff02::1]:4739", "[3ffe:501:8::260:97ff:fe40:efab]:14230", 0x0f0c461c, 0xdde51bbf},
      {"[fe80::200:f8ff:fe21:67cf]:38024", "[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251",
       0x4b61e985, 0x02d1feef},
  };
  for (const auto& c : cases) {
    const auto src = Endpoint::Parse(c.src);
    const auto dst = Endpoint::Parse(c.dst);
    ASSERT_TRUE(src && dst);
    EXPECT_EQ(toeplitz.Hash(src->address, dst->address), c.address_hash);
    EXPECT_EQ(toeplitz.Hash(src->address, src->port, dst->address, dst->port), c.tuple_hash);
  }
}

TEST(Toeplitz, SymmetricKey) {
  const Toeplitz toeplitz(Toeplitz::kSymmetricKey);
  const IpAddress a = Ipv4Address(10, 0, 0, 1);
  const IpAddress b = Ipv4Address(10, 0, 0, 2);
  EXPECT_EQ(toeplitz.Hash(a, 1000, b, 80), toeplitz.Hash(b, 80, a, 1000));
  EXPECT_NE(toeplitz.Hash(a, 1000, b, 80), toeplitz.Hash(a, 1001, b, 80));
  const IpAddress c = *IpAddress::Parse("2001:db8::1");
  const IpAddress d = *IpAddress::Parse("2001:db8::2");
  EXPECT_EQ(toeplitz.Hash(c, 1000, d, 80), toeplitz.Hash(d, 80, c, 1000));
}

// The definition: for each input bit that is set, the 32 key bits that begin at its position.
uint32_t NaiveHash(const Toeplitz::Key& key, std::span<const uint8_t> input) {
  const auto key_bit = [&](size_t i) { return key[i / 8] >> (7 - i % 8) & 1; };
  uint32_t hash = 0;
  for (size_t i = 0; i < 8 * input.size(); ++i) {
    if ((input[i / 8] >> (7 - i % 8) & 1) == 0) continue;
    for (size_t k = 0; k < 32; ++k) hash ^= static_cast<uint32_t>(key_bit(i + k)) << (31 - k);
  }
  return hash;
}

TEST(Toeplitz, AgreesWithTheDefinition) {
  Random random(1);
  for (int round = 0; round < 50; ++round) {
    Toeplitz::Key key;
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(random.Next64());
    const Toeplitz toeplitz(key);
    std::array<uint8_t, Toeplitz::kMaxInput> input;
    for (uint8_t& byte : input) byte = static_cast<uint8_t>(random.Next64());
    for (size_t n = 0; n <= input.size(); ++n) {
      const auto part = std::span(input).first(n);
      ASSERT_EQ(toeplitz.HashBytes(part), NaiveHash(key, part)) << n;
    }
  }
}

TEST(ToeplitzDeathTest, ShortKey) {
  const std::array<uint8_t, 39> key = {};
  EXPECT_DEATH(Toeplitz{key}, "key.size");
}

}  // namespace
}  // namespace corelane
