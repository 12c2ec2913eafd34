#include "tcp/initial_sequence.h"

#include <gtest/gtest.h>

#include <set>

namespace corelane::tcp {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

FourTuple Tuple(uint16_t local, uint16_t remote) {
  return {Ipv4Address(0x0a000001u), Ipv4Address(0x0a000002u), local, remote};
}

class InitialSequenceTest : public testing::Test {
 protected:
  SeqNum Iss(const FourTuple& tuple, Instant now) const {
    return secrets_.ForConnection(tuple, now).iss;
  }

  Random random_{1};
  SequenceSecrets secrets_{random_};
  Instant now_{seconds(100)};
};

TEST_F(InitialSequenceTest, TheClockTicksEveryFourMicroseconds) {  // RFC 6528 §3
  const FourTuple t = Tuple(1, 2);
  const SeqNum first = Iss(t, now_);
  EXPECT_EQ(Iss(t, now_), first);
  EXPECT_EQ(Iss(t, now_ + microseconds(4)), first + 1);
  EXPECT_EQ(Iss(t, now_ + seconds(1)), first + 250'000);
}

TEST_F(InitialSequenceTest, ATupleKeepsItsTimestampOffset) {  // RFC 6191
  const FourTuple t = Tuple(1, 2);
  EXPECT_EQ(secrets_.ForConnection(t, now_).timestamp_offset,
            secrets_.ForConnection(t, now_ + seconds(1000)).timestamp_offset);
}

TEST_F(InitialSequenceTest, EveryPartOfTheTupleCounts) {
  const FourTuple base = Tuple(1, 2);
  FourTuple other_local = base;
  other_local.local = Ipv4Address(0x0a000003u);
  FourTuple other_remote = base;
  other_remote.remote = Ipv4Address(0x0a000003u);
  std::set<uint32_t> seen;
  std::set<uint32_t> offsets;
  for (const FourTuple& t :
       {base, Tuple(1, 3), Tuple(3, 2), Tuple(2, 1), other_local, other_remote}) {
    seen.insert(Iss(t, now_).value());
    offsets.insert(secrets_.ForConnection(t, now_).timestamp_offset);
  }
  EXPECT_EQ(seen.size(), 6u);
  EXPECT_EQ(offsets.size(), 6u);
}

TEST_F(InitialSequenceTest, SecretsDiffer) {
  SequenceSecrets others(random_);
  const FourTuple t = Tuple(1, 2);
  const InitialNumbers ours = secrets_.ForConnection(t, Instant());
  const InitialNumbers theirs = others.ForConnection(t, Instant());
  EXPECT_NE(ours.iss, theirs.iss);
  EXPECT_NE(ours.timestamp_offset, theirs.timestamp_offset);
  EXPECT_NE(secrets_.PortOffset(t.local, t.remote, 2), others.PortOffset(t.local, t.remote, 2));
  // One value tells nothing about the others.
  EXPECT_NE(ours.iss.value(), ours.timestamp_offset);
}

TEST_F(InitialSequenceTest, PortOffsetDependsOnTheRemoteEndpoint) {  // RFC 6056 §3.3.3
  const FourTuple t = Tuple(1, 2);
  EXPECT_EQ(secrets_.PortOffset(t.local, t.remote, 80), secrets_.PortOffset(t.local, t.remote, 80));
  EXPECT_NE(secrets_.PortOffset(t.local, t.remote, 80), secrets_.PortOffset(t.local, t.remote, 81));
  EXPECT_NE(secrets_.PortOffset(t.local, t.remote, 80), secrets_.PortOffset(t.remote, t.local, 80));
}

}  // namespace
}  // namespace corelane::tcp
