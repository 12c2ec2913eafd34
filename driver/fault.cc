#include "driver/fault.h"

#include <algorithm>
#include <utility>

#include "driver/uri.h"

namespace corelane::driver {

using internal::FaultLine;

namespace {

// How soon to try again when the inner device is full.
constexpr Duration kRetry = std::chrono::microseconds(100);
// No wait is longer: 31 years, far inside of 64 bits.
constexpr double kLongestWait = 1e18;

}  // namespace

namespace internal {

FaultLine::FaultLine(const FaultDirection& faults, uint64_t seed, uint32_t hold, bool transmits)
    : faults_(faults), hold_(std::max<size_t>(hold, 2)), transmits_(transmits), random_(seed) {
  waiting_.reserve(hold_);
}

bool FaultLine::IsLost() {
  // Gilbert's model: a burst goes on with a probability that gives it its mean length.
  if (faults_.burst_loss > 0) {
    in_burst_ = in_burst_ ? random_.Chance(1 - 1 / std::max(faults_.burst_length, 1.0))
                          : random_.Chance(faults_.burst_loss);
    if (in_burst_) return true;
  }
  return faults_.loss > 0 && random_.Chance(faults_.loss);
}

void FaultLine::Corrupt(PacketBuf& packet, PacketPool* pool) {
  bool shared = false;
  for (const PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
    shared |= s->block != nullptr;
  }
  if (shared) {
    PacketBuf own = pool != nullptr ? CopyPacket(*packet.head(), *pool) : PacketBuf();
    if (!own) return;
    packet = std::move(own);
  }
  uint64_t bit = random_.Below(packet.packet_size() * 8);
  for (PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
    s->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
    if (bit < uint64_t{s->length} * 8) {
      s->data[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      break;
    }
    bit -= uint64_t{s->length} * 8;
  }
  // A device that completes or has verified the checksum would hide what happens on the wire here.
  const ChecksumState trusted = transmits_ ? ChecksumState::kPartial : ChecksumState::kGood;
  if (packet->l3_checksum == trusted) packet->l3_checksum = ChecksumState::kBad;
  if (packet->l4_checksum == trusted) packet->l4_checksum = ChecksumState::kBad;
  ++stats_.corrupted;
}

std::optional<Instant> FaultLine::PassLink(Instant now, size_t bytes) {
  if (faults_.bandwidth == 0) return now;
  const auto time_of = [this](uint64_t n) {
    return Duration(static_cast<int64_t>(std::min(
        static_cast<double>(n) * 8e9 / static_cast<double>(faults_.bandwidth), kLongestWait)));
  };
  const Instant start = std::max(now, link_free_);
  if (start - now > time_of(faults_.queue)) return std::nullopt;
  link_free_ = start + time_of(bytes);
  return link_free_;
}

void FaultLine::Wait(Instant now, PacketBuf packet) {
  const std::optional<Instant> sent = PassLink(now, packet.packet_size());
  if (!sent) {
    ++stats_.overflowed;
    return;
  }
  Instant due = *sent + faults_.delay;
  if (faults_.jitter > Duration(0)) {
    due += Duration(
        static_cast<int64_t>(random_.Below(static_cast<uint64_t>(faults_.jitter.count()) + 1)));
  }
  if (faults_.reorder > 0 && random_.Chance(faults_.reorder)) {
    due += faults_.reorder_delay;
    ++stats_.reordered;
  } else {
    due = last_due_ = std::max(due, last_due_);
  }
  waiting_.push_back({due, next_number_++, std::move(packet)});
  std::push_heap(waiting_.begin(), waiting_.end(), Later());
}

void FaultLine::Enter(Instant now, PacketBuf packet, PacketPool* pool) {
  if (IsLost()) {
    ++stats_.lost;
    return;
  }
  if (faults_.corrupt > 0 && random_.Chance(faults_.corrupt)) Corrupt(packet, pool);
  PacketBuf copy;
  if (faults_.duplicate > 0 && random_.Chance(faults_.duplicate) && pool != nullptr) {
    copy = CopyPacket(*packet.head(), *pool);
  }
  Wait(now, std::move(packet));
  if (copy) {
    ++stats_.duplicated;
    Wait(now, std::move(copy));
  }
}

size_t FaultLine::Leave(Instant now, std::span<PacketBuf> out) {
  const size_t most = std::min(out.size(), kMaxBurst);
  size_t n = 0;
  for (; n < most && !waiting_.empty() && waiting_.front().due <= now; ++n) {
    std::pop_heap(waiting_.begin(), waiting_.end(), Later());
    left_[n] = std::move(waiting_.back());
    waiting_.pop_back();
    out[n] = std::move(left_[n].packet);
  }
  stats_.passed += n;
  return n;
}

void FaultLine::UndoLeave(std::span<PacketBuf> out, size_t from) {
  for (size_t i = from; i < out.size(); ++i) {
    waiting_.push_back({left_[i].due, left_[i].number, std::move(out[i])});
    std::push_heap(waiting_.begin(), waiting_.end(), Later());
    --stats_.passed;
  }
}

}  // namespace internal

FaultQueue::FaultQueue(DeviceQueue& inner, const DeviceInfo& info, const FaultOptions& options)
    : QueueDecorator(inner),
      limits_(info),
      rx_(options.rx, options.seed * 2, options.hold, false),
      tx_(options.tx, options.seed * 2 + 1, options.hold, true) {}

// The pool that the device's own packets come from, learnt from one of them.
PacketPool* FaultQueue::CopyPool() {
  if (pool_ == nullptr) {
    std::array<PacketBuf, 1> one;
    if (inner().AllocateBurst(one) == 1) pool_ = one[0]->pool;
  }
  return pool_;
}

size_t FaultQueue::ReceiveBurst(Instant now, std::span<PacketBuf> out) {
  now_ = now;
  Flush(now);
  size_t n = 0;
  std::array<PacketBuf, FaultLine::kMaxBurst> burst;
  while (n < out.size()) {
    if (const size_t left = rx_.Leave(now, out.subspan(n))) {
      n += left;
      continue;
    }
    const size_t want = std::min({burst.size(), out.size() - n, rx_.Room()});
    const size_t got = want == 0 ? 0 : inner().ReceiveBurst(now, std::span(burst).first(want));
    if (got == 0) break;
    PacketPool* pool = rx_.NeedsPool() ? CopyPool() : nullptr;
    for (size_t i = 0; i < got; ++i) rx_.Enter(now, std::move(burst[i]), pool);
  }
  for (size_t i = 0; i < n; ++i) stats_.rx_bytes += out[i].packet_size();
  stats_.rx_packets += n;
  return n;
}

size_t FaultQueue::TransmitBurst(Instant now, std::span<PacketBuf> in) {
  now_ = now;
  size_t n = 0;
  for (; n < in.size(); ++n) {
    if (tx_.Room() == 0) Flush(now);
    if (tx_.Room() == 0) {
      ++stats_.tx_full;
      break;
    }
    PacketBuf packet = std::move(in[n]);
    if (!CanSend(*packet.head(), limits_) ||
        packet.segments() > limits_.MaxSegments(*packet.head())) {
      ++stats_.tx_dropped;
      continue;
    }
    ++stats_.tx_packets;
    stats_.tx_bytes += packet.packet_size();
    PacketPool* pool = tx_.NeedsPool() ? CopyPool() : nullptr;
    tx_.Enter(now, std::move(packet), pool);
  }
  Flush(now);
  return n;
}

void FaultQueue::Flush(Instant now) {
  retry_ = Instant::min();
  std::array<PacketBuf, FaultLine::kMaxBurst> burst;
  while (const size_t n = tx_.Leave(now, burst)) {
    const std::span<PacketBuf> due = std::span(burst).first(n);
    const size_t sent = inner().TransmitBurst(now, due);
    if (sent == n) continue;
    tx_.UndoLeave(due, sent);
    retry_ = now + kRetry;
    return;
  }
}

Instant FaultQueue::NextEvent() const {
  const Instant tx = std::max(tx_.NextDue(), retry_);
  return std::min({rx_.NextDue(), tx, inner().NextEvent()});
}

std::optional<WakeSource> FaultQueue::ArmWake() {
  if (rx_.NextDue() <= now_) return std::nullopt;
  return inner().ArmWake();
}

const QueueStats& FaultQueue::stats() const {
  stats_.rx_dropped = inner().stats().rx_dropped;
  return stats_;
}

std::unique_ptr<FaultDevice> InjectFaults(std::unique_ptr<Device> inner,
                                          const FaultOptions& options) {
  const DeviceInfo info = inner->info();
  return std::make_unique<FaultDevice>(std::move(inner), [&](DeviceQueue& queue, size_t index) {
    FaultOptions own = options;
    own.seed = options.seed + index * 0x9e3779b97f4a7c15u;
    return std::make_unique<FaultQueue>(queue, info, own);
  });
}

absl::StatusOr<FaultOptions> ParseFaultOptions(std::string_view text) {
  const auto list = ParseOptions(text, text);
  if (!list.ok()) return list.status();
  OptionReader reader(std::string(text), *list);
  FaultOptions options;
  options.seed = reader.Unsigned("seed", options.seed, 0, ~uint64_t{0});
  options.hold = static_cast<uint32_t>(reader.Unsigned("hold", options.hold, 2, 1 << 24));
  const auto read = [&reader](const std::string& prefix, FaultDirection& to) {
    constexpr uint64_t kMostBits = 1'000'000'000'000'000;
    constexpr uint64_t kMostBytes = 1'000'000'000'000;
    to.loss = reader.Number(prefix + "loss", to.loss, 0, 1);
    to.burst_loss = reader.Number(prefix + "burst_loss", to.burst_loss, 0, 1);
    to.burst_length = reader.Number(prefix + "burst_length", to.burst_length, 1, 1e9);
    to.corrupt = reader.Number(prefix + "corrupt", to.corrupt, 0, 1);
    to.duplicate = reader.Number(prefix + "duplicate", to.duplicate, 0, 1);
    to.reorder = reader.Number(prefix + "reorder", to.reorder, 0, 1);
    to.reorder_delay = reader.Time(prefix + "reorder_delay", to.reorder_delay);
    to.delay = reader.Time(prefix + "delay", to.delay);
    to.jitter = reader.Time(prefix + "jitter", to.jitter);
    to.bandwidth = reader.Scaled(prefix + "bandwidth", to.bandwidth, kMostBits, "bits a second");
    to.queue = reader.Scaled(prefix + "queue", to.queue, kMostBytes, "bytes");
  };
  read("", options.rx);
  options.tx = options.rx;
  read("rx.", options.rx);
  read("tx.", options.tx);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  return options;
}

}  // namespace corelane::driver
