#include "core/flow_hash.h"

#include <array>
#include <set>

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(FlowHash, SpreadsNeighbouringFlows) {
  const FlowHashKey key = FlowHashKey::FromSeed(1);
  const IpAddress local = Ipv4Address(10, 0, 0, 1);
  std::array<int, 256> low = {};
  std::array<int, 256> high = {};
  std::set<uint32_t> all;
  for (uint32_t host = 0; host < 64; ++host) {
    for (uint32_t port = 0; port < 1024; ++port) {
      const uint32_t hash = FlowHash(key, local, 80, Ipv4Address(0x0a000100 + host),
                                     static_cast<uint16_t>(1024 + port));
      ++low[hash & 255];
      ++high[hash >> 24];
      all.insert(hash);
    }
  }
  // 65536 flows over 256 buckets: 256 each, standard deviation 16.
  for (int i = 0; i < 256; ++i) {
    EXPECT_NEAR(low[i], 256, 100);
    EXPECT_NEAR(high[i], 256, 100);
  }
  EXPECT_GT(all.size(), 65536u - 10);  // One in 2^32 / 2^31 pairs: half a collision is expected.
}

TEST(FlowHash, DependsOnEveryPartAndOnTheKey) {
  const FlowHashKey key = FlowHashKey::FromSeed(1);
  const IpAddress a = *IpAddress::Parse("2001:db8::1");
  const IpAddress b = *IpAddress::Parse("2001:db8::2");
  const uint32_t hash = FlowHash(key, a, 1, b, 2);
  EXPECT_EQ(hash, FlowHash(key, a, 1, b, 2));
  EXPECT_NE(hash, FlowHash(key, b, 1, a, 2));
  EXPECT_NE(hash, FlowHash(key, a, 2, b, 1));
  EXPECT_NE(hash, FlowHash(key, *IpAddress::Parse("2001:db9::1"), 1, b, 2));
  EXPECT_NE(hash, FlowHash(key, a, 1, *IpAddress::Parse("2001:db9::2"), 2));
  EXPECT_NE(hash, FlowHash(FlowHashKey::FromSeed(2), a, 1, b, 2));
}

}  // namespace
}  // namespace corelane
