#include "arp/arp_responder.h"

#include <array>

#include "gtest/gtest.h"

namespace corelane::arp {
namespace {

constexpr MacAddress kOurMac(2, 0, 0, 0, 0, 1);
constexpr MacAddress kPeerMac(2, 0, 0, 0, 0, 2);
constexpr Ipv4Address kOurIp(10, 0, 0, 1);
constexpr Ipv4Address kPeerIp(10, 0, 0, 2);
constexpr Instant kStart{std::chrono::seconds(1)};

class ArpResponderTest : public testing::Test {
 protected:
  ArpReaction Receive(const ArpPacket& packet) {
    packet.Emit(bytes_.data());
    const auto view = ArpView::Parse(bytes_);
    EXPECT_TRUE(view);
    return OnArp(*view, 0, kOurMac, packet.target_ip == kOurIp, packet.sender_ip == kOurIp, cache_,
                 kStart);
  }

  std::array<uint8_t, ArpView::kLength> bytes_;
  NeighborCache cache_{NeighborConfig(), Random(1), kStart};
};

TEST_F(ArpResponderTest, AnswersARequestAndLearnsWhoAsked) {
  const ArpReaction r = Receive(MakeArpRequest(kPeerMac, kPeerIp, kOurIp));
  EXPECT_TRUE(r.reply);
  EXPECT_FALSE(r.conflict);
  EXPECT_EQ(r.packet, (ArpPacket{arp_operation::kReply, kOurMac, kOurIp, kPeerMac, kPeerIp}));
  ASSERT_NE(cache_.Get(0, kPeerIp), nullptr);
  EXPECT_EQ(cache_.Get(0, kPeerIp)->state, NeighborState::kStale);
  EXPECT_EQ(cache_.Get(0, kPeerIp)->mac, kPeerMac);
}

TEST_F(ArpResponderTest, ARequestForAnotherTeachesNothingNew) {
  const ArpReaction r = Receive(MakeArpRequest(kPeerMac, kPeerIp, Ipv4Address(10, 0, 0, 9)));
  EXPECT_FALSE(r.reply);
  EXPECT_FALSE(r.for_us);
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(ArpResponderTest, AnUnaskedReplyCreatesNothing) {
  Receive({arp_operation::kReply, kPeerMac, kPeerIp, kOurMac, kOurIp});
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(ArpResponderTest, AnAnswerResolves) {
  NeighborHandle handle;
  EXPECT_EQ(cache_.Lookup(0, kPeerIp, kStart, handle), nullptr);
  Receive({arp_operation::kReply, kPeerMac, kPeerIp, kOurMac, kOurIp});
  EXPECT_EQ(cache_.Get(0, kPeerIp)->state, NeighborState::kReachable);
  ASSERT_NE(cache_.Find(handle, kStart), nullptr);
  EXPECT_EQ(*cache_.Find(handle, kStart), kPeerMac);
}

TEST_F(ArpResponderTest, ASecondAnswerOnlyMakesDoubtful) {
  NeighborHandle handle;
  cache_.Lookup(0, kPeerIp, kStart, handle);
  Receive({arp_operation::kReply, kPeerMac, kPeerIp, kOurMac, kOurIp});
  // Nothing is awaited any more: another address makes the entry STALE, to be probed.
  const MacAddress other(2, 0, 0, 0, 0, 66);
  Receive({arp_operation::kReply, other, kPeerIp, kOurMac, kOurIp});
  EXPECT_EQ(cache_.Get(0, kPeerIp)->state, NeighborState::kStale);
  EXPECT_EQ(cache_.Get(0, kPeerIp)->mac, other);
}

TEST_F(ArpResponderTest, GratuitousArpUpdatesButDoesNotCreate) {
  const MacAddress other(2, 0, 0, 0, 0, 77);
  Receive(MakeArpRequest(other, kPeerIp, kPeerIp));
  EXPECT_EQ(cache_.size(), 0u);
  cache_.OnSolicitation(0, kPeerIp, kPeerMac, kStart);
  Receive(MakeArpRequest(other, kPeerIp, kPeerIp));
  EXPECT_EQ(cache_.Get(0, kPeerIp)->mac, other);
}

TEST_F(ArpResponderTest, AProbeIsAnsweredAndNotLearned) {
  const ArpReaction r = Receive(MakeArpRequest(kPeerMac, Ipv4Address(), kOurIp));
  EXPECT_TRUE(r.reply);
  EXPECT_EQ(r.packet.target_ip, Ipv4Address());
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(ArpResponderTest, OurAddressInOtherHandsIsAConflict) {
  EXPECT_TRUE(Receive(MakeArpRequest(kPeerMac, kOurIp, kOurIp)).conflict);
  EXPECT_FALSE(Receive(MakeArpRequest(kOurMac, kOurIp, kOurIp)).conflict);
  EXPECT_EQ(cache_.size(), 0u);
}

}  // namespace
}  // namespace corelane::arp
