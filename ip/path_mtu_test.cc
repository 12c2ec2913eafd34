#include "ip/path_mtu.h"

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kNow{seconds(1000)};
const IpAddress kV4 = Ipv4Address(192, 0, 2, 1);
const IpAddress kV6 = Ipv6Address(0x20010db800000000, 1);

class PathMtuTest : public testing::Test {
 protected:
  PathMtuCache cache_{PathMtuConfig(), FlowHashKey::FromSeed(1)};
};

TEST_F(PathMtuTest, LowersAndExpires) {
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow), 1500u);
  EXPECT_TRUE(cache_.Update(kV4, 1400, 1500, kNow));
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow), 1400u);
  EXPECT_EQ(cache_.Get(kV4, 1300, kNow), 1300u);
  EXPECT_EQ(cache_.Get(kV6, 1500, kNow), 1500u);
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow + minutes(10) - seconds(1)), 1400u);
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow + minutes(10)), 1500u);
}

TEST_F(PathMtuTest, NeverRaises) {
  cache_.Update(kV4, 1300, 1500, kNow);
  const uint64_t generation = cache_.generation();
  EXPECT_FALSE(cache_.Update(kV4, 1400, 1500, kNow));
  EXPECT_FALSE(cache_.Update(kV4, 1300, 1500, kNow));
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow), 1300u);
  EXPECT_EQ(cache_.generation(), generation);
}

TEST_F(PathMtuTest, FloorsAgainstForgedReports) {
  EXPECT_TRUE(cache_.Update(kV4, 68, 1500, kNow));
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow), 552u);
  // RFC 8201 §4: below 1280 is no report at all.
  EXPECT_FALSE(cache_.Update(kV6, 1279, 1500, kNow));
  EXPECT_EQ(cache_.Get(kV6, 1500, kNow), 1500u);
  EXPECT_TRUE(cache_.Update(kV6, 1280, 1500, kNow));
  EXPECT_EQ(cache_.Get(kV6, 1500, kNow), 1280u);
}

TEST_F(PathMtuTest, PlateausWhereTheRouterNamesNone) {
  EXPECT_TRUE(cache_.Update(kV4, 0, 1500, kNow));
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow), 1492u);
  EXPECT_TRUE(cache_.Update(kV4, 0, 1492, kNow));
  EXPECT_EQ(cache_.Get(kV4, 1500, kNow), 1006u);
  EXPECT_EQ(NextLowerPlateau(65535), 32000u);
  EXPECT_EQ(NextLowerPlateau(297), 296u);
  EXPECT_EQ(NextLowerPlateau(100), 68u);
}

TEST_F(PathMtuTest, IsBoundedAndKeepsWhatLivesLongest) {
  PathMtuConfig config;
  config.max_entries = 64;
  PathMtuCache cache(config, FlowHashKey::FromSeed(1));
  for (uint32_t i = 0; i < 10000; ++i) cache.Update(Ipv4Address(i), 1400, 1500, kNow + Duration(i));
  EXPECT_EQ(cache.size(kNow), 64u);
  EXPECT_EQ(cache.Get(Ipv4Address(9999), 1500, kNow), 1400u);
}

}  // namespace
}  // namespace corelane::ip
