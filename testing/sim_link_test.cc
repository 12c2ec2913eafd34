#include "testing/sim_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "testing/segment_matchers.h"

namespace corelane::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

// A link whose ends are driven by hand: numbered frames go in at end 0.
class SimLinkTest : public ::testing::Test {
 protected:
  static constexpr size_t kSize = 125;  // bytes of a frame: 1000 bits

  void Make(const SimLinkOptions& options = SimLinkOptions(), uint64_t seed = 1) {
    link_ = std::make_unique<SimLink>(0, options, seed,
                                      [this](const SimFrame& frame) { return Seen(frame); });
  }
  SimLinkOptions Path(const SimPath& path) {
    SimLinkOptions options;
    options.path[0] = path;
    return options;
  }

  bool Seen(const SimFrame& frame) {
    ++seen_;
    return !filter_ || filter_(frame);
  }

  Bytes Numbered(uint32_t number, size_t size = kSize) {
    Bytes bytes(size);
    bytes[20] = static_cast<uint8_t>(number >> 8);
    bytes[21] = static_cast<uint8_t>(number);
    return bytes;
  }
  // False: the device is full.
  bool SendBytes(const Bytes& bytes, Instant at) {
    PacketBuf packet[1];
    driver::DeviceQueue& queue = link_->device(0).queue(0);
    EXPECT_EQ(queue.AllocateBurst(packet), 1u);
    std::copy(bytes.begin(), bytes.end(), packet[0].Append(bytes.size()));
    return queue.TransmitBurst(at, packet) == 1;
  }
  void SendMany(uint32_t count, Instant at = Instant()) {
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_TRUE(SendBytes(Numbered(next_++), at));
      Collect(at);
    }
  }

  struct Arrival {
    uint32_t number;
    Instant at;
  };
  void Collect(Instant at) {
    PacketBuf packets[8];
    for (size_t n; (n = link_->device(1).queue(0).ReceiveBurst(at, packets)) > 0;) {
      for (size_t i = 0; i < n; ++i) {
        Bytes bytes(packets[i].packet_size());
        packets[i].CopyOut(0, bytes);
        arrivals_.push_back({bytes[20] * 256u + bytes[21], at});
        frames_.push_back(std::move(bytes));
        packets[i].Reset();
      }
    }
  }
  // Event by event until nothing is on its way.
  void Drain() {
    for (Instant next = link_->NextEvent(); next != kNever; next = link_->NextEvent()) {
      Collect(next);
    }
  }
  std::vector<uint32_t> Numbers() const {
    std::vector<uint32_t> numbers;
    for (const Arrival& a : arrivals_) numbers.push_back(a.number);
    return numbers;
  }
  static Instant At(Duration d) { return Instant() + d; }

  std::function<bool(const SimFrame&)> filter_;
  std::unique_ptr<SimLink> link_;
  std::vector<Arrival> arrivals_;
  std::vector<Bytes> frames_;
  uint32_t next_ = 0;
  size_t seen_ = 0;
};

TEST_F(SimLinkTest, DelaysEveryFrame) {
  Make(Path({.delay = milliseconds(7)}));
  SendMany(1);
  SendMany(1, At(milliseconds(2)));
  Collect(At(milliseconds(7)) - Duration(1));
  EXPECT_TRUE(arrivals_.empty());
  EXPECT_EQ(link_->NextEvent(), At(milliseconds(7)));
  Drain();
  EXPECT_THAT(Numbers(), ElementsAre(0, 1));
  EXPECT_EQ(arrivals_[1].at, At(milliseconds(9)));
  EXPECT_EQ(link_->NextEvent(), kNever);
  EXPECT_EQ(link_->in_flight(), 0u);
}

TEST_F(SimLinkTest, BandwidthSpacesFrames) {
  Make(Path({.delay = milliseconds(1), .bandwidth = 1'000'000}));  // 1 ms a frame
  SendMany(10);
  EXPECT_EQ(seen_, 10u);
  Drain();
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(arrivals_[i].number, i);
    EXPECT_EQ(arrivals_[i].at, At(milliseconds(2 + i)));
  }
}

TEST_F(SimLinkTest, AFullQueueLosesFrames) {
  Make(Path({.bandwidth = 1'000'000, .queue_bytes = 4 * kSize}));
  SendMany(10);
  Drain();
  EXPECT_THAT(Numbers(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(link_->stats(0).overflowed, 6u);
  EXPECT_EQ(link_->stats(0).sent, 10u);
  EXPECT_EQ(link_->stats(0).delivered, 4u);
}

TEST_F(SimLinkTest, AFullQueueRefusesFrames) {
  Make(Path({.bandwidth = 1'000'000, .queue_bytes = 4 * kSize, .backpressure = true}));
  SendMany(4);
  EXPECT_FALSE(SendBytes(Numbered(4), Instant()));
  EXPECT_EQ(link_->device(0).queue(0).stats().tx_full, 1u);
  EXPECT_TRUE(SendBytes(Numbered(4), At(milliseconds(1))));
  Drain();
  EXPECT_EQ(arrivals_.size(), 5u);
  EXPECT_EQ(link_->stats(0).overflowed, 0u);
}

TEST_F(SimLinkTest, LosesTheShareThatItIsTold) {
  Make(Path({.loss = 0.1}));
  SendMany(10'000);
  Drain();
  // Binomial: 1000 with a standard deviation of 30.
  EXPECT_NEAR(static_cast<double>(link_->stats(0).lost), 1000, 150);
  EXPECT_EQ(arrivals_.size() + link_->stats(0).lost, 10'000u);
}

TEST_F(SimLinkTest, LosesBursts) {
  Make(Path({.burst_loss = 0.01, .burst_length = 8}));
  SendMany(20'000);
  Drain();
  size_t bursts = 0;
  for (size_t i = 1; i < arrivals_.size(); ++i) {
    if (arrivals_[i].number != arrivals_[i - 1].number + 1) ++bursts;
  }
  const auto lost = static_cast<double>(link_->stats(0).lost);
  ASSERT_GT(bursts, 100u);
  EXPECT_NEAR(lost / static_cast<double>(bursts), 8.0, 2.5);
}

TEST_F(SimLinkTest, DuplicatesFrames) {
  Make(Path({.duplicate = 1}));
  SendMany(3);
  Drain();
  EXPECT_THAT(Numbers(), ElementsAre(0, 0, 1, 1, 2, 2));
}

TEST_F(SimLinkTest, FlipsOneBit) {
  Make(Path({.corrupt = 1}));
  SendMany(200);
  Drain();
  ASSERT_EQ(frames_.size(), 200u);
  for (uint32_t i = 0; i < 200; ++i) {
    const Bytes original = Numbered(i);
    int flipped = 0;
    for (size_t j = 0; j < kSize; ++j) flipped += __builtin_popcount(original[j] ^ frames_[i][j]);
    EXPECT_EQ(flipped, 1);
  }
}

TEST_F(SimLinkTest, JitterKeepsTheOrder) {
  Make(Path({.delay = milliseconds(1), .jitter = milliseconds(5)}));
  for (int i = 0; i < 300; ++i) SendMany(1, At(microseconds(100) * i));
  Drain();
  const auto numbers = Numbers();
  ASSERT_EQ(numbers.size(), 300u);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST_F(SimLinkTest, ReorderedFramesAreLateWithinTheBound) {
  Make(Path({.delay = milliseconds(1), .reorder = 0.2, .reorder_delay = milliseconds(3)}));
  std::vector<Instant> sent;
  for (int i = 0; i < 500; ++i) {
    sent.push_back(At(microseconds(100) * i));
    SendMany(1, sent.back());
  }
  Drain();
  auto numbers = Numbers();
  ASSERT_EQ(numbers.size(), 500u);
  EXPECT_FALSE(std::is_sorted(numbers.begin(), numbers.end()));
  for (const Arrival& a : arrivals_) {
    EXPECT_GE(a.at - sent[a.number], milliseconds(1));
    EXPECT_LE(a.at - sent[a.number], milliseconds(4));
  }
  std::sort(numbers.begin(), numbers.end());
  for (uint32_t i = 0; i < 500; ++i) EXPECT_EQ(numbers[i], i);
}

TEST_F(SimLinkTest, AStalledDeviceTakesNothing) {
  Make();
  link_->Stall(0, At(milliseconds(20)));
  EXPECT_FALSE(SendBytes(Numbered(0), At(milliseconds(20)) - Duration(1)));
  EXPECT_TRUE(SendBytes(Numbered(0), At(milliseconds(20))));
}

TEST_F(SimLinkTest, StallsAtRandomAndEndsThem) {
  SimLinkOptions options;
  options.stall = 1;
  options.stall_time = milliseconds(5);
  Make(options);
  EXPECT_FALSE(SendBytes(Numbered(0), Instant()));
  EXPECT_EQ(link_->stats(0).stalls, 1u);
}

TEST_F(SimLinkTest, TheFilterDropsWhatItSees) {
  Make();
  filter_ = [](const SimFrame& frame) { return frame.bytes[21] % 2 == 0 && frame.from == 0; };
  SendMany(4);
  Drain();
  EXPECT_THAT(Numbers(), ElementsAre(0, 2));
  EXPECT_EQ(link_->stats(0).filtered, 2u);
}

TEST_F(SimLinkTest, AReceiverWithoutBuffersLosesFrames) {
  SimLinkOptions options;
  options.pool_packets = 4;
  Make(options);
  std::vector<PacketBuf> held(4);
  ASSERT_EQ(link_->device(1).queue(0).AllocateBurst(held), 4u);
  SendMany(3);
  Drain();
  EXPECT_TRUE(arrivals_.empty());
  EXPECT_EQ(link_->stats(0).no_buffer, 3u);
}

TEST_F(SimLinkTest, DirectionsAreIndependent) {
  SimLinkOptions options;
  options.path[0].loss = 1;
  Make(options);
  SendMany(5);
  link_->Inject(1, Numbered(77), At(seconds(1)));
  Drain();
  EXPECT_THAT(Numbers(), ElementsAre(77));
  EXPECT_EQ(link_->stats(1).sent, 0u);
}

TEST_F(SimLinkTest, ANarrowPathReportsOrFragments) {
  Make(Path({.delay = milliseconds(1), .mtu = 600}));
  const Route route{link_->device(0).info().mac, link_->device(1).info().mac,
                    link_->address(0, false), link_->address(1, false)};
  IpFields fields;
  fields.dont_fragment = true;
  EXPECT_TRUE(SendBytes(IpFrame(route, 17, Bytes(1000), fields), Instant()));
  PacketBuf reply[4];
  ASSERT_EQ(link_->device(0).queue(0).ReceiveBurst(At(milliseconds(1)), reply), 1u);
  Bytes report(reply[0].packet_size());
  reply[0].CopyOut(0, report);
  EXPECT_THAT(report, IsIcmp(3, 4, IcmpRest(::testing::Eq(600u))));
  EXPECT_EQ(link_->stats(0).too_long, 1u);
  reply[0].Reset();

  fields.dont_fragment = false;
  EXPECT_TRUE(SendBytes(IpFrame(route, 17, Bytes(1000), fields), Instant()));
  Drain();
  EXPECT_EQ(frames_.size(), 2u);
  for (const Bytes& frame : frames_) EXPECT_LE(frame.size(), 614u);
}

}  // namespace
}  // namespace corelane::testing
