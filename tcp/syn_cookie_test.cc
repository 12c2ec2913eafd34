#include "tcp/syn_cookie.h"

#include <gtest/gtest.h>

namespace corelane::tcp {
namespace {

using std::chrono::seconds;

class SynCookieTest : public testing::Test {
 protected:
  static Segment Syn(uint16_t mss = 1460, int8_t scale = 7, bool sack = true) {
    Segment syn;
    syn.seq = SeqNum(0xfffffff0);
    syn.flags = kSyn;
    syn.mss = mss;
    syn.window_scale = scale;
    syn.sack_permitted = sack;
    syn.has_timestamps = true;
    return syn;
  }
  // What a peer sends that received the answer.
  Segment Answer(const Segment& syn) const {
    Segment ack;
    ack.seq = syn.seq + 1;
    ack.ack = cookies_.Make(tuple_, syn, now_) + 1;
    ack.flags = kAck;
    ack.window = 4711;
    ack.has_timestamps = true;
    ack.timestamps = {99, SynCookies::TimestampFor(syn, 123'456'789)};
    return ack;
  }

  const FourTuple tuple_{Ipv4Address(0x0a000001u), Ipv4Address(0x0a000002u), 80, 4000};
  Instant now_{seconds(1000)};
  const SynCookies cookies_{SipKey{1, 2}};
};

TEST_F(SynCookieTest, RemembersWhatTheSynSaid) {
  for (const int8_t scale : {-1, 0, 7, 14}) {
    for (const bool sack : {false, true}) {
      const Segment syn = Syn(1460, scale, sack);
      const auto found = cookies_.Check(tuple_, Answer(syn), now_);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->seq, syn.seq);
      EXPECT_EQ(found->flags, kSyn);
      EXPECT_EQ(found->mss, 1460);
      EXPECT_EQ(found->window_scale, scale);
      EXPECT_EQ(found->sack_permitted, sack);
      EXPECT_EQ(found->window, 4711);
      EXPECT_TRUE(found->has_timestamps);
      EXPECT_EQ(found->timestamps.value, 99u);
    }
  }
}

TEST_F(SynCookieTest, WithoutTimestampsTheMssIsAllThatStays) {
  Segment ack = Answer(Syn());
  ack.has_timestamps = false;
  const auto found = cookies_.Check(tuple_, ack, now_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mss, 1460);
  EXPECT_EQ(found->window_scale, -1);
  EXPECT_FALSE(found->sack_permitted);
  EXPECT_FALSE(found->has_timestamps);
}

TEST_F(SynCookieTest, TheMssIsNeverMoreThanThePeerTakes) {
  const std::pair<uint16_t, uint16_t> kCases[] = {{0, 536},     {1, 64},      {535, 64},
                                                  {536, 536},   {1459, 1440}, {1460, 1460},
                                                  {9000, 8940}, {65535, 8940}};
  for (const auto& [offered, kept] : kCases) {
    EXPECT_EQ(cookies_.Check(tuple_, Answer(Syn(offered)), now_)->mss, kept) << offered;
  }
}

TEST_F(SynCookieTest, LastsAMinuteOrTwo) {
  const Segment ack = Answer(Syn());
  EXPECT_TRUE(cookies_.Check(tuple_, ack, now_ + SynCookies::kPeriod));
  EXPECT_FALSE(cookies_.Check(tuple_, ack, now_ + 2 * SynCookies::kPeriod));
  EXPECT_FALSE(cookies_.Check(tuple_, ack, now_ - SynCookies::kPeriod)) << "from the future";
  EXPECT_FALSE(cookies_.Check(tuple_, ack, now_ + 32 * SynCookies::kPeriod))
      << "its five bits come again";
}

TEST_F(SynCookieTest, NobodyElseCanHaveIt) {
  const Segment good = Answer(Syn());
  FourTuple other = tuple_;
  ++other.remote_port;
  EXPECT_FALSE(cookies_.Check(other, good, now_));
  EXPECT_FALSE(SynCookies(SipKey{1, 3}).Check(tuple_, good, now_));
  for (int bit = 0; bit < 32; ++bit) {
    Segment bad = good;
    bad.ack = SeqNum(good.ack.value() ^ 1u << bit);
    EXPECT_FALSE(cookies_.Check(tuple_, bad, now_)) << bit;
    bad = good;
    bad.seq = SeqNum(good.seq.value() ^ 1u << bit);
    EXPECT_FALSE(cookies_.Check(tuple_, bad, now_)) << bit;
  }
  for (const uint8_t flags : {kSyn, uint8_t{kSyn | kAck}, uint8_t{kRst | kAck}, kFin}) {
    Segment bad = good;
    bad.flags = flags;
    EXPECT_FALSE(cookies_.Check(tuple_, bad, now_)) << int{flags};
  }
}

TEST_F(SynCookieTest, TimestampsOnlyGoBackABit) {
  for (uint32_t clock = 0xffffff00; clock != 0x100; ++clock) {
    for (const int8_t scale : {-1, 0, 14}) {
      const uint32_t value = SynCookies::TimestampFor(Syn(1460, scale), clock);
      EXPECT_LT(clock - value, 33u);
    }
  }
}

}  // namespace
}  // namespace corelane::tcp
