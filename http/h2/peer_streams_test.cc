#include "http/h2/peer_streams.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace corelane::h2 {
namespace {

using State = PeerStreams::State;

TEST(PeerStreams, FollowsAStream) {
  PeerStreams streams(10);
  EXPECT_EQ(streams.Look(1), State::kIdle);
  streams.Open(1, false);
  EXPECT_EQ(streams.Look(1), State::kOpen);
  streams.End(1);
  EXPECT_EQ(streams.Look(1), State::kClosed);
  streams.End(1);
  streams.Open(3, true);
  EXPECT_EQ(streams.Look(3), State::kClosed);
  EXPECT_EQ(streams.Look(5), State::kIdle);
}

TEST(PeerStreams, WhatIsSkippedIsToldFromWhatWasOpened) {
  PeerStreams streams(10);
  streams.Open(5, false);
  streams.Open(7, true);
  streams.Open(11, false);
  for (const uint32_t id : {1u, 3u, 9u}) EXPECT_EQ(streams.Look(id), State::kSkipped) << id;
  EXPECT_EQ(streams.Look(5), State::kOpen);
  EXPECT_EQ(streams.Look(7), State::kClosed);
  for (uint32_t id = 15; id < 400; id += 4) streams.Open(id, false);
  EXPECT_EQ(streams.Look(397), State::kSkipped);
}

TEST(PeerStreams, ForgetsTheOldestInFavourOfTheClient) {
  PeerStreams streams(3);
  for (uint32_t id = 1; id <= 11; id += 2) streams.Open(id, id == 3 || id == 9);
  // 1, 5, 7 and 11 are open: one too many.
  EXPECT_EQ(streams.Look(1), State::kOpen);
  EXPECT_EQ(streams.Look(3), State::kClosed);
  streams.End(1);
  EXPECT_EQ(streams.Look(1), State::kOpen) << "it was forgotten";
  streams.Open(13, false);
  EXPECT_EQ(streams.Look(3), State::kOpen) << "below one that was forgotten";
  EXPECT_EQ(streams.Look(9), State::kClosed);
  for (const uint32_t id : {7u, 11u, 13u}) {
    EXPECT_EQ(streams.Look(id), State::kOpen);
    streams.End(id);
    EXPECT_EQ(streams.Look(id), State::kClosed);
  }
}

}  // namespace
}  // namespace corelane::h2
