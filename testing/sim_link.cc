#include "testing/sim_link.h"

#include <algorithm>

#include "arp/ethernet.h"
#include "driver/frame.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"

namespace corelane::testing {

class SimLink::End final : public driver::Device, public driver::DeviceQueue {
 public:
  End(SimLink& link, int index, const SimLinkOptions& options)
      : link_(link),
        index_(index),
        pool_(options.pool_packets, PacketPool::kDefaultHeadroom + options.mtu + 64) {
    info_.name = "sim";
    info_.mac = MacAddress(2, 0, 0, 0, static_cast<uint8_t>(link.index_ + 1),
                           static_cast<uint8_t>(index + 1));
    info_.mtu = options.mtu;
    info_.capabilities.max_tx_segments = options.max_tx_segments;
    limits_ = driver::TxLimits(info_);
  }

  const driver::DeviceInfo& info() const override { return info_; }
  driver::DeviceQueue& queue(size_t) override { return *this; }

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override {
    Lane& lane = link_.lanes_[1 - index_];
    size_t n = 0;
    while (n < out.size() && !lane.waiting.empty() && lane.waiting.begin()->first.first <= now) {
      const auto frame = lane.waiting.extract(lane.waiting.begin());
      PacketBuf packet = driver::PacketFromBytes(frame.mapped(), pool_);
      if (!packet) {
        ++stats_.rx_dropped;
        ++lane.stats.no_buffer;
        continue;
      }
      ++stats_.rx_packets;
      ++lane.stats.delivered;
      stats_.rx_bytes += packet.packet_size();
      out[n++] = std::move(packet);
    }
    return n;
  }

  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override {
    Lane& lane = link_.lanes_[index_];
    if (now >= lane.stalled_until && link_.random_.Chance(link_.options_.stall)) {
      const auto longest = static_cast<uint64_t>(link_.options_.stall_time.count());
      lane.stalled_until = now + Duration(static_cast<int64_t>(link_.random_.Below(longest)) + 1);
      ++lane.stats.stalls;
    }
    size_t taken = 0;
    while (taken < in.size() && now >= lane.stalled_until) {
      PacketBuf& packet = in[taken];
      if (!driver::CanSend(*packet.head(), limits_) || packet.segments() > limits_.max_segments) {
        ++stats_.tx_dropped;
      } else {
        Bytes frame(packet.packet_size());
        packet.CopyOut(0, frame);
        const size_t size = frame.size();
        if (!link_.Send(index_, std::move(frame), now)) break;
        ++stats_.tx_packets;
        stats_.tx_bytes += size;
      }
      packet.Reset();
      ++taken;
    }
    if (taken < in.size()) ++stats_.tx_full;
    return taken;
  }

  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_.AllocateBurst(out); }
  Instant NextEvent() const override {
    const Lane& lane = link_.lanes_[1 - index_];
    return lane.waiting.empty() ? kNever : lane.waiting.begin()->first.first;
  }
  std::optional<driver::WakeSource> ArmWake() override { return driver::WakeSource{}; }
  const driver::QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return &pool_; }

 private:
  SimLink& link_;
  int index_;
  PacketPool pool_;
  driver::DeviceInfo info_;
  driver::TxLimits limits_;
  driver::QueueStats stats_;
};

SimLink::SimLink(uint32_t index, const SimLinkOptions& options, uint64_t seed, Observer observer)
    : index_(index), options_(options), random_(seed), observer_(std::move(observer)) {
  for (int end = 0; end < 2; ++end) ends_[end] = std::make_unique<End>(*this, end, options);
}

SimLink::~SimLink() = default;

driver::Device& SimLink::device(int end) { return *ends_[end]; }
const PacketPool& SimLink::pool(int end) const { return *ends_[end]->pool(); }

IpAddress SimLink::address(int end, bool v6) const {
  const auto host = static_cast<uint8_t>(end + 1);
  if (v6) return Ipv6Address(0xfd00'0000'0000'0000 | index_, host);
  return Ipv4Address(10, static_cast<uint8_t>(index_), 0, host);
}

void SimLink::Inject(int to, Bytes frame, Instant due) {
  lanes_[1 - to].waiting.emplace(std::pair(due, next_number_++), std::move(frame));
}

Instant SimLink::NextEvent() const {
  Instant next = kNever;
  for (const Lane& lane : lanes_) {
    if (!lane.waiting.empty()) next = std::min(next, lane.waiting.begin()->first.first);
  }
  return next;
}

size_t SimLink::QueuedBytes(int from, Instant now) const {
  const SimPath& path = options_.path[from];
  if (path.bandwidth == 0 || lanes_[from].link_free <= now) return 0;
  const auto wait = static_cast<unsigned __int128>((lanes_[from].link_free - now).count());
  return static_cast<size_t>(wait * path.bandwidth / 8'000'000'000u);
}

bool SimLink::Send(int from, Bytes frame, Instant now) {
  Lane& lane = lanes_[from];
  const SimPath& path = options_.path[from];
  const bool full = path.bandwidth != 0 && QueuedBytes(from, now) + frame.size() > path.queue_bytes;
  if (full && path.backpressure) return false;
  ++lane.stats.sent;
  if (!observer_({now, index_, from, frame})) {
    ++lane.stats.filtered;
    return true;
  }
  if (!PassesMtu(from, frame, now)) return true;
  if (IsLost(from)) {
    ++lane.stats.lost;
    return true;
  }
  if (full) {
    ++lane.stats.overflowed;
    return true;
  }
  if (random_.Chance(path.corrupt)) {
    ++lane.stats.corrupted;
    const uint64_t bit = random_.Below(frame.size() * 8);
    frame[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  if (random_.Chance(path.duplicate)) {
    ++lane.stats.duplicated;
    Pass(from, frame, now);
  }
  Pass(from, std::move(frame), now);
  return true;
}

// What a router in front of a narrower link does: fragments (RFC 791 §3.2), or reports (RFC 1191
// §4, RFC 8201 §3).
bool SimLink::PassesMtu(int from, const Bytes& frame, Instant now) {
  const SimPath& path = options_.path[from];
  if (path.mtu == 0 || frame.size() <= size_t{path.mtu} + arp::EthernetView::kUntaggedLength) {
    return true;
  }
  ++lanes_[from].stats.too_long;
  const std::span<const uint8_t> packet = IpOf(frame);
  const auto v4 = ip::Ipv4View::Parse(packet);
  const auto v6 = ip::Ipv6View::Parse(packet);
  if (v4 && !v4->dont_fragment()) {
    for (Bytes& fragment : FragmentFrame(frame, path.mtu, v4->identification())) {
      if (!v4->is_fragment()) Pass(from, std::move(fragment), now);
    }
    return false;
  }
  if (!path.reports_mtu || (!v4 && !v6)) return false;
  const IpAddress router = v4 ? IpAddress(Ipv4Address(10, static_cast<uint8_t>(index_), 0, 254))
                              : IpAddress(Ipv6Address(0xfd00'0000'0000'0000 | index_, 0xfe));
  const Route route{ends_[1 - from]->info().mac, ends_[from]->info().mac, router,
                    v4 ? IpAddress(v4->src()) : IpAddress(v6->src())};
  Inject(from, PacketTooBigFrame(route, path.mtu, frame), now + path.delay);
  return false;
}

bool SimLink::IsLost(int from) {
  const SimPath& path = options_.path[from];
  Lane& lane = lanes_[from];
  if (lane.in_burst) {
    lane.in_burst = !random_.Chance(1 / std::max(path.burst_length, 1.0));
    return true;
  }
  if (random_.Chance(path.burst_loss)) {
    lane.in_burst = path.burst_length > 1;
    return true;
  }
  return random_.Chance(path.loss);
}

void SimLink::Pass(int from, Bytes frame, Instant now) {
  const SimPath& path = options_.path[from];
  Lane& lane = lanes_[from];
  Instant due = now;
  if (path.bandwidth != 0) {
    const auto time = static_cast<int64_t>(frame.size() * 8'000'000'000u / path.bandwidth);
    lane.link_free = std::max(lane.link_free, now) + Duration(time);
    due = lane.link_free;
  }
  due += path.delay;
  if (path.jitter > Duration(0)) {
    due +=
        Duration(static_cast<int64_t>(random_.Below(static_cast<uint64_t>(path.jitter.count()))));
  }
  due = std::max(due, lane.last_due);
  if (random_.Chance(path.reorder)) {
    ++lane.stats.reordered;
    due += Duration(
        static_cast<int64_t>(random_.Below(static_cast<uint64_t>(path.reorder_delay.count()) + 1)));
  } else {
    lane.last_due = due;
  }
  lane.waiting.emplace(std::pair(due, next_number_++), std::move(frame));
}

}  // namespace corelane::testing
