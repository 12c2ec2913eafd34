#include "arp/neighbor_cache.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace corelane::arp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = NeighborOutput::Kind;

constexpr MacAddress kMac(2, 0, 0, 0, 0, 2);
constexpr MacAddress kOtherMac(2, 0, 0, 0, 0, 3);
constexpr Ipv4Address kPeer(10, 0, 0, 2);

IpAddress PeerNumber(uint32_t i) { return Ipv4Address(0x0a010000 + i); }

class NeighborCacheTest : public testing::Test {
 protected:
  NeighborCacheTest() { Reset(NeighborConfig()); }

  void Reset(const NeighborConfig& config) {
    config_ = config;
    cache_ = std::make_unique<NeighborCache>(config, Random(7), now_);
  }
  PacketBuf Packet(uint8_t mark) {
    PacketBuf packet = pool_.Allocate();
    *packet.Append(1) = mark;
    return packet;
  }
  const MacAddress* Lookup(const IpAddress& address = kPeer) {
    return cache_->Lookup(0, address, now_, handle_);
  }
  void Advance(Duration by) {
    now_ += by;
    cache_->OnTimer(now_);
  }
  NeighborState State(const IpAddress& address = kPeer) const {
    const Neighbor* entry = cache_->Get(0, address);
    return entry == nullptr ? NeighborState::kFree : NeighborCache::StateOf(*entry, now_);
  }
  void Advertise(const MacAddress& mac, bool solicited, bool override_flag) {
    cache_->OnAdvertisement(0, kPeer, mac, solicited, override_flag, false, now_);
  }
  // Everything there is to poll.
  std::vector<NeighborOutput> Poll() {
    std::vector<NeighborOutput> all;
    NeighborOutput output;
    while (cache_->Poll(output)) all.push_back(std::move(output));
    return all;
  }
  void MakeReachable(const IpAddress& address = kPeer) {
    Lookup(address);
    cache_->OnAdvertisement(0, address, kMac, true, true, false, now_);
    Poll();
  }

  PacketPool pool_{64};
  Instant now_{seconds(100)};
  NeighborConfig config_;
  std::unique_ptr<NeighborCache> cache_;
  NeighborHandle handle_;
};

TEST_F(NeighborCacheTest, ResolvesAndReleasesPacketsInOrder) {
  EXPECT_EQ(Lookup(), nullptr);
  EXPECT_EQ(State(), NeighborState::kIncomplete);
  cache_->Hold(handle_, Packet(1), now_);
  cache_->Hold(handle_, Packet(2), now_);
  auto out = Poll();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind, Kind::kSolicitMulticast);
  EXPECT_EQ(out[0].address, IpAddress(kPeer));

  Advertise(kMac, true, false);
  EXPECT_EQ(State(), NeighborState::kReachable);
  out = Poll();
  ASSERT_EQ(out.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(out[i].kind, Kind::kTransmit);
    EXPECT_EQ(out[i].mac, kMac);
    EXPECT_EQ(out[i].packet.data()[0], i + 1);
  }
  ASSERT_NE(cache_->Find(handle_, now_), nullptr);
  EXPECT_EQ(*cache_->Find(handle_, now_), kMac);
  EXPECT_EQ(cache_->pending_packets(), 0u);
}

TEST_F(NeighborCacheTest, SolicitsThreeTimesThenFails) {
  Lookup();
  cache_->Hold(handle_, Packet(9), now_);
  EXPECT_EQ(Poll().size(), 1u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_LE(cache_->NextDeadline(), now_ + seconds(1));
    Advance(milliseconds(999));
    EXPECT_TRUE(Poll().empty());
    Advance(milliseconds(2));
    const auto out = Poll();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].kind, Kind::kSolicitMulticast);
  }
  Advance(milliseconds(1001));
  auto out = Poll();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind, Kind::kUnreachable);
  EXPECT_EQ(out[0].packet.data()[0], 9);
  EXPECT_EQ(State(), NeighborState::kFailed);

  // RFC 1122 §2.3.2.1: no flood of requests while the failure is fresh.
  EXPECT_EQ(Lookup(), nullptr);
  cache_->Hold(handle_, Packet(10), now_);
  out = Poll();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind, Kind::kUnreachable);
  out.clear();

  Advance(milliseconds(1001));
  EXPECT_EQ(State(), NeighborState::kFree);
  EXPECT_EQ(cache_->NextDeadline(), kNever);
  EXPECT_EQ(cache_->Find(handle_, now_), nullptr);
  Lookup();
  EXPECT_EQ(Poll().size(), 1u);
}

TEST_F(NeighborCacheTest, ReachableTimeIsRandomisedAndLazy) {
  MakeReachable();
  EXPECT_EQ(cache_->NextDeadline(), kNever);  // An idle cache wakes nobody.
  const Instant until = cache_->Get(0, kPeer)->reachable_until;
  EXPECT_GE(until - now_, seconds(15));
  EXPECT_LE(until - now_, seconds(45));
  now_ = until - Duration(1);
  EXPECT_NE(cache_->Find(handle_, now_), nullptr);
  now_ = until;
  EXPECT_EQ(cache_->Find(handle_, now_), nullptr);
  EXPECT_EQ(State(), NeighborState::kStale);
}

TEST_F(NeighborCacheTest, UseOfAStaleEntryDelaysThenProbes) {
  MakeReachable();
  now_ += seconds(60);
  ASSERT_NE(Lookup(), nullptr);  // RFC 4861 §7.3.3: sent at once.
  EXPECT_EQ(State(), NeighborState::kDelay);
  EXPECT_NE(cache_->Find(handle_, now_ + seconds(4)), nullptr);
  EXPECT_TRUE(Poll().empty());
  Advance(milliseconds(5001));
  EXPECT_EQ(State(), NeighborState::kProbe);
  auto out = Poll();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind, Kind::kSolicitUnicast);
  EXPECT_EQ(out[0].mac, kMac);
  EXPECT_NE(cache_->Find(handle_, now_), nullptr);
  Advertise(kMac, true, true);
  EXPECT_EQ(State(), NeighborState::kReachable);
}

TEST_F(NeighborCacheTest, AProbeWithoutAnswerEndsTheEntry) {
  MakeReachable();
  now_ += seconds(60);
  Lookup();
  Advance(milliseconds(5001));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Poll().size(), 1u);
    Advance(milliseconds(1001));
  }
  EXPECT_EQ(Poll().size(), 1u);
  Advance(milliseconds(1001));
  EXPECT_EQ(State(), NeighborState::kFailed);
  EXPECT_EQ(cache_->Find(handle_, now_), nullptr);
}

TEST_F(NeighborCacheTest, UpperLayerConfirmationAvoidsTheProbe) {
  MakeReachable();
  now_ += seconds(60);
  Lookup();
  Advance(seconds(2));
  cache_->Confirm(handle_, now_);
  EXPECT_EQ(State(), NeighborState::kReachable);
  Advance(seconds(10));
  EXPECT_TRUE(Poll().empty());
  EXPECT_EQ(State(), NeighborState::kReachable);
}

TEST_F(NeighborCacheTest, RegularConfirmationKeepsAnEntryReachableForEver) {
  MakeReachable();
  for (int i = 0; i < 1000; ++i) {
    now_ += seconds(1);
    cache_->Confirm(handle_, now_);
    ASSERT_NE(cache_->Find(handle_, now_), nullptr) << i;
  }
}

TEST_F(NeighborCacheTest, WhoAsksForSomebodyElseIsToldOfWhatIsKnown) {
  cache_->Resolve(0, kPeer, now_);
  ASSERT_EQ(State(), NeighborState::kIncomplete);
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_EQ(cache_->changes(), 0u) << "nothing is known yet";
  Advertise(kMac, true, false);
  const uint64_t learned = cache_->changes();
  EXPECT_EQ(learned, 1u);
  EXPECT_EQ(cache_->Get(0, kPeer)->changed, learned);
  // Once more, as the one who asks may have missed it.
  cache_->Resolve(0, kPeer, now_);
  EXPECT_EQ(State(), NeighborState::kReachable);
  EXPECT_EQ(cache_->Get(0, kPeer)->changed, learned + 1);
  EXPECT_EQ(cache_->changes(), learned + 1);
  EXPECT_TRUE(Poll().empty());
}

TEST_F(NeighborCacheTest, WhoAsksForSomebodyElseDoesNotWaitForTheDelay) {
  MakeReachable();
  Advance(2 * config_.base_reachable_time);
  ASSERT_EQ(State(), NeighborState::kStale);
  const uint64_t before = cache_->changes();
  cache_->Resolve(0, kPeer, now_);
  EXPECT_EQ(State(), NeighborState::kProbe);
  const auto out = Poll();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind, Kind::kSolicitUnicast);
  EXPECT_EQ(cache_->changes(), before);
  Advertise(kOtherMac, true, true);
  EXPECT_EQ(cache_->changes(), before + 1);
  EXPECT_EQ(cache_->Get(0, kPeer)->mac, kOtherMac);
}

TEST_F(NeighborCacheTest, AStaticOneIsToldAtOnce) {
  ASSERT_TRUE(cache_->AddStatic(0, kPeer, kMac));
  const uint64_t before = cache_->changes();
  cache_->Resolve(0, kPeer, now_);
  EXPECT_EQ(cache_->Get(0, kPeer)->changed, before + 1);
  EXPECT_TRUE(Poll().empty());
}

TEST_F(NeighborCacheTest, ConfirmationDoesNotResolve) {
  Lookup();
  cache_->Confirm(handle_, now_);
  EXPECT_EQ(State(), NeighborState::kIncomplete);
}

// RFC 4861 appendix C, the rows for advertisements.
struct AdvertisementCase {
  NeighborState before;
  bool solicited;
  bool override_flag;
  bool same_mac;
  NeighborState after;
  bool mac_changes;
};

class AdvertisementTest : public NeighborCacheTest,
                          public testing::WithParamInterface<AdvertisementCase> {};

TEST_P(AdvertisementTest, Transition) {
  const AdvertisementCase& c = GetParam();
  MakeReachable();
  if (c.before != NeighborState::kReachable) now_ += seconds(60);
  if (c.before == NeighborState::kDelay || c.before == NeighborState::kProbe) Lookup();
  if (c.before == NeighborState::kProbe) Advance(milliseconds(5001));
  ASSERT_EQ(State(), c.before);
  Advertise(c.same_mac ? kMac : kOtherMac, c.solicited, c.override_flag);
  EXPECT_EQ(State(), c.after);
  EXPECT_EQ(cache_->Get(0, kPeer)->mac, c.mac_changes ? kOtherMac : kMac);
}

constexpr auto kR = NeighborState::kReachable;
constexpr auto kS = NeighborState::kStale;
constexpr auto kD = NeighborState::kDelay;
constexpr auto kP = NeighborState::kProbe;

INSTANTIATE_TEST_SUITE_P(
    Rfc4861AppendixC, AdvertisementTest,
    testing::Values(
        // Solicited, same address: reachable, whatever the override flag.
        AdvertisementCase{kR, true, false, true, kR, false},
        AdvertisementCase{kS, true, false, true, kR, false},
        AdvertisementCase{kD, true, true, true, kR, false},
        AdvertisementCase{kP, true, false, true, kR, false},
        // Solicited, other address, no override: REACHABLE becomes STALE, others stay.
        AdvertisementCase{kR, true, false, false, kS, false},
        AdvertisementCase{kS, true, false, false, kS, false},
        AdvertisementCase{kD, true, false, false, kD, false},
        AdvertisementCase{kP, true, false, false, kP, false},
        // Solicited, other address, override: taken over.
        AdvertisementCase{kR, true, true, false, kR, true},
        AdvertisementCase{kP, true, true, false, kR, true},
        // Unsolicited, same address: unchanged.
        AdvertisementCase{kR, false, true, true, kR, false},
        AdvertisementCase{kD, false, true, true, kD, false},
        // Unsolicited, other address, override: STALE with it.
        AdvertisementCase{kR, false, true, false, kS, true},
        AdvertisementCase{kS, false, true, false, kS, true},
        AdvertisementCase{kD, false, true, false, kS, true},
        AdvertisementCase{kP, false, true, false, kS, true},
        // Unsolicited, other address, no override.
        AdvertisementCase{kR, false, false, false, kS, false},
        AdvertisementCase{kD, false, false, false, kD, false}));

TEST_F(NeighborCacheTest, AnUnsolicitedAnswerResolvesToStale) {
  Lookup();
  cache_->Hold(handle_, Packet(1), now_);
  Poll();
  Advertise(kMac, false, true);
  EXPECT_EQ(State(), NeighborState::kStale);
  EXPECT_EQ(Poll().size(), 1u);
}

TEST_F(NeighborCacheTest, StrangersAloneMakeNoChangeThatPresses) {
  for (uint32_t i = 0; i < 20; ++i) {
    cache_->OnSolicitation(0, PeerNumber(i), kMac, now_);
    cache_->OnSolicitation(0, PeerNumber(i), kOtherMac, now_);
  }
  EXPECT_EQ(cache_->changes(), 40u);
  EXPECT_EQ(cache_->pressing_changes(), 0u);
  MakeReachable();
  EXPECT_EQ(cache_->pressing_changes(), 0u) << "only this cache's user waited for it";
  Advertise(kOtherMac, false, true);
  EXPECT_EQ(cache_->pressing_changes(), 1u) << "it is in use";
  cache_->OnSolicitation(0, kPeer, kMac, now_);
  EXPECT_EQ(cache_->pressing_changes(), 2u);
  Advertise(kMac, true, true);
  EXPECT_EQ(cache_->pressing_changes(), 2u) << "confirmed, which can wait";
}

TEST_F(NeighborCacheTest, WhatSomebodyElseAskedForPresses) {
  cache_->Resolve(0, kPeer, now_);
  EXPECT_EQ(cache_->pressing_changes(), 0u);
  Advertise(kMac, true, false);
  EXPECT_EQ(cache_->pressing_changes(), 1u);
  cache_->Resolve(0, kPeer, now_);
  EXPECT_EQ(cache_->pressing_changes(), 2u) << "known";
  now_ += seconds(60);
  cache_->Resolve(0, kPeer, now_);
  EXPECT_EQ(State(), NeighborState::kProbe);
  EXPECT_EQ(cache_->pressing_changes(), 2u);
  Advertise(kMac, true, false);
  EXPECT_EQ(cache_->pressing_changes(), 3u);
  // An answer by a request of the neighbor's own.
  cache_->Resolve(0, PeerNumber(1), now_);
  cache_->OnSolicitation(0, PeerNumber(1), kMac, now_);
  EXPECT_EQ(cache_->pressing_changes(), 4u);
}

TEST_F(NeighborCacheTest, AnAdvertisementWithoutAddressDoesNotResolve) {
  Lookup();
  cache_->OnAdvertisement(0, kPeer, std::nullopt, true, true, false, now_);
  EXPECT_EQ(State(), NeighborState::kIncomplete);
}

TEST_F(NeighborCacheTest, GroupAddressesAreNoNeighbors) {
  Lookup();
  Advertise(MacAddress::kBroadcast, true, true);
  EXPECT_EQ(State(), NeighborState::kIncomplete);
  cache_->OnSolicitation(0, PeerNumber(1), MacAddress::kBroadcast, now_);
  EXPECT_EQ(cache_->size(), 1u);
}

TEST_F(NeighborCacheTest, UnsolicitedMessagesCreateNothing) {
  for (uint32_t i = 0; i < 1000; ++i)
    cache_->OnAdvertisement(0, PeerNumber(i), kMac, true, true, false, now_);
  EXPECT_EQ(cache_->size(), 0u);
  EXPECT_EQ(cache_->stats().ignored, 1000u);
}

TEST_F(NeighborCacheTest, ASolicitationCreatesAStaleEntry) {
  cache_->OnSolicitation(0, kPeer, kMac, now_);
  EXPECT_EQ(State(), NeighborState::kStale);
  // RFC 4861 §7.2.3: the same address changes nothing, another one makes it STALE.
  MakeReachable();
  cache_->OnSolicitation(0, kPeer, kMac, now_);
  EXPECT_EQ(State(), NeighborState::kReachable);
  cache_->OnSolicitation(0, kPeer, kOtherMac, now_);
  EXPECT_EQ(State(), NeighborState::kStale);
  EXPECT_EQ(cache_->Get(0, kPeer)->mac, kOtherMac);
}

TEST_F(NeighborCacheTest, ASolicitationReleasesWhatWaitsForItsSender) {
  Lookup();
  cache_->Hold(handle_, Packet(5), now_);
  Poll();
  cache_->OnSolicitation(0, kPeer, kMac, now_);
  const auto out = Poll();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind, Kind::kTransmit);
  EXPECT_EQ(out[0].mac, kMac);
}

TEST_F(NeighborCacheTest, StaticEntriesNeverChange) {
  ASSERT_TRUE(cache_->AddStatic(0, kPeer, kMac));
  Advertise(kOtherMac, true, true);
  cache_->OnSolicitation(0, kPeer, kOtherMac, now_);
  now_ += std::chrono::hours(100);
  ASSERT_NE(Lookup(), nullptr);
  EXPECT_EQ(*Lookup(), kMac);
  EXPECT_NE(cache_->Find(handle_, now_), nullptr);
  EXPECT_EQ(cache_->NextDeadline(), kNever);
  EXPECT_TRUE(Poll().empty());
  cache_->Flush(0);
  EXPECT_EQ(State(), NeighborState::kStatic);
  EXPECT_TRUE(cache_->Remove(0, kPeer));
  EXPECT_EQ(cache_->Find(handle_, now_), nullptr);
}

TEST_F(NeighborCacheTest, AStaticEntryReleasesWhatWaited) {
  Lookup();
  cache_->Hold(handle_, Packet(1), now_);
  Poll();
  cache_->AddStatic(0, kPeer, kMac);
  const auto out = Poll();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind, Kind::kTransmit);
}

TEST_F(NeighborCacheTest, InterfacesAreApart) {
  MakeReachable();
  NeighborHandle other;
  EXPECT_EQ(cache_->Lookup(1, kPeer, now_, other), nullptr);
  EXPECT_EQ(cache_->size(), 2u);
  cache_->Flush(1);
  EXPECT_EQ(cache_->size(), 1u);
  EXPECT_EQ(State(), NeighborState::kReachable);
}

TEST_F(NeighborCacheTest, HandlesDoNotOutliveTheirEntry) {
  MakeReachable();
  const NeighborHandle old = handle_;
  cache_->Remove(0, kPeer);
  EXPECT_EQ(cache_->Find(old, now_), nullptr);
  MakeReachable(PeerNumber(1));  // Takes the same slot.
  EXPECT_EQ(handle_.entry, old.entry);
  EXPECT_EQ(cache_->Find(old, now_), nullptr);
  cache_->Hold(old, Packet(1), now_);
  cache_->Confirm(old, now_);
  EXPECT_EQ(cache_->stats().pending_dropped, 1u);
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_F(NeighborCacheTest, PendingPacketsAreBounded) {
  NeighborConfig config;
  config.max_pending_per_entry = 3;
  config.max_pending = 5;
  Reset(config);
  Lookup();
  for (uint8_t i = 0; i < 10; ++i) cache_->Hold(handle_, Packet(i), now_);
  EXPECT_EQ(cache_->pending_packets(), 3u);
  Lookup(PeerNumber(1));
  for (uint8_t i = 0; i < 10; ++i) cache_->Hold(handle_, Packet(i), now_);
  EXPECT_EQ(cache_->pending_packets(), 5u);
  Poll();
  // RFC 1122 §2.3.2.2: the latest ones were kept.
  Advertise(kMac, true, true);
  const auto out = Poll();
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].packet.data()[0], 7);
  EXPECT_EQ(out[2].packet.data()[0], 9);
}

TEST_F(NeighborCacheTest, IncompleteEntriesAreCapped) {
  NeighborConfig config;
  config.max_incomplete = 16;
  Reset(config);
  for (uint32_t i = 0; i < 5000; ++i) {
    Lookup(PeerNumber(i));
    cache_->Hold(handle_, Packet(0), now_);
  }
  EXPECT_EQ(cache_->incomplete(), 16u);
  EXPECT_LE(pool_.in_use(), 16u);
  // A real neighbor resolves as long as it answers before 16 others were asked for.
  Lookup();
  for (uint32_t i = 0; i < 15; ++i) {
    NeighborHandle other;
    cache_->Lookup(0, PeerNumber(9000 + i), now_, other);
  }
  Advertise(kMac, true, true);
  EXPECT_EQ(State(), NeighborState::kReachable);
}

TEST_F(NeighborCacheTest, RequestsOfStrangersEvictOnlyStaleEntries) {
  NeighborConfig config;
  config.max_entries = 100;
  Reset(config);
  for (uint32_t i = 0; i < 10; ++i) MakeReachable(PeerNumber(i));
  for (uint32_t i = 0; i < 10000; ++i)
    cache_->OnSolicitation(0, Ipv4Address(0x0a020000 + i), kOtherMac, now_);
  EXPECT_EQ(cache_->size(), 100u);
  for (uint32_t i = 0; i < 10; ++i) EXPECT_EQ(State(PeerNumber(i)), NeighborState::kReachable) << i;
  // The least recently used ones went: the last 90 are there.
  EXPECT_EQ(State(Ipv4Address(0x0a020000 + 9999)), NeighborState::kStale);
  EXPECT_EQ(State(Ipv4Address(0x0a020000)), NeighborState::kFree);
  // What we want to talk to ourselves always finds a place.
  EXPECT_EQ(Lookup(), nullptr);
  EXPECT_EQ(State(), NeighborState::kIncomplete);
}

TEST_F(NeighborCacheTest, AFullTableOfReachableNeighborsRefusesStrangersOnly) {
  NeighborConfig config;
  config.max_entries = 4;
  Reset(config);
  for (uint32_t i = 0; i < 4; ++i) MakeReachable(PeerNumber(i));
  cache_->OnSolicitation(0, kPeer, kMac, now_);
  EXPECT_EQ(State(), NeighborState::kFree);
  EXPECT_EQ(cache_->stats().table_full, 1u);
  Lookup();
  EXPECT_EQ(State(), NeighborState::kIncomplete);
  EXPECT_EQ(State(PeerNumber(0)), NeighborState::kFree);
}

TEST_F(NeighborCacheTest, AFullTableOfStaticEntriesRefusesEverything) {
  NeighborConfig config;
  config.max_entries = 2;
  Reset(config);
  EXPECT_TRUE(cache_->AddStatic(0, PeerNumber(0), kMac));
  EXPECT_TRUE(cache_->AddStatic(0, PeerNumber(1), kMac));
  EXPECT_FALSE(cache_->AddStatic(0, PeerNumber(2), kMac));
  EXPECT_EQ(Lookup(), nullptr);
  EXPECT_EQ(handle_.entry, nullptr);
  cache_->Hold(handle_, Packet(1), now_);
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_F(NeighborCacheTest, NothingLeaksWhenDestroyedBusy) {
  for (uint32_t i = 0; i < 20; ++i) {
    Lookup(PeerNumber(i));
    cache_->Hold(handle_, Packet(1), now_);
  }
  cache_.reset();
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_F(NeighborCacheTest, ForEachVisitsEveryEntryOnce) {
  for (uint32_t i = 0; i < 100; ++i) Lookup(PeerNumber(i));
  cache_->Remove(0, PeerNumber(50));
  size_t n = 0;
  cache_->ForEach([&](const Neighbor& entry) {
    EXPECT_EQ(entry.state, NeighborState::kIncomplete);
    ++n;
  });
  EXPECT_EQ(n, 99u);
}

}  // namespace
}  // namespace corelane::arp
