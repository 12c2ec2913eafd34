#include "driver/conformance.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include "driver/frame.h"

namespace corelane::driver {
namespace {

constexpr uint8_t kEtherType[] = {0x88, 0xb5};  // IEEE 802 local experimental

bool HasTag(const Frame& frame) {
  return frame.size() >= 18 && frame[12] == 0x81 && frame[13] == 0x00;
}

bool IsOurs(const Frame& frame) {
  const size_t type = HasTag(frame) ? 16 : 12;
  return frame.size() >= type + 6 && std::equal(std::begin(kEtherType), std::end(kEtherType),
                                                frame.begin() + static_cast<ptrdiff_t>(type));
}

std::vector<Frame> MakeFrames(uint32_t count) {
  constexpr size_t kSizes[] = {60, 61, 64, 128, 333, 590, 1024, 1500, 1513, 1514};
  std::vector<Frame> frames;
  for (uint32_t i = 0; i < count; ++i) {
    frames.push_back(MakeFrame(i, kSizes[i % std::size(kSizes)]));
  }
  return frames;
}

uint64_t Bytes(const std::vector<Frame>& frames) {
  uint64_t bytes = 0;
  for (const Frame& frame : frames) bytes += frame.size();
  return bytes;
}

bool IsReadable(int fd, int timeout_ms) {
  pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&p, 1, timeout_ms) == 1;
}

}  // namespace

Frame MakeFrame(uint32_t number, size_t size) {
  Frame frame(size);
  for (size_t i = 0; i < size; ++i) frame[i] = static_cast<uint8_t>(i * 7 + number * 13 + i / 251);
  constexpr uint8_t kAddresses[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  std::copy(std::begin(kAddresses), std::end(kAddresses), frame.begin());
  std::copy(std::begin(kEtherType), std::end(kEtherType), frame.begin() + 12);
  for (size_t i = 0; i < 4; ++i) frame[14 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  return frame;
}

Frame FrameOf(const PacketBuf& packet) {
  Frame frame(packet.packet_size());
  packet.CopyOut(0, frame);
  return frame;
}

std::vector<std::string> Summary(const std::vector<Frame>& frames) {
  std::vector<std::string> summary;
  for (const Frame& frame : frames) {
    uint32_t number = 0;
    for (size_t i = 14; i < std::min<size_t>(frame.size(), 18); ++i)
      number = number << 8 | frame[i];
    uint32_t hash = 2166136261u;
    for (const uint8_t byte : frame) hash = (hash ^ byte) * 16777619u;
    summary.push_back(std::to_string(number) + ":" + std::to_string(frame.size()) + ":" +
                      std::to_string(hash));
  }
  return summary;
}

bool PeerDeviceFixture::PeerSend(const Frame& frame) {
  DeviceQueue& queue = peer_->queue(0);
  std::array<PacketBuf, 1> burst;
  if (queue.AllocateBurst(burst) == 0) return false;
  std::copy(frame.begin(), frame.end(), burst[0].Append(frame.size()));
  return queue.TransmitBurst(now(), burst) == 1;
}

std::optional<Frame> PeerDeviceFixture::PeerReceive() {
  std::array<PacketBuf, 1> burst;
  if (peer_->queue(0).ReceiveBurst(now(), burst) == 0) return std::nullopt;
  return FrameOf(burst[0]);
}

PacketBuf DeviceConformance::Packet(const Frame& frame) {
  std::array<PacketBuf, 1> burst;
  if (queue().AllocateBurst(burst) == 0) return PacketBuf();
  const size_t first = std::min(frame.size(), burst[0].tailroom());
  std::copy_n(frame.begin(), first, burst[0].Append(first));
  if (first < frame.size()) {
    burst[0].AppendChain(Packet(Frame(frame.begin() + static_cast<ptrdiff_t>(first), frame.end())));
  }
  return std::move(burst[0]);
}

void DeviceConformance::Send(const Frame& frame) {
  std::array<PacketBuf, 1> burst{Packet(frame)};
  ASSERT_TRUE(burst[0]);
  ASSERT_EQ(queue().TransmitBurst(fixture_->now(), burst), 1u);
  EXPECT_FALSE(burst[0]);
}

std::vector<Frame> DeviceConformance::ReceiveAll(size_t expected) {
  // Where the kernel says by a signal or a softirq that something came, another thread may have to
  // run for it first.
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::vector<Frame> frames;
  std::array<PacketBuf, 7> burst;
  do {
    while (const size_t n = queue().ReceiveBurst(fixture_->now(), burst)) {
      EXPECT_LE(n, burst.size());
      for (size_t i = 0; i < burst.size(); ++i) {
        EXPECT_EQ(static_cast<bool>(burst[i]), i < n);
        if (!burst[i]) continue;
        Frame frame = FrameOf(burst[i]);
        if (IsOurs(frame)) frames.push_back(std::move(frame));
        burst[i].Reset();
      }
    }
  } while (frames.size() < expected && std::chrono::steady_clock::now() < patience);
  return frames;
}

std::vector<Frame> DeviceConformance::PeerReceiveAll() {
  std::vector<Frame> frames;
  while (true) {
    size_t got = 0;
    for (; std::optional<Frame> frame = fixture_->PeerReceive(); ++got) {
      if (IsOurs(*frame)) frames.push_back(*std::move(frame));
    }
    if (got == 0 || queue().NextEvent() == kNever) return frames;
    queue().ReceiveBurst(fixture_->now(), {});
  }
}

void DeviceConformance::PeerSendAll(const std::vector<Frame>& frames) {
  if (!fixture_->hears()) return;
  for (const Frame& frame : frames) ASSERT_TRUE(fixture_->PeerSend(frame));
}

void DeviceConformance::ExpectDelivered(const std::vector<Frame>& frames) {
  const std::vector<Frame> received = PeerReceiveAll();
  EXPECT_EQ(Summary(received), Summary(fixture_->delivers() ? frames : std::vector<Frame>()));
}

std::vector<std::string> DeviceConformance::Heard(const std::vector<Frame>& frames) const {
  return Summary(fixture_->hears() ? frames : std::vector<Frame>());
}

namespace {

TEST_P(DeviceConformance, DescribesItself) {
  Make();
  const DeviceInfo& info = fixture_->device().info();
  EXPECT_FALSE(info.name.empty());
  EXPECT_FALSE(info.mac.IsMulticast());
  EXPECT_NE(info.mac, MacAddress());
  EXPECT_EQ(info.mtu, 1500);
  ASSERT_GE(info.queues, 1);
  EXPECT_GE(info.capabilities.max_tx_segments, 1);
  EXPECT_EQ(info.capabilities.tso, info.capabilities.max_tso_size > 0);
  for (size_t i = 0; i < info.queues; ++i) {
    EXPECT_EQ(&fixture_->device().queue(i), &fixture_->device().queue(i));
  }
}

TEST_P(DeviceConformance, NothingThereIsNothingReceived) {
  Make();
  EXPECT_TRUE(ReceiveAll().empty());
  EXPECT_EQ(queue().ReceiveBurst(fixture_->now(), {}), 0u);
  EXPECT_EQ(queue().TransmitBurst(fixture_->now(), {}), 0u);
  EXPECT_EQ(queue().AllocateBurst({}), 0u);
  EXPECT_EQ(queue().NextEvent(), kNever);
}

TEST_P(DeviceConformance, AllocatedPacketsAreEmptyWithRoomForAFrame) {
  Make();
  std::array<PacketBuf, 8> burst;
  ASSERT_EQ(queue().AllocateBurst(burst), burst.size());
  for (const PacketBuf& packet : burst) {
    EXPECT_EQ(packet.packet_size(), 0u);
    EXPECT_GE(packet.headroom(), 64u);
    EXPECT_GE(packet.tailroom(), 1518u);
    EXPECT_EQ(packet->flags, 0);
    EXPECT_EQ(packet->segment_size, 0);
  }
}

TEST_P(DeviceConformance, ThePoolIsTheOneThatIsAllocatedFrom) {
  Make();
  std::array<PacketBuf, 3> burst;
  const PacketPool* const pool = queue().pool();
  ASSERT_NE(pool, nullptr);
  const size_t before = pool->in_use();
  ASSERT_EQ(queue().AllocateBurst(burst), burst.size());
  EXPECT_EQ(pool->in_use(), before + burst.size());
  EXPECT_GE(pool->peak(), pool->in_use());
}

TEST_P(DeviceConformance, TransmitsInOrderAndWhole) {
  Make();
  const std::vector<Frame> frames = MakeFrames(200);
  std::vector<Frame> received;
  size_t next = 0;
  for (size_t burst_size = 1; next < frames.size(); burst_size = burst_size % 32 + 1) {
    std::vector<PacketBuf> burst;
    for (; burst.size() < burst_size && next < frames.size(); ++next) {
      burst.push_back(Packet(frames[next]));
    }
    ASSERT_EQ(queue().TransmitBurst(fixture_->now(), burst), burst.size());
    for (const PacketBuf& packet : burst) EXPECT_FALSE(packet);
    for (Frame& frame : PeerReceiveAll()) received.push_back(std::move(frame));
  }
  EXPECT_EQ(Summary(received), Summary(fixture_->delivers() ? frames : std::vector<Frame>()));
  EXPECT_EQ(queue().stats().tx_packets, frames.size());
  EXPECT_EQ(queue().stats().tx_bytes, Bytes(frames));
  EXPECT_EQ(queue().stats().tx_dropped, 0u);
  EXPECT_EQ(queue().stats().tx_full, 0u);
}

TEST_P(DeviceConformance, ReceivesInOrderAndWhole) {
  Make({.depth = 256});
  const std::vector<Frame> frames = MakeFrames(200);
  PeerSendAll(frames);
  EXPECT_EQ(Summary(ReceiveAll(Heard(frames).size())), Heard(frames));
  if (!fixture_->hears()) return;
  // The kernel behind a device may add frames of its own.
  EXPECT_GE(queue().stats().rx_packets, frames.size());
  EXPECT_GE(queue().stats().rx_bytes, Bytes(frames));
  EXPECT_EQ(queue().stats().rx_dropped, 0u);
}

TEST_P(DeviceConformance, ReceivedMetadataIsFresh) {
  Make();
  if (!fixture_->hears()) return;
  PeerSendAll(MakeFrames(3));
  std::array<PacketBuf, 8> burst;
  const size_t n = queue().ReceiveBurst(fixture_->now(), burst);
  ASSERT_GE(n, 1u);
  for (size_t i = 0; i < n; ++i) {
    EXPECT_EQ(burst[i]->flags & ~PacketHead::kHasFlowHash, 0);
    EXPECT_EQ(burst[i]->segment_size, 0);
    EXPECT_EQ(burst[i]->segment_count, 1);
    EXPECT_EQ(burst[i]->ecn, 0);
    EXPECT_NE(burst[i]->l3_checksum, ChecksumState::kPartial);
    EXPECT_NE(burst[i]->l4_checksum, ChecksumState::kPartial);
  }
}

TEST_P(DeviceConformance, TakesAPrefixWhenFull) {
  Make({.depth = 16, .pool_packets = 4096});
  if (!fixture_->can_be_full()) return;
  std::vector<Frame> taken;
  std::vector<PacketBuf> burst;
  std::vector<Frame> burst_frames;
  size_t n = 0;
  uint32_t number = 0;
  for (int round = 0; round < 300; ++round) {
    burst.clear();
    burst_frames.clear();
    for (int i = 0; i < 10; ++i) {
      burst_frames.push_back(MakeFrame(number++, 100));
      burst.push_back(Packet(burst_frames.back()));
      ASSERT_TRUE(burst.back());
    }
    std::vector<PacketHead*> heads;
    for (const PacketBuf& packet : burst) heads.push_back(packet.head());
    n = queue().TransmitBurst(fixture_->now(), burst);
    ASSERT_LE(n, burst.size());
    taken.insert(taken.end(), burst_frames.begin(),
                 burst_frames.begin() + static_cast<ptrdiff_t>(n));
    for (size_t i = 0; i < burst.size(); ++i) {
      if (i < n) {
        EXPECT_FALSE(burst[i]);
      } else {
        ASSERT_EQ(burst[i].head(), heads[i]);
        EXPECT_EQ(FrameOf(burst[i]), burst_frames[i]);
      }
    }
    if (n < burst.size()) break;
  }
  ASSERT_LT(n, burst.size()) << "never full";
  EXPECT_EQ(queue().stats().tx_full, 1u);
  EXPECT_EQ(queue().stats().tx_dropped, 0u);
  std::vector<Frame> received = PeerReceiveAll();
  // What stayed goes out once there is room.
  const std::span<PacketBuf> rest = std::span(burst).subspan(n);
  EXPECT_EQ(queue().TransmitBurst(fixture_->now(), rest), rest.size());
  taken.insert(taken.end(), burst_frames.begin() + static_cast<ptrdiff_t>(n), burst_frames.end());
  for (Frame& frame : PeerReceiveAll()) received.push_back(std::move(frame));
  EXPECT_EQ(Summary(received), Summary(taken));
}

TEST_P(DeviceConformance, TooLongIsConsumedAndCounted) {
  Make();
  std::vector<PacketBuf> burst;
  burst.push_back(Packet(MakeFrame(0, 1514)));
  burst.push_back(Packet(MakeFrame(1, 1515)));
  burst.push_back(Packet(MakeFrame(2, 4000)));
  burst.push_back(Packet(MakeFrame(3, 60)));
  EXPECT_EQ(queue().TransmitBurst(fixture_->now(), burst), 4u);
  for (const PacketBuf& packet : burst) EXPECT_FALSE(packet);
  ExpectDelivered({MakeFrame(0, 1514), MakeFrame(3, 60)});
  EXPECT_EQ(queue().stats().tx_packets, 2u);
  EXPECT_EQ(queue().stats().tx_dropped, 2u);
}

// The kernel's sockets and some devices tell the tag beside the bytes.
TEST_P(DeviceConformance, ATagComesOnTopOfTheMtu) {
  Make();
  const Frame longest = MakeFrame(0, 1514);
  const auto without_tags = [](std::vector<Frame> frames) {
    for (Frame& frame : frames) {
      if (HasTag(frame)) frame.erase(frame.begin() + 12, frame.begin() + 16);
    }
    return Summary(frames);
  };
  Frame tagged = longest;
  tagged.insert(tagged.begin() + 12, {0x81, 0x00, 0x00, 0x07});
  PeerSendAll({tagged});
  EXPECT_EQ(without_tags(ReceiveAll(Heard({longest}).size())), Heard({longest}));
  Send(tagged);
  EXPECT_EQ(without_tags(PeerReceiveAll()),
            Summary(fixture_->delivers() ? std::vector<Frame>{longest} : std::vector<Frame>()));
  EXPECT_EQ(queue().stats().tx_dropped, 0u);
  EXPECT_EQ(queue().stats().tx_packets, 1u);
}

TEST_P(DeviceConformance, TooShortIsConsumedAndCounted) {
  Make();
  std::array<PacketBuf, 1> burst;
  ASSERT_EQ(queue().AllocateBurst(burst), 1u);
  std::fill_n(burst[0].Append(13), 13, uint8_t{0});
  EXPECT_EQ(queue().TransmitBurst(fixture_->now(), burst), 1u);
  EXPECT_FALSE(burst[0]);
  EXPECT_EQ(queue().stats().tx_dropped, 1u);
  Send(MakeFrame(1, 60));
  ExpectDelivered({MakeFrame(1, 60)});
}

TEST_P(DeviceConformance, GathersAsManySegmentsAsItSaysAndNoMore) {
  Make({.pool_packets = 2048});
  const uint32_t most = fixture_->device().info().capabilities.max_tx_segments;
  if (most > 1024) return;  // would need a larger pool than a device has
  const auto scattered = [this](const Frame& frame, size_t segments) {
    // One byte in each of the last segments.
    const size_t first = frame.size() - (segments - 1);
    PacketBuf packet = Packet(Frame(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(first)));
    for (size_t i = first; i < frame.size(); ++i) packet.AppendChain(Packet(Frame(1, frame[i])));
    return packet;
  };
  const Frame frame = MakeFrame(5, 1200);
  std::vector<PacketBuf> burst;
  burst.push_back(scattered(frame, most));
  burst.push_back(scattered(frame, most + 1));
  burst.push_back(Packet(MakeFrame(6, 60)));
  EXPECT_EQ(queue().TransmitBurst(fixture_->now(), burst), 3u);
  ExpectDelivered({frame, MakeFrame(6, 60)});
  EXPECT_EQ(queue().stats().tx_dropped, 1u);
}

TEST_P(DeviceConformance, SendsPayloadByReference) {
  Make();
  if (fixture_->device().info().capabilities.max_tx_segments < 2) return;
  BlockPool blocks(2);
  const Frame frame = MakeFrame(9, 1000);
  {
    BlockRef block = BlockRef::Adopt(blocks.Allocate());
    std::copy(frame.begin() + 60, frame.end(), block.get()->bytes());
    PacketBuf packet = Packet(Frame(frame.begin(), frame.begin() + 60));
    packet.AppendChain(packet->pool->AllocateReference(block, block.get()->bytes(), 940));
    std::array<PacketBuf, 1> burst{std::move(packet)};
    ASSERT_EQ(queue().TransmitBurst(fixture_->now(), burst), 1u);
  }
  ExpectDelivered({frame});
  EXPECT_TRUE(ReceiveAll().empty());  // gives a device that lends packets the chance to reclaim
  EXPECT_EQ(blocks.in_use(), 0u);
}

TEST_P(DeviceConformance, SendsPacketsOfOtherPools) {
  Make();
  PacketPool other(8);
  std::vector<Frame> frames;
  for (uint32_t i = 0; i < 8; ++i) {
    frames.push_back(MakeFrame(i, 100 + 100 * i));
    PacketBuf packet = other.Allocate();
    std::copy(frames[i].begin(), frames[i].end(), packet.Append(frames[i].size()));
    std::array<PacketBuf, 1> burst{std::move(packet)};
    ASSERT_EQ(queue().TransmitBurst(fixture_->now(), burst), 1u);
  }
  ExpectDelivered(frames);
  EXPECT_TRUE(ReceiveAll().empty());  // gives a device that lends packets the chance to reclaim
  EXPECT_EQ(other.in_use(), 0u);
}

TEST_P(DeviceConformance, AnExhaustedPoolRecovers) {
  Make({.pool_packets = 64});
  std::vector<PacketBuf> all(10000);
  const size_t n = queue().AllocateBurst(all);
  ASSERT_LT(n, all.size());
  ASSERT_GT(n, 0u);
  std::array<PacketBuf, 1> one;
  EXPECT_EQ(queue().AllocateBurst(one), 0u);
  all.clear();
  EXPECT_EQ(queue().AllocateBurst(one), 1u);
}

TEST_P(DeviceConformance, ReceptionSurvivesAnExhaustedPool) {
  Make({.pool_packets = 64});
  const std::vector<Frame> frames = MakeFrames(8);
  if (!fixture_->live()) PeerSendAll(frames);
  std::vector<PacketBuf> all(10000);
  ASSERT_LT(queue().AllocateBurst(all), all.size());
  if (fixture_->live()) PeerSendAll(frames);
  std::vector<Frame> received = ReceiveAll();
  if (fixture_->receives_into_pool()) {
    EXPECT_LT(received.size(), frames.size());
    // It must not tell its worker to look again at once, for ever.
    const std::optional<WakeSource> wake = queue().ArmWake();
    EXPECT_TRUE(wake.has_value() && wake->fd < 0);
  }
  all.clear();
  const size_t missing = Heard(frames).size() - received.size();
  for (Frame& frame : ReceiveAll(missing)) received.push_back(std::move(frame));
  EXPECT_EQ(Summary(received), Heard(frames));
}

TEST_P(DeviceConformance, PacketsAreUsedAgain) {
  Make({.depth = 16, .pool_packets = 64});
  for (uint32_t i = 0; i < 1000; ++i) {
    Send(MakeFrame(i, 100));
    ExpectDelivered({MakeFrame(i, 100)});
    if (HasFailure()) return;
    if (!fixture_->live() || !fixture_->hears()) continue;
    ASSERT_TRUE(fixture_->PeerSend(MakeFrame(i, 200)));
    ASSERT_EQ(Summary(ReceiveAll(1)), Summary({MakeFrame(i, 200)}));
  }
}

TEST_P(DeviceConformance, TrafficWakesASleeper) {
  Make();
  if (!fixture_->live() || !fixture_->hears()) return;
  ReceiveAll();
  for (uint32_t i = 0; i < 5; ++i) {
    const std::optional<WakeSource> wake = queue().ArmWake();
    ASSERT_TRUE(wake.has_value());
    if (wake->fd >= 0) {
      EXPECT_FALSE(IsReadable(wake->fd, 0));
    }
    ASSERT_TRUE(fixture_->PeerSend(MakeFrame(i, 100)));
    if (wake->fd >= 0) {
      EXPECT_TRUE(IsReadable(wake->fd, 10000));
    }
    // Something is there: either the queue says so, or the descriptor does, or the caller soon
    // looks again.
    const std::optional<WakeSource> again = queue().ArmWake();
    if (again.has_value() && wake->fd >= 0) {
      ASSERT_GE(again->fd, 0);
      EXPECT_TRUE(IsReadable(again->fd, 0));
    } else if (again.has_value()) {
      EXPECT_LE(again->nap, std::chrono::milliseconds(10)) << "neither an event nor a nap";
    }
    EXPECT_EQ(Summary(ReceiveAll(1)), Summary({MakeFrame(i, 100)}));
  }
}

TEST_P(DeviceConformance, CanGoFirstWithPacketsInFlight) {
  Make();
  if (!fixture_->live()) PeerSendAll(MakeFrames(5));
  for (uint32_t i = 0; i < 5; ++i) Send(MakeFrame(i, 100));
  if (fixture_->live()) PeerSendAll(MakeFrames(5));
  std::array<PacketBuf, 2> burst;
  EXPECT_EQ(queue().ReceiveBurst(fixture_->now(), burst), fixture_->hears() ? 2u : 0u);
  for (PacketBuf& packet : burst) packet.Reset();
  fixture_->DestroyDevice();
  fixture_->DestroyPeer();
}

TEST_P(DeviceConformance, CanGoLastWithPacketsInFlight) {
  Make();
  if (!fixture_->live()) PeerSendAll(MakeFrames(5));
  for (uint32_t i = 0; i < 5; ++i) Send(MakeFrame(i, 100));
  if (fixture_->live()) PeerSendAll(MakeFrames(5));
  fixture_->DestroyPeer();
  std::array<PacketBuf, 2> burst;
  const size_t received = queue().ReceiveBurst(fixture_->now(), burst);
  const bool all = fixture_->hears() && fixture_->outlives_peer();
  EXPECT_LE(received, fixture_->hears() ? 2u : 0u);
  if (all) {
    EXPECT_EQ(received, 2u);
  }
  for (PacketBuf& packet : burst) packet.Reset();
  fixture_->DestroyDevice();
}

}  // namespace
}  // namespace corelane::driver
