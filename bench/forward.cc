// usage: forward [key=value]...; see docs/performance.md. What it costs that a packet arrives at
// the wrong core: two lanes on two cores, datagrams that arrive at one of them, and that either are
// its own or the other's. Both lanes' busy time counts. The last line of stdout is one JSON object.

#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "bench/options.h"
#include "core/check.h"
#include "core/checksum.h"
#include "driver/device.h"
#include "runtime/flags/flag_parser.h"
#include "stack/lane_group.h"
#include "stack/stack.h"

namespace corelane::bench {
namespace {

constexpr MacAddress kMac(2, 0, 0, 0, 0, 1);
constexpr Ipv4Address kLocal(10, 0, 0, 1);
constexpr Ipv4Address kRemote(10, 0, 0, 2);
constexpr uint16_t kPort = 9;
constexpr size_t kFlows = 16;
constexpr size_t kWindow = 256;  // datagrams on their way, so that none is dropped

Instant Now() { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }

// Of one UDP datagram without a checksum.
std::vector<uint8_t> MakeFrame(uint16_t source_port, size_t payload) {
  std::vector<uint8_t> frame(14 + 20 + 8 + payload, 'd');
  uint8_t* const p = frame.data();
  const MacAddress from(2, 0, 0, 0, 0, 2);
  std::memcpy(p, kMac.bytes().data(), 6);
  std::memcpy(p + 6, from.bytes().data(), 6);
  StoreBe16(p + 12, 0x0800);
  uint8_t* const ip = p + 14;
  std::memset(ip, 0, 28);
  ip[0] = 0x45;
  StoreBe16(ip + 2, static_cast<uint16_t>(28 + payload));
  ip[8] = 64;
  ip[9] = 17;
  StoreBe32(ip + 12, kRemote.value());
  StoreBe32(ip + 16, kLocal.value());
  SumBytes({ip, 20}).StoreComplement(ip + 10);
  StoreBe16(ip + 20, source_port);
  StoreBe16(ip + 22, kPort);
  StoreBe16(ip + 24, static_cast<uint16_t>(8 + payload));
  return frame;
}

// A card's queue on which the same few datagrams arrive again and again, as fast as they are taken
// but never more than kWindow ahead of what the application has seen.
class Source final : public driver::Device, public driver::DeviceQueue {
 public:
  explicit Source(const std::atomic<uint64_t>& seen) : pool_(4096), seen_(seen) {
    info_.mac = kMac;
  }

  void Play(std::vector<std::vector<uint8_t>> frames) { frames_ = std::move(frames); }
  void Stop() { stopped_.store(true, std::memory_order_relaxed); }
  uint64_t played() const { return played_.load(std::memory_order_relaxed); }

  const driver::DeviceInfo& info() const override { return info_; }
  driver::DeviceQueue& queue(size_t) override { return *this; }
  size_t ReceiveBurst(Instant, std::span<PacketBuf> out) override {
    if (frames_.empty() || stopped_.load(std::memory_order_relaxed)) return 0;
    const uint64_t played = this->played();
    if (played - seen_.load(std::memory_order_acquire) + out.size() > kWindow) return 0;
    const size_t n = pool_.AllocateBurst(out);
    for (size_t i = 0; i < n; ++i) {
      const std::vector<uint8_t>& frame = frames_[(played + i) % frames_.size()];
      std::memcpy(out[i].Append(frame.size()), frame.data(), frame.size());
    }
    played_.store(played + n, std::memory_order_relaxed);
    return n;
  }
  size_t TransmitBurst(Instant, std::span<PacketBuf> in) override {
    for (PacketBuf& packet : in) packet.Reset();
    return in.size();
  }
  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_.AllocateBurst(out); }
  std::optional<driver::WakeSource> ArmWake() override { return driver::WakeSource{}; }
  const driver::QueueStats& stats() const override { return stats_; }

 private:
  PacketPool pool_;
  const std::atomic<uint64_t>& seen_;
  std::vector<std::vector<uint8_t>> frames_;
  std::atomic<uint64_t> played_{0};
  std::atomic<bool> stopped_{false};
  driver::DeviceInfo info_;
  driver::QueueStats stats_;
};

struct Settings {
  uint64_t size = 64;
  double secs = 1;
};

// What `lane` owns of the flows from kRemote.
std::vector<std::vector<uint8_t>> FramesOf(const stack::Steering& steering, size_t lane,
                                           size_t payload) {
  std::vector<std::vector<uint8_t>> frames;
  for (uint16_t port = 20000; frames.size() < kFlows; ++port) {
    if (steering.LandsOn(ip::protocol::kTcp, {kLocal, kRemote, kPort, port}, lane)) {
      frames.push_back(MakeFrame(port, payload));
    }
  }
  return frames;
}

struct Measured {
  uint64_t packets = 0;
  Duration busy[2] = {};  // of lane 0, where they arrive, and of lane 1
  Duration elapsed{};
};

// Datagrams arrive at lane 0 and are lane `owner`'s.
class Run {
 public:
  Run(const Settings& settings, size_t owner) : settings_(settings), owner_(owner), group_(Two()) {}

  Measured Measure() {
    std::thread other([this] { Poll(1); });
    Poll(0);
    other.join();
    return measured_;
  }

 private:
  static stack::LaneGroupOptions Two() {
    stack::LaneGroupOptions options;
    options.lanes = 2;
    return options;
  }

  void Poll(size_t index);
  // A turn of `stack` and its application. Whether there was anything to do.
  static bool Turn(stack::Stack& stack, udp::UdpSocket& socket, Instant now, uint64_t& seen);
  // Lane 0 alone: begins and ends what is measured.
  void KeepTime(Instant now, uint64_t seen);

  const Settings settings_;
  const size_t owner_;
  stack::LaneGroup group_;
  alignas(64) std::atomic<uint64_t> seen_{0};
  alignas(64) std::atomic<int> ready_{0};
  alignas(64) std::atomic<bool> measuring_{false};
  std::atomic<bool> over_{false};
  Instant begin_{};
  uint64_t seen_at_begin_ = 0;
  Measured measured_;
};

void PinTo(size_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

bool Run::Turn(stack::Stack& stack, udp::UdpSocket& socket, Instant now, uint64_t& seen) {
  const bool busy = stack.Poll(now);
  udp::Datagram datagram;
  while (socket.Receive(datagram)) {
    datagram.payload.Reset();
    ++seen;
  }
  while (stack.udp().NextReady() != nullptr) {
  }
  return busy;
}

void Run::KeepTime(Instant now, uint64_t seen) {
  const Duration warm_up = std::chrono::milliseconds(50);
  const auto length =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(settings_.secs));
  if (!measuring_.load(std::memory_order_relaxed)) {
    if (begin_ == Instant{}) begin_ = now + warm_up;
    if (now < begin_) return;
    begin_ = now;
    seen_at_begin_ = seen;
    measuring_.store(true, std::memory_order_release);
  } else if (now - begin_ >= length) {
    measured_.elapsed = now - begin_;
    measured_.packets = seen - seen_at_begin_;
    over_.store(true, std::memory_order_release);
  }
}

void Run::Poll(size_t index) {
  PinTo(index);
  Source source(seen_);
  stack::StackOptions options;
  options.seed = 1 + index;
  stack::Stack stack(options, Now(), &group_.lane(index));
  stack::InterfaceOptions interface;
  interface.addresses = {{kLocal, 24}};
  CL_CHECK(stack.AddInterface(source, source.info(), interface).ok());
  udp::UdpSocket* const socket = stack.udp().Open({});
  CL_CHECK(stack.udp().Bind(*socket, {kLocal, kPort}) == udp::BindResult::kOk);
  stack.Poll(Now());
  ready_.fetch_add(1);
  while (ready_.load() < 2) stack.Poll(Now());
  // Both sockets are known now.
  if (index == 0) source.Play(FramesOf(group_.steering(), owner_, settings_.size));

  uint64_t seen = 0;
  Duration busy{};
  Instant now = Now();
  while (!over_.load(std::memory_order_acquire)) {
    const bool measuring = measuring_.load(std::memory_order_relaxed);
    const bool worked = Turn(stack, *socket, now, seen);
    if (index == owner_ && worked) seen_.store(seen, std::memory_order_release);
    if (index == 0) KeepTime(now, seen_.load(std::memory_order_relaxed));
    const Instant then = Now();
    if (worked && measuring) busy += then - now;
    now = then;
  }
  measured_.busy[index] = busy;
  // Nothing of the other's may be here when the stacks go.
  source.Stop();
  ready_.fetch_add(1);
  while (ready_.load() < 4) stack.Poll(Now());
  for (int i = 0; i < 1000; ++i) Turn(stack, *socket, Now(), seen);
  ready_.fetch_add(1);
  while (ready_.load() < 6) stack.Poll(Now());
}

double PerPacket(Duration d, const Measured& m) {
  return std::chrono::duration<double, std::nano>(d).count() / static_cast<double>(m.packets);
}

int Main(int argc, const char* const* argv) {
  Settings settings;
  runtime::FlagParser parser("forward", "What a packet costs that arrives at the wrong core.");
  parser.AddKey("size", runtime::Integer(&settings.size, 1, 1472), "bytes of a datagram");
  parser.AddKey("secs", runtime::Number(&settings.secs, 0.01, 3600),
                "how long to measure each of the two");
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  if (std::thread::hardware_concurrency() < 2) {
    std::fprintf(stderr, "forward: it takes two cores, and there is one\n");
    return 1;
  }
  const Measured own = Run(settings, 0).Measure();
  const Measured other = Run(settings, 1).Measure();
  const double home = PerPacket(own.busy[0], own);
  const double sender = PerPacket(other.busy[0], other);
  const double owner = PerPacket(other.busy[1], other);
  std::printf(
      "{\"mode\":\"forward\",\"size\":%llu,\"secs\":%g,\"home_packets\":%llu,\"packets\":%llu,"
      "\"home_ns\":%.1f,\"sender_ns\":%.1f,\"owner_ns\":%.1f,\"forward_ns\":%.1f,"
      "\"per_s\":%.0f,\"adds_per_ns\":%.1f}\n",
      static_cast<unsigned long long>(settings.size), settings.secs,
      static_cast<unsigned long long>(own.packets), static_cast<unsigned long long>(other.packets),
      home, sender, owner, sender + owner - home,
      static_cast<double>(other.packets) / std::chrono::duration<double>(other.elapsed).count(),
      AdditionsPerNanosecond());
  return 0;
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
