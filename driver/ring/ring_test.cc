#include "driver/ring/ring.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include "core/time.h"
#include "driver/conformance.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr Instant kNow{std::chrono::seconds(1)};

std::unique_ptr<DeviceFixture> MakeFixture(const ConformanceOptions& options, bool threads,
                                           bool offload) {
  class Fixture : public PeerDeviceFixture {
   public:
    Fixture(RingPair pair, bool threads)
        : PeerDeviceFixture(std::move(pair.a), std::move(pair.b)), threads_(threads) {}
    bool receives_into_pool() const override { return threads_; }

   private:
    bool threads_;
  };
  RingPair pair = MakeRingPair({.depth = options.depth,
                                .pool_packets = options.pool_packets,
                                .max_segments = 256,
                                .threads = threads,
                                .segmentation_offload = offload});
  return std::make_unique<Fixture>(std::move(pair), threads);
}

INSTANTIATE_TEST_SUITE_P(
    Ring, DeviceConformance,
    testing::Values(
        ConformanceCase{"Local", [](const auto& o) { return MakeFixture(o, false, false); }},
        ConformanceCase{"LocalOffload", [](const auto& o) { return MakeFixture(o, false, true); }},
        ConformanceCase{"Threaded", [](const auto& o) { return MakeFixture(o, true, false); }}),
    ConformanceName());

std::string OpenError(std::string_view uri) {
  const auto device = OpenDevice(uri);
  return device.ok() ? "no error" : std::string(device.status().message());
}

PacketBuf PacketOn(Device& device, const Frame& frame) {
  std::array<PacketBuf, 1> burst;
  EXPECT_EQ(device.queue(0).AllocateBurst(burst), 1u);
  std::copy(frame.begin(), frame.end(), burst[0].Append(frame.size()));
  return std::move(burst[0]);
}

TEST(Ring, TheFirstTwoWhoOpenANameAreJoined) {
  auto a = OpenDevice("ring:join");
  auto b = OpenDevice("ring:join");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE((*a)->info().mac, (*b)->info().mac);
  EXPECT_EQ((*a)->info().name, "ring:join");
  std::array<PacketBuf, 1> burst{PacketOn(**a, MakeFrame(1, 60))};
  ASSERT_EQ((*a)->queue(0).TransmitBurst(kNow, burst), 1u);
  ASSERT_EQ((*b)->queue(0).ReceiveBurst(kNow, burst), 1u);
  EXPECT_EQ(FrameOf(burst[0]), MakeFrame(1, 60));
}

TEST(Ring, AThirdOpenIsRefusedUntilAnEndIsFree) {
  auto a = OpenDevice("ring:third");
  auto b = OpenDevice("ring:third");
  EXPECT_THAT(OpenError("ring:third"), AllOf(HasSubstr("\"ring:third\""), HasSubstr("both ends")));
  const MacAddress mac = (*a)->info().mac;
  a->reset();
  a = OpenDevice("ring:third");
  ASSERT_TRUE(a.ok());
  EXPECT_EQ((*a)->info().mac, mac);
  a->reset();
  b->reset();
  EXPECT_TRUE(OpenDevice("ring:third,mtu=9000").ok());
}

TEST(Ring, AddressesDependOnNameAndEndOnly) {
  const auto mac = [](const char* name, bool first) {
    const RingPair pair = MakeRingPair({.name = name});
    return (first ? pair.a : pair.b)->info().mac;
  };
  EXPECT_EQ(mac("x", true), mac("x", true));
  EXPECT_NE(mac("x", true), mac("x", false));
  EXPECT_NE(mac("x", true), mac("y", true));
  EXPECT_EQ(mac("x", true).bytes()[0], 0x02);
}

TEST(Ring, OptionsAreTakenFromTheUriAndTheProgram) {
  const auto device = OpenDevice("ring:opts,depth=4,csum=1,queues=3,mac=02:00:00:00:00:07",
                                 {.queues = 2, .mtu = 9000});
  ASSERT_TRUE(device.ok()) << device.status();
  const DeviceInfo& info = (*device)->info();
  EXPECT_EQ(info.queues, 3);
  EXPECT_EQ(info.mtu, 9000);
  EXPECT_EQ(info.mac.ToString(), "02:00:00:00:00:07");
  EXPECT_TRUE(info.capabilities.rx_checksum && info.capabilities.tx_checksum_l4);
  EXPECT_FALSE(info.capabilities.tso);
  // The second end follows the first whatever the program's defaults are.
  const auto other = OpenDevice("ring:opts");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ((*other)->info().mtu, 9000);
}

TEST(Ring, ErrorsNameWhatIsWrong) {
  EXPECT_THAT(OpenError("ring:"), HasSubstr("the wire has no name; write ring:NAME"));
  EXPECT_THAT(OpenError("ring:e,depth=0"),
              AllOf(HasSubstr("\"ring:e,depth=0\""), HasSubstr("\"depth\" is \"0\""),
                    HasSubstr("from 1 to")));
  EXPECT_THAT(OpenError("ring:e,deep=7"),
              AllOf(HasSubstr("\"deep\" is unknown"), HasSubstr("depth")));
  EXPECT_THAT(OpenError("ring:e,threads=maybe"), HasSubstr("it must be 0 or 1"));
  EXPECT_THAT(OpenError("ring:e,mac=ff:ff:ff:ff:ff:ff"), HasSubstr("unicast MAC"));
  const auto first = OpenDevice("ring:e,mtu=2000");
  EXPECT_THAT(OpenError("ring:e,mtu=1500"),
              AllOf(HasSubstr("mtu=1500 contradicts"), HasSubstr("mtu=2000")));
}

TEST(Ring, QueuesAreJoinedOneToOne) {
  const RingPair pair = MakeRingPair({.queues = 3});
  std::array<PacketBuf, 1> burst;
  ASSERT_EQ(pair.a->queue(2).AllocateBurst(burst), 1u);
  std::fill_n(burst[0].Append(60), 60, uint8_t{0});
  ASSERT_EQ(pair.a->queue(2).TransmitBurst(kNow, burst), 1u);
  EXPECT_EQ(pair.b->queue(0).ReceiveBurst(kNow, burst), 0u);
  EXPECT_EQ(pair.b->queue(1).ReceiveBurst(kNow, burst), 0u);
  EXPECT_EQ(pair.b->queue(2).ReceiveBurst(kNow, burst), 1u);
}

// What a sender knows of its own bytes must not spare the receiver its checks.
TEST(Ring, DataSumsAndChecksumStatesStayWithTheSender) {
  for (const bool threads : {false, true}) {
    const RingPair pair = MakeRingPair({.threads = threads});
    PacketBuf packet = PacketOn(*pair.a, MakeFrame(1, 60));
    packet.AppendChain(PacketOn(*pair.a, MakeFrame(2, 100)));
    for (PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
      s->flags = PacketHead::kHasDataSum;
    }
    packet->l4_checksum = ChecksumState::kGood;
    packet->ecn = 3;
    std::array<PacketBuf, 1> burst{std::move(packet)};
    ASSERT_EQ(pair.a->queue(0).TransmitBurst(kNow, burst), 1u);
    ASSERT_EQ(pair.b->queue(0).ReceiveBurst(kNow, burst), 1u);
    for (const PacketHead* s = burst[0].head(); s != nullptr; s = s->next_segment) {
      EXPECT_EQ(s->flags, 0);
    }
    EXPECT_EQ(burst[0]->l4_checksum, ChecksumState::kNone);
    EXPECT_EQ(burst[0]->ecn, 0);
    EXPECT_EQ(burst[0].packet_size(), 160u);
  }
}

TEST(Ring, OffloadedWorkIsTrusted) {
  for (const bool threads : {false, true}) {
    const RingPair pair = MakeRingPair({.threads = threads, .segmentation_offload = true});
    const auto cross = [&](PacketBuf packet) {
      std::array<PacketBuf, 1> burst{std::move(packet)};
      EXPECT_EQ(pair.a->queue(0).TransmitBurst(kNow, burst), 1u);
      EXPECT_EQ(pair.b->queue(0).ReceiveBurst(kNow, burst), 1u);
      return std::move(burst[0]);
    };
    PacketBuf large = PacketOn(*pair.a, MakeFrame(1, 1500));
    for (uint32_t i = 0; i < 30; ++i) large.AppendChain(PacketOn(*pair.a, MakeFrame(i, 1500)));
    large->segment_size = 1448;
    large->payload_offset = 66;
    large->l3_checksum = large->l4_checksum = ChecksumState::kPartial;
    const Frame bytes = FrameOf(large);
    large = cross(std::move(large));
    EXPECT_EQ(FrameOf(large), bytes);
    EXPECT_EQ(large->segment_size, 1448);
    EXPECT_EQ(large->segment_count, (bytes.size() - 66 + 1447) / 1448);
    EXPECT_EQ(large->l3_checksum, ChecksumState::kGood);
    EXPECT_EQ(large->l4_checksum, ChecksumState::kGood);

    // What the sender completed by itself is not vouched for, what it broke is bad.
    PacketBuf complete = PacketOn(*pair.a, MakeFrame(1, 100));
    complete->l4_checksum = ChecksumState::kGood;
    EXPECT_EQ(cross(std::move(complete))->l4_checksum, ChecksumState::kNone);
    PacketBuf broken = PacketOn(*pair.a, MakeFrame(1, 100));
    broken->l4_checksum = ChecksumState::kBad;
    EXPECT_EQ(cross(std::move(broken))->l4_checksum, ChecksumState::kBad);
  }
}

TEST(Ring, SegmentedPacketsNeedTheOffload) {
  const RingPair pair = MakeRingPair();
  std::array<PacketBuf, 1> burst{PacketOn(*pair.a, MakeFrame(1, 1000))};
  burst[0]->segment_size = 500;
  burst[0]->payload_offset = 54;
  EXPECT_EQ(pair.a->queue(0).TransmitBurst(kNow, burst), 1u);
  EXPECT_EQ(pair.a->queue(0).stats().tx_dropped, 1u);
}

// One end of the threaded stress: echoes or generates, sleeping whenever there is nothing to do.
class Pump {
 public:
  Pump(DeviceQueue& queue, uint32_t to_send, uint32_t to_receive)
      : queue_(queue), to_send_(to_send), to_receive_(to_receive) {}

  // Until everything is sent and received, in order.
  void Run() {
    while (sent_ < to_send_ || received_ < to_receive_ || backlog_ > 0) {
      const bool received = Receive();
      const bool busy = Transmit() || received;
      if (!busy && sent_ == to_send_ && backlog_ == 0) Sleep();
    }
  }
  bool in_order() const { return in_order_; }
  uint32_t sleeps() const { return sleeps_; }

 private:
  bool Receive() {
    std::array<PacketBuf, 32> burst;
    const size_t n = queue_.ReceiveBurst(kNow, burst);
    for (size_t i = 0; i < n; ++i) {
      in_order_ &= FrameOf(burst[i]) == MakeFrame(received_, 60 + received_ % 100);
      ++received_;
    }
    return n > 0;
  }

  bool Transmit() {
    if (backlog_ == 0) {
      const size_t want = std::min<size_t>(burst_.size(), to_send_ - sent_);
      backlog_ = queue_.AllocateBurst(std::span(burst_).first(want));
      for (size_t i = 0; i < backlog_; ++i, ++sent_) {
        const Frame frame = MakeFrame(sent_, 60 + sent_ % 100);
        std::copy(frame.begin(), frame.end(), burst_[i].Append(frame.size()));
      }
      first_ = 0;
    }
    const size_t n = queue_.TransmitBurst(kNow, std::span(burst_).subspan(first_, backlog_));
    first_ += n;
    backlog_ -= n;
    return n > 0;
  }

  void Sleep() {
    const std::optional<WakeSource> wake = queue_.ArmWake();
    if (!wake) return;
    pollfd p{.fd = wake->fd, .events = POLLIN, .revents = 0};
    // A wake-up that gets lost shows as a time-out of the test.
    ASSERT_EQ(poll(&p, 1, -1), 1);
    ++sleeps_;
  }

  DeviceQueue& queue_;
  uint32_t to_send_;
  uint32_t to_receive_;
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
  std::array<PacketBuf, 16> burst_;
  size_t first_ = 0;
  size_t backlog_ = 0;
  bool in_order_ = true;
  uint32_t sleeps_ = 0;
};

TEST(Ring, TwoThreadsLoseNothingAndWakeEachOther) {
  constexpr uint32_t kFrames = 20000;
  const RingPair pair = MakeRingPair({.depth = 64, .pool_packets = 256, .threads = true});
  Pump a(pair.a->queue(0), kFrames, kFrames);
  Pump b(pair.b->queue(0), kFrames, kFrames);
  std::thread thread([&b] { b.Run(); });
  a.Run();
  thread.join();
  EXPECT_TRUE(a.in_order());
  EXPECT_TRUE(b.in_order());
  EXPECT_EQ(pair.a->queue(0).stats().rx_packets, kFrames);
  EXPECT_EQ(pair.b->queue(0).stats().rx_packets, kFrames);
}

// A round trip per frame: nearly every frame has to wake its receiver.
// Checked in debug builds: pools belong to one thread.
TEST(Ring, FramesOfAThreadThatIsGoneAreFreedWithTheWire) {
  RingOptions options;
  options.threads = true;
  RingPair pair = MakeRingPair(options);
  std::thread([&pair] {
    const PacketPoolPtr packets(new PacketPool(4));
    const BlockPoolPtr blocks(new BlockPool(4));
    PacketBuf packet = packets->Allocate();
    packet.Append(60);
    BlockRef block = BlockRef::Adopt(blocks->Allocate());
    uint8_t* const bytes = block.get()->bytes();
    packet.AppendChain(packets->AllocateReference(std::move(block), bytes, 100));
    EXPECT_EQ(pair.a->queue(0).TransmitBurst(Instant(), {&packet, 1}), 1u);
  }).join();
}

TEST(Ring, EveryPingWakesTheOtherThread) {
  constexpr uint32_t kRounds = 3000;
  const RingPair pair = MakeRingPair({.depth = 4, .pool_packets = 16, .threads = true});
  const auto play = [](DeviceQueue& queue, bool serve) {
    std::array<PacketBuf, 1> burst;
    for (uint32_t i = 0; i < kRounds; ++i) {
      for (int half = 0; half < 2; ++half) {
        if ((half == 0) == serve) {
          while (queue.AllocateBurst(burst) == 0) std::this_thread::yield();
          std::fill_n(burst[0].Append(60), 60, uint8_t{0});
          ASSERT_EQ(queue.TransmitBurst(kNow, burst), 1u);
          continue;
        }
        while (queue.ReceiveBurst(kNow, burst) == 0) {
          const std::optional<WakeSource> wake = queue.ArmWake();
          if (!wake) continue;
          pollfd p{.fd = wake->fd, .events = POLLIN, .revents = 0};
          ASSERT_EQ(poll(&p, 1, -1), 1);
        }
        burst[0].Reset();
      }
    }
  };
  std::thread thread([&] { play(pair.b->queue(0), false); });
  play(pair.a->queue(0), true);
  thread.join();
  EXPECT_EQ(pair.a->queue(0).stats().rx_packets, kRounds);
}

}  // namespace
}  // namespace corelane::driver
