#include "ip/ndp_responder.h"

#include <vector>

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

using arp::NeighborState;

const Ipv6Address kUs(0xfe80'0000'0000'0000, 1);
const Ipv6Address kPeer(0xfe80'0000'0000'0000, 2);
constexpr MacAddress kOurMac(2, 0, 0, 0, 0, 1);
constexpr MacAddress kPeerMac(2, 0, 0, 0, 0, 2);
constexpr Instant kNow{std::chrono::seconds(1)};

class NdpResponderTest : public testing::Test {
 protected:
  NdpResponderTest() { EXPECT_TRUE(addresses_.Add(0, {kUs, 64}).ok()); }

  template <class Message>
  NdpReaction Receive(const Message& message, const Ipv6Address& src, const Ipv6Address& dst) {
    std::vector<uint8_t> bytes(message.length());
    message.Emit(bytes.data(), src, dst);
    const NdpContext context{src, dst, 255};
    const auto view = NdpView::Parse(bytes, context);
    EXPECT_TRUE(view);
    return OnNdp(*view, context, 0, addresses_, kOurMac, cache_, kNow);
  }

  AddressTable addresses_;
  arp::NeighborCache cache_{arp::NeighborConfig(), Random(1), kNow};
};

TEST_F(NdpResponderTest, AnswersASolicitationAndLearnsWhoAsked) {
  const auto r = Receive(NeighborSolicitation{kUs, kPeerMac, {}}, kPeer, kUs.SolicitedNode());
  EXPECT_TRUE(r.reply);
  EXPECT_EQ(r.source, kUs);
  EXPECT_EQ(r.destination, kPeer);
  EXPECT_EQ(r.advertisement, (NeighborAdvertisement{kUs, false, true, true, kOurMac}));
  ASSERT_NE(cache_.Get(0, kPeer), nullptr);
  EXPECT_EQ(cache_.Get(0, kPeer)->state, NeighborState::kStale);
}

TEST_F(NdpResponderTest, AProbeIsAnsweredToAllNodesAndNotLearned) {
  const auto r = Receive(NeighborSolicitation{kUs, {}, {}}, Ipv6Address(), kUs.SolicitedNode());
  EXPECT_TRUE(r.reply);
  EXPECT_EQ(r.destination, Ipv6Address::AllNodes());
  EXPECT_FALSE(r.advertisement.solicited);
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(NdpResponderTest, OtherTargetsAreNotAnswered) {
  const auto r = Receive(NeighborSolicitation{kPeer, kPeerMac, {}}, kPeer, kUs);
  EXPECT_FALSE(r.for_us);
  EXPECT_FALSE(r.reply);
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(NdpResponderTest, TentativeAddressesAreSilentAndSeeConflicts) {
  addresses_.SetState(0, kUs, AddressState::kTentative);
  auto r = Receive(NeighborSolicitation{kUs, {}, {}}, Ipv6Address(), kUs.SolicitedNode());
  EXPECT_FALSE(r.reply);
  EXPECT_TRUE(r.conflict);
  r = Receive(NeighborSolicitation{kUs, kPeerMac, {}}, kPeer, kUs.SolicitedNode());
  EXPECT_FALSE(r.reply);
  EXPECT_FALSE(r.conflict);
  r = Receive(NeighborAdvertisement{kUs, false, false, true, kPeerMac}, kUs,
              Ipv6Address::AllNodes());
  EXPECT_TRUE(r.conflict);
}

TEST_F(NdpResponderTest, AnAnswerResolves) {
  arp::NeighborHandle handle;
  cache_.Lookup(0, kPeer, kNow, handle);
  const auto r = Receive(NeighborAdvertisement{kPeer, true, true, true, kPeerMac}, kPeer, kUs);
  EXPECT_TRUE(r.for_us);
  EXPECT_EQ(cache_.Get(0, kPeer)->state, NeighborState::kReachable);
  EXPECT_TRUE(cache_.Get(0, kPeer)->is_router);
  EXPECT_EQ(*cache_.Find(handle, kNow), kPeerMac);
}

TEST_F(NdpResponderTest, UnsolicitedAdvertisementsCreateNothing) {
  const auto r = Receive(NeighborAdvertisement{kPeer, false, false, true, kPeerMac}, kPeer,
                         Ipv6Address::AllNodes());
  EXPECT_FALSE(r.for_us);
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(NdpResponderTest, RouterAdvertisementsSetTheTimes) {
  RouterAdvertisement ra;
  ra.source_mac = kPeerMac;
  ra.reachable_time_ms = 100'000;
  Receive(ra, kPeer, Ipv6Address::AllNodes());
  EXPECT_EQ(cache_.Get(0, kPeer)->state, NeighborState::kStale);
  cache_.OnAdvertisement(0, kPeer, kPeerMac, true, true, true, kNow);
  EXPECT_GE(cache_.Get(0, kPeer)->reachable_until - kNow, std::chrono::seconds(50));
  // A router that asks for a storm of solicitations does not get it.
  ra.retrans_timer_ms = 1;
  Receive(ra, kPeer, Ipv6Address::AllNodes());
  arp::NeighborHandle handle;
  cache_.Lookup(0, kUs.SolicitedNode(), kNow, handle);
  EXPECT_GT(cache_.NextDeadline(), kNow + std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace corelane::ip
