#include "driver/fault.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "driver/conformance.h"
#include "driver/ring/ring.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

constexpr Instant kStart{std::chrono::seconds(1)};

// The decorator with no faults, and with a delay of nothing but its own queue, is just a device.
INSTANTIATE_TEST_SUITE_P(
    Fault, DeviceConformance,
    testing::Values(ConformanceCase{
        "NoFaults",
        [](const ConformanceOptions& options) -> std::unique_ptr<DeviceFixture> {
          class Fixture : public PeerDeviceFixture {
           public:
            using PeerDeviceFixture::PeerDeviceFixture;
            bool receives_into_pool() const override { return false; }
          };
          RingPair pair = MakeRingPair(
              {.depth = options.depth, .pool_packets = options.pool_packets, .max_segments = 256});
          return std::make_unique<Fixture>(
              InjectFaults(std::move(pair.a), FaultOptions{.hold = options.depth}),
              std::move(pair.b));
        }}),
    ConformanceName());

// A ring whose first end is bad.
class FaultTest : public testing::Test {
 protected:
  void Make(std::string_view faults, const RingOptions& ring = {.depth = 4096}) {
    auto options = ParseFaultOptions(faults);
    ASSERT_TRUE(options.ok()) << options.status();
    peer_.reset();
    RingPair pair = MakeRingPair(ring);
    device_ = InjectFaults(std::move(pair.a), *options);
    peer_ = std::move(pair.b);
  }

  static void SendOn(DeviceQueue& queue, Instant now, const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) {
      std::array<PacketBuf, 1> burst;
      ASSERT_EQ(queue.AllocateBurst(burst), 1u);
      std::copy(frame.begin(), frame.end(), burst[0].Append(frame.size()));
      ASSERT_EQ(queue.TransmitBurst(now, burst), 1u);
    }
  }
  static std::vector<Frame> ReceiveOn(DeviceQueue& queue, Instant now) {
    std::vector<Frame> frames;
    std::array<PacketBuf, 16> burst;
    while (const size_t n = queue.ReceiveBurst(now, burst)) {
      for (size_t i = 0; i < n; ++i) frames.push_back(FrameOf(burst[i]));
    }
    return frames;
  }
  static std::vector<Frame> Frames(uint32_t n) {
    std::vector<Frame> frames;
    for (uint32_t i = 0; i < n; ++i) frames.push_back(MakeFrame(i, 100));
    return frames;
  }
  // What arrives at the peer of n frames that the device sends at kStart.
  std::vector<Frame> Transmit(uint32_t n) {
    SendOn(bad(), kStart, Frames(n));
    return ReceiveOn(good(), kStart);
  }
  // What the device receives of n frames.
  std::vector<Frame> Receive(uint32_t n) {
    SendOn(good(), kStart, Frames(n));
    return ReceiveOn(bad(), kStart);
  }

  FaultQueue& bad() { return device_->decorator(0); }
  DeviceQueue& good() { return peer_->queue(0); }

  std::unique_ptr<FaultDevice> device_;
  std::unique_ptr<Device> peer_;
};

TEST_F(FaultTest, LosesTheGivenShareInTheGivenDirection) {
  Make("tx.loss=0.2");
  EXPECT_EQ(Summary(Receive(1000)), Summary(Frames(1000)));
  const size_t arrived = Transmit(1000).size();
  EXPECT_NEAR(static_cast<double>(arrived), 800, 50);
  EXPECT_EQ(bad().tx_faults().lost, 1000 - arrived);
  EXPECT_EQ(bad().tx_faults().passed, arrived);
  EXPECT_EQ(bad().rx_faults().lost, 0u);
  EXPECT_EQ(bad().stats().tx_packets, 1000u);

  Make("rx.loss=1");
  EXPECT_TRUE(Receive(50).empty());
  EXPECT_EQ(Summary(Transmit(50)), Summary(Frames(50)));
}

TEST_F(FaultTest, TheSeedDecides) {
  const auto arrivals = [this](std::string_view options) {
    Make(options);
    return Transmit(500);
  };
  const auto first = arrivals("loss=0.3,corrupt=0.1,duplicate=0.1,seed=7");
  EXPECT_EQ(arrivals("loss=0.3,corrupt=0.1,duplicate=0.1,seed=7"), first);
  EXPECT_NE(arrivals("loss=0.3,corrupt=0.1,duplicate=0.1,seed=8"), first);
}

TEST_F(FaultTest, LosesInBursts) {
  Make("tx.burst_loss=0.02,burst_length=10");
  const std::vector<Frame> arrived = Transmit(4000);
  // The share is 0.02 * 10 / (1 + 0.02 * 10); the number of bursts is a tenth of the lost.
  const double lost = static_cast<double>(4000 - arrived.size());
  EXPECT_NEAR(lost, 4000 * 0.2 / 1.2, 250);
  const std::vector<Frame> all = Frames(4000);
  size_t bursts = 0;
  size_t next = 0;
  bool losing = false;
  for (const Frame& frame : all) {
    const bool here = next < arrived.size() && arrived[next] == frame;
    if (here) ++next;
    if (!here && !losing) ++bursts;
    losing = !here;
  }
  EXPECT_NEAR(lost / static_cast<double>(bursts), 10, 4);
}

TEST_F(FaultTest, DuplicatesFollowAtOnce) {
  Make("tx.duplicate=1");
  const std::vector<Frame> arrived = Transmit(10);
  ASSERT_EQ(arrived.size(), 20u);
  for (uint32_t i = 0; i < 20; ++i) EXPECT_EQ(arrived[i], MakeFrame(i / 2, 100));
  EXPECT_EQ(bad().tx_faults().duplicated, 10u);
}

TEST_F(FaultTest, CorruptionFlipsOneBit) {
  Make("corrupt=1");
  for (const auto& arrived : {Transmit(100), Receive(100)}) {
    ASSERT_EQ(arrived.size(), 100u);
    for (uint32_t i = 0; i < 100; ++i) {
      const Frame sent = MakeFrame(i, 100);
      int bits = 0;
      for (size_t b = 0; b < 100; ++b) {
        bits += std::popcount(static_cast<unsigned>(sent[b] ^ arrived[i][b]));
      }
      EXPECT_EQ(bits, 1);
    }
  }
}

// What the sender keeps for retransmission must not change.
TEST_F(FaultTest, CorruptionLeavesSharedBytesAlone) {
  Make("tx.corrupt=1");
  BlockPool blocks(1);
  BlockRef block = BlockRef::Adopt(blocks.Allocate());
  std::fill_n(block.get()->bytes(), 1000, uint8_t{0});
  for (int i = 0; i < 50; ++i) {
    std::array<PacketBuf, 1> burst;
    ASSERT_EQ(bad().AllocateBurst(burst), 1u);
    std::fill_n(burst[0].Append(14), 14, uint8_t{0});
    burst[0].AppendChain(burst[0]->pool->AllocateReference(block, block.get()->bytes(), 1000));
    ASSERT_EQ(bad().TransmitBurst(kStart, burst), 1u);
  }
  EXPECT_EQ(bad().tx_faults().corrupted, 50u);
  for (const Frame& frame : ReceiveOn(good(), kStart)) {
    EXPECT_NE(frame, Frame(1014, 0));
  }
  EXPECT_EQ(std::count(block.get()->bytes(), block.get()->bytes() + 1000, 0), 1000);
}

// Trusting devices must not pass corrupted bytes off as verified.
TEST_F(FaultTest, CorruptionIsNotHiddenByChecksumOffload) {
  Make("corrupt=1", {.checksum_offload = true});
  const auto cross = [](DeviceQueue& from, DeviceQueue& to) {
    std::array<PacketBuf, 1> burst;
    EXPECT_EQ(from.AllocateBurst(burst), 1u);
    std::fill_n(burst[0].Append(100), 100, uint8_t{0});
    burst[0]->l4_checksum = ChecksumState::kPartial;
    EXPECT_EQ(from.TransmitBurst(kStart, burst), 1u);
    EXPECT_EQ(to.ReceiveBurst(kStart, burst), 1u);
    return burst[0]->l4_checksum;
  };
  EXPECT_EQ(cross(bad(), good()), ChecksumState::kBad);
  EXPECT_EQ(cross(good(), bad()), ChecksumState::kBad);
}

TEST_F(FaultTest, DelaysBothWaysAndTellsWhen) {
  Make("delay=20ms");
  SendOn(bad(), kStart, Frames(1));
  SendOn(good(), kStart, Frames(1));
  EXPECT_EQ(bad().NextEvent(), kStart + milliseconds(20));
  EXPECT_TRUE(ReceiveOn(bad(), kStart).empty());
  EXPECT_TRUE(ReceiveOn(bad(), kStart + milliseconds(20) - Duration(1)).empty());
  EXPECT_TRUE(ReceiveOn(good(), kStart + milliseconds(19)).empty());
  // ReceiveBurst moves both directions on; the frame towards the device came in at kStart.
  EXPECT_EQ(ReceiveOn(bad(), kStart + milliseconds(20)), Frames(1));
  EXPECT_EQ(ReceiveOn(good(), kStart + milliseconds(20)), Frames(1));
  EXPECT_EQ(bad().NextEvent(), kNever);
}

TEST_F(FaultTest, JitterKeepsTheOrder) {
  Make("tx.delay=1ms,tx.jitter=10ms");
  SendOn(bad(), kStart, Frames(100));
  std::vector<Frame> arrived;
  for (int i = 0; i <= 11; ++i) {
    ReceiveOn(bad(), kStart + milliseconds(i));
    for (Frame& frame : ReceiveOn(good(), kStart)) arrived.push_back(std::move(frame));
    if (i == 0) {
      EXPECT_TRUE(arrived.empty());
    }
  }
  EXPECT_EQ(Summary(arrived), Summary(Frames(100)));
}

TEST_F(FaultTest, ReorderedPacketsAreOvertaken) {
  Make("tx.reorder=0.1,reorder_delay=5ms");
  std::vector<Frame> arrived = Transmit(200);
  const size_t late = bad().tx_faults().reordered;
  EXPECT_GT(late, 5u);
  EXPECT_EQ(arrived.size(), 200 - late);
  EXPECT_EQ(bad().NextEvent(), kStart + milliseconds(5));
  ReceiveOn(bad(), kStart + milliseconds(5));
  for (Frame& frame : ReceiveOn(good(), kStart)) arrived.push_back(std::move(frame));
  EXPECT_EQ(arrived.size(), 200u);
  EXPECT_NE(arrived, Frames(200));
  std::sort(arrived.begin(), arrived.end());
  std::vector<Frame> all = Frames(200);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(Summary(arrived), Summary(all));
}

TEST_F(FaultTest, BandwidthSpacesPacketsOut) {
  Make("tx.bandwidth=8M");  // a byte a microsecond
  SendOn(bad(), kStart, Frames(3));
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(bad().NextEvent(), kStart + microseconds(100 * i));
    EXPECT_TRUE(ReceiveOn(good(), kStart).empty());
    ReceiveOn(bad(), kStart + microseconds(100 * i));
    EXPECT_EQ(ReceiveOn(good(), kStart).size(), 1u);
  }
}

TEST_F(FaultTest, ABoundedQueueWaitsForBandwidth) {
  Make("tx.bandwidth=8M,queue=1k");
  SendOn(bad(), kStart, Frames(50));
  // 1000 bytes wait, and one packet began before the queue was over its bound.
  EXPECT_EQ(bad().tx_faults().overflowed, 50u - 11);
  ReceiveOn(bad(), kStart + milliseconds(10));
  EXPECT_EQ(ReceiveOn(good(), kStart).size(), 11u);
}

TEST_F(FaultTest, TheSlowestRateIsJustSlow) {
  Make("tx.bandwidth=1,queue=1G");
  SendOn(bad(), kStart, Frames(50));
  EXPECT_EQ(bad().NextEvent(), kStart + std::chrono::seconds(800));
}

TEST_F(FaultTest, AFullInnerDeviceIsTriedAgainSoon) {
  Make("tx.delay=1ms", {.depth = 4});
  SendOn(bad(), kStart, Frames(10));
  ReceiveOn(bad(), kStart + milliseconds(1));
  EXPECT_GT(bad().NextEvent(), kStart + milliseconds(1));
  EXPECT_LT(bad().NextEvent(), kStart + milliseconds(2));
  std::vector<Frame> arrived;
  for (int i = 1; i < 10; ++i) {
    for (Frame& frame : ReceiveOn(good(), kStart)) arrived.push_back(std::move(frame));
    ReceiveOn(bad(), kStart + milliseconds(1 + i));
  }
  EXPECT_EQ(Summary(arrived), Summary(Frames(10)));
}

TEST(ParseFaultOptions, BothDirectionsOrOne) {
  const auto options =
      ParseFaultOptions("loss=0.01,delay=20ms,seed=9,rx.loss=0.5,tx.bandwidth=10M,hold=100");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->seed, 9u);
  EXPECT_EQ(options->hold, 100u);
  EXPECT_DOUBLE_EQ(options->rx.loss, 0.5);
  EXPECT_DOUBLE_EQ(options->tx.loss, 0.01);
  EXPECT_EQ(options->rx.delay, milliseconds(20));
  EXPECT_EQ(options->tx.delay, milliseconds(20));
  EXPECT_EQ(options->rx.bandwidth, 0u);
  EXPECT_EQ(options->tx.bandwidth, 10'000'000u);
  EXPECT_TRUE(ParseFaultOptions("").ok());
}

TEST(ParseFaultOptions, ErrorsNameWhatIsWrong) {
  const auto error = [](std::string_view text) {
    return std::string(ParseFaultOptions(text).status().message());
  };
  EXPECT_THAT(error("loss=2"), AllOf(HasSubstr("\"loss\" is \"2\""), HasSubstr("from 0 to 1")));
  EXPECT_THAT(error("rx.delay=20"), AllOf(HasSubstr("\"rx.delay\""), HasSubstr("such as 20ms")));
  EXPECT_THAT(error("los=1"), AllOf(HasSubstr("\"los\" is unknown"), HasSubstr("rx.loss")));
  EXPECT_THAT(error("loss"), HasSubstr("has no value"));
}

}  // namespace
}  // namespace corelane::driver
