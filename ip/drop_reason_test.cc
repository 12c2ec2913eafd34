#include "ip/drop_reason.h"

#include <set>

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

TEST(DropReasonTest, EveryReasonHasAnOwnName) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kDropReasons; ++i) names.insert(ToString(static_cast<DropReason>(i)));
  EXPECT_EQ(names.size(), kDropReasons);
  EXPECT_EQ(names.count("unknown"), 0u);
  EXPECT_EQ(ToString(DropReason::kIpBadChecksum), "ip-bad-checksum");
}

TEST(DropReasonTest, Counters) {
  DropCounters counters;
  counters.Count(DropReason::kNone);
  counters.Count(DropReason::kUdpNoSocket);
  counters.Count(DropReason::kTcpBadChecksum, 5);
  EXPECT_EQ(counters.value(DropReason::kUdpNoSocket), 1u);
  EXPECT_EQ(counters.value(DropReason::kTcpBadChecksum), 5u);
  EXPECT_EQ(counters.total(), 6u);
}

}  // namespace
}  // namespace corelane::ip
