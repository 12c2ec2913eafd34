#include "stack/lane_group.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <tuple>
#include <utility>

#include "driver/frame.h"

namespace corelane::stack {
namespace {

constexpr size_t kDefaultBuckets = 128;

std::vector<uint8_t> TableOf(const LaneGroupOptions& options) {
  if (!options.table.empty()) return options.table;
  std::vector<uint8_t> table(kDefaultBuckets);
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<uint8_t>(i % options.lanes);
  return table;
}

// How neighbors are sorted.
bool Before(const PublishedNeighbor& n, uint16_t interface, const IpAddress& address) {
  return std::tuple(n.interface, n.address.high(), n.address.low()) <
         std::tuple(interface, address.high(), address.low());
}

}  // namespace

const PublishedNeighbor* NeighborSnapshot::Find(uint16_t interface,
                                                const IpAddress& address) const {
  const auto at = std::partition_point(
      neighbors.begin(), neighbors.end(),
      [&](const PublishedNeighbor& n) { return Before(n, interface, address); });
  if (at == neighbors.end() || at->interface != interface || !(at->address == address)) {
    return nullptr;
  }
  return &*at;
}

// --- Lane ---

void Lane::Join() {
  std::lock_guard lock(group_.writers_);
  const uint64_t version = group_.readers_.Version();
  steering_ = &group_.steering_.Load();
  neighbors_ = &group_.neighbors_.Load();
  network_ = &group_.network_.Load();
  group_.readers_.Seen(index_, version);
  pool_.reset(new PacketPool(group_.options_.forward_packets));
}

void Lane::Leave() {
  std::array<PacketBuf, 32> packets;
  std::array<Forwarded, 32> how;
  while (TakeForwarded(packets, how) > 0) {
    for (PacketBuf& packet : packets) packet.Reset();
  }
  EndTurn();
  Disarm();
  group_.readers_.Rest(index_);
  steering_ = nullptr;
  network_ = nullptr;
  neighbors_ = nullptr;
  pool_.reset();
}

bool Lane::Refresh() {
  if (armed_) [[unlikely]] {
    Disarm();
  }
  if (!group_.readers_.Changed(index_)) [[likely]] {
    return false;
  }
  const uint64_t version = group_.readers_.Version();
  steering_ = &group_.steering_.Load();
  neighbors_ = &group_.neighbors_.Load();
  network_ = &group_.network_.Load();
  group_.readers_.Seen(index_, version);
  return true;
}

bool Lane::Forward(size_t to, const Forwarded& how, PacketBuf packet) {
  LaneGroup::Channel& channel = group_.channel(index_, to);
  if (channel.out == group_.options_.forward_ring) {
    counters_.forward_drops.Increment();
    return false;
  }
  Forwarded entry = how;
  entry.packet = packet.Release();
  const bool pushed = channel.forwarded.TryPush(entry);
  CL_DCHECK(pushed);
  static_cast<void>(pushed);
  ++channel.out;
  ++out_;
  touched_ |= LaneBit(to);
  counters_.forwarded_out.Increment();
  return true;
}

size_t Lane::TakeForwarded(std::span<PacketBuf> out, std::span<Forwarded> how) {
  size_t n = 0;
  // Every turn begins with another lane, so that none is starved by those before it.
  next_source_ = next_source_ + 1 < group_.lanes() ? next_source_ + 1 : 0;
  for (size_t i = 0; i < group_.lanes() && n < out.size(); ++i) {
    const size_t from = (next_source_ + i) % group_.lanes();
    LaneGroup::Channel& channel = group_.channel(from, index_);
    const std::span<Forwarded> taken = how.subspan(n, channel.forwarded.PopBurst(how.subspan(n)));
    for (const Forwarded& each : taken) __builtin_prefetch(each.packet);
    for (const Forwarded& each : taken) {
      PacketBuf copy = driver::CopyPacket(*each.packet, *pool_);
      const bool back = channel.used.TryPush(each.packet);
      CL_DCHECK(back);
      static_cast<void>(back);
      if (!copy) [[unlikely]] {
        counters_.forward_drops.Increment();
        continue;
      }
      out[n] = std::move(copy);
      how[n] = each;  // at or before its own place
      ++n;
    }
  }
  counters_.forwarded_in.Increment(n);
  return n;
}

void Lane::EndTurn() {
  for (size_t to = 0; out_ > 0 && to < group_.lanes(); ++to) {
    LaneGroup::Channel& channel = group_.channel(index_, to);
    if (channel.out == 0) continue;
    PacketHead* packet;
    while (channel.used.TryPop(packet)) {
      PacketBuf::Adopt(packet);
      --channel.out;
      --out_;
    }
  }
  for (LaneMask left = std::exchange(touched_, 0); left != 0; left &= left - 1) {
    group_.lane(static_cast<size_t>(std::countr_zero(left))).wake_.WakeIfSleeping();
  }
}

void Lane::Ask(const NeighborQuestion& question) {
  if (group_.questions_[index_]->TryPush(question)) touched_ |= LaneBit(0);
}

std::optional<NeighborQuestion> Lane::TakeQuestion() {
  NeighborQuestion question;
  for (auto& queue : group_.questions_) {
    if (queue->TryPop(question)) return question;
  }
  return std::nullopt;
}

bool Lane::HasInput() const {
  if (group_.readers_.Changed(index_)) return true;
  for (size_t from = 0; from < group_.lanes(); ++from) {
    if (!group_.channel(from, index_).forwarded.empty_approx()) return true;
  }
  return is_owner() && std::any_of(group_.questions_.begin(), group_.questions_.end(),
                                   [](const auto& q) { return !q->empty_approx(); });
}

std::optional<driver::WakeSource> Lane::ArmWake() {
  if (armed_ || wake_.fd() < 0) {
    if (HasInput()) return std::nullopt;
    if (wake_.fd() < 0) return driver::WakeSource{.fd = -1, .nap = std::chrono::milliseconds(1)};
    return driver::WakeSource{.fd = wake_.fd()};
  }
  if (!wake_.Arm([this] { return HasInput(); })) return std::nullopt;
  armed_ = true;
  return driver::WakeSource{.fd = wake_.fd()};
}

void Lane::Disarm() {
  if (!armed_) return;
  armed_ = false;
  wake_.Disarm();
}

// --- LaneGroup ---

LaneGroup::LaneGroup(const LaneGroupOptions& options)
    : options_(options),
      readers_(options.lanes),
      steering_(readers_,
                std::make_unique<const Steering>(options.key, TableOf(options), options.lanes)),
      network_(readers_, std::make_unique<const NetworkSnapshot>()),
      neighbors_(readers_, std::make_unique<const NeighborSnapshot>()) {
  for (size_t i = 0; i < options.lanes * options.lanes; ++i) {
    channels_.push_back(std::make_unique<Channel>(options.forward_ring));
  }
  for (size_t i = 0; i < options.lanes; ++i) {
    questions_.push_back(std::make_unique<SpscQueue<NeighborQuestion>>(kQuestions));
    lanes_.push_back(std::make_unique<Lane>(*this, i, options.lanes));
  }
}

void LaneGroup::FreeAll(Channel& channel) {
  const auto free = [](PacketHead* packet) {
    // Its lane's thread is done.
    for (PacketHead* s = packet; s != nullptr; s = s->next_segment) s->pool->ReleaseOwner();
    PacketBuf::Adopt(packet);
  };
  Forwarded forwarded;
  while (channel.forwarded.TryPop(forwarded)) free(forwarded.packet);
  PacketHead* packet;
  while (channel.used.TryPop(packet)) free(packet);
}

LaneGroup::~LaneGroup() {
  for (auto& channel : channels_) FreeAll(*channel);
}

void LaneGroup::PublishNetwork(NetworkSnapshot network) {
  auto next = std::make_unique<const NetworkSnapshot>(std::move(network));
  std::lock_guard lock(writers_);
  network_.Publish(std::move(next));
}

void LaneGroup::PublishNeighbors(NeighborSnapshot neighbors) {
  std::sort(neighbors.neighbors.begin(), neighbors.neighbors.end(),
            [](const PublishedNeighbor& a, const PublishedNeighbor& b) {
              return Before(a, b.interface, b.address);
            });
  auto next = std::make_unique<const NeighborSnapshot>(std::move(neighbors));
  std::lock_guard lock(writers_);
  neighbors_.Publish(std::move(next));
}

}  // namespace corelane::stack
