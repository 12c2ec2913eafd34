#include "stack/lane_group.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <span>
#include <tuple>
#include <utility>

#include "driver/frame.h"
#include "ip/protocol.h"

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
  while (const size_t n = TakeCarried(how)) {
    for (const Forwarded& each : std::span(how).first(n)) GiveBack(each);
  }
  // Connections that nobody takes in any more: as silent as those that the lane had.
  while (const std::unique_ptr<MovingSocket> moved = TakeMoved()) {
    if (moved->connection == nullptr) continue;
    group_.ChangeSteering(
        [&](Steering& s) { s.Unclaim(ip::protocol::kTcp, moved->tuple, index_); });
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
  PacketHead* const head = packet.Release();
  Forwarded entry = how;
  entry.packet = head;
  entry.data = head->next_segment == nullptr ? head->data : nullptr;
  entry.length = head->length;
  entry.flow_hash = head->flow_hash;
  entry.segment_size = head->segment_size;
  entry.segment_count = head->segment_count;
  entry.flags = head->flags;
  entry.ecn = head->ecn;
  entry.l3_checksum = head->l3_checksum;
  entry.l4_checksum = head->l4_checksum;
  const bool staged = channel.forwarded.Stage(entry);
  CL_DCHECK(staged);
  static_cast<void>(staged);
  ++channel.out;
  ++out_;
  staged_ |= LaneBit(to);
  counters_.forwarded_out.Increment();
  return true;
}

void Lane::Publish() {
  touched_ |= staged_;
  for (LaneMask left = std::exchange(staged_, 0); left != 0; left &= left - 1) {
    group_.channel(index_, static_cast<size_t>(std::countr_zero(left))).forwarded.Publish();
  }
}

PacketBuf Lane::CopyOf(const Forwarded& forwarded) {
  PacketBuf copy;
  if (forwarded.data == nullptr || pool_->AllocateBurst({&copy, 1}) == 0 ||
      copy.tailroom() < forwarded.length) [[unlikely]] {
    return driver::CopyPacket(*forwarded.packet, *pool_);
  }
  std::memcpy(copy.Append(forwarded.length), forwarded.data, forwarded.length);
  copy->flow_hash = forwarded.flow_hash;
  copy->segment_size = forwarded.segment_size;
  copy->segment_count = forwarded.segment_count;
  copy->flags = forwarded.flags & static_cast<uint8_t>(~PacketHead::kHasDataSum);
  copy->ecn = forwarded.ecn;
  copy->interface = forwarded.interface;
  copy->l3_checksum = forwarded.l3_checksum;
  copy->l4_checksum = forwarded.l4_checksum;
  return copy;
}

// One burst of one other lane's.
size_t Lane::TakeFrom(size_t lane, std::span<PacketBuf> out, std::span<Forwarded> how) {
  LaneGroup::Channel& channel = group_.channel(lane, index_);
  std::array<PacketHead*, kBurst> used;
  const size_t taken = channel.forwarded.PopBurst(how.first(std::min(how.size(), kBurst)));
  if (taken == 0) return 0;
  // The bytes lie in the other core's cache: all of them travel at once.
  for (const Forwarded& each : how.first(taken)) {
    if (each.data == nullptr) continue;
    for (uint32_t i = 0; i < std::min(each.length, kPrefetched); i += 64) {
      __builtin_prefetch(each.data + i);
    }
  }
  size_t n = 0;
  for (size_t i = 0; i < taken; ++i) {
    used[i] = how[i].packet;
    PacketBuf copy = CopyOf(how[i]);
    if (!copy) [[unlikely]] {
      counters_.forward_drops.Increment();
      continue;
    }
    out[n] = std::move(copy);
    how[n] = how[i];
    ++n;
  }
  const size_t back = channel.used.PushBurst({used.data(), taken});
  CL_DCHECK(back == taken);
  static_cast<void>(back);
  return n;
}

size_t Lane::SendByCarrier(uint16_t interface, std::span<PacketBuf> in) {
  LaneGroup::Channel& channel = *group_.egress(index_);
  const size_t n = std::min(in.size(), group_.options_.forward_ring - channel.out);
  for (size_t i = 0; i < n; ++i) {
    Forwarded entry;
    entry.packet = in[i].Release();
    entry.interface = interface;
    entry.source = static_cast<uint8_t>(index_);
    const bool staged = channel.forwarded.Stage(entry);
    CL_DCHECK(staged);
    static_cast<void>(staged);
  }
  if (n == 0) return 0;
  channel.forwarded.Publish();
  channel.out += n;
  out_ += n;
  touched_ |= LaneBit(carrier());
  counters_.carried_out.Increment(n);
  return n;
}

size_t Lane::TakeCarried(std::span<Forwarded> out) {
  size_t n = 0;
  // Every call begins with another lane.
  const size_t served = this->served();
  next_carried_ = next_carried_ + 1 < served ? next_carried_ + 1 : 0;
  for (size_t i = 0; i < served && n < out.size(); ++i) {
    const size_t from = index_ + queues_ * (1 + (next_carried_ + i) % served);
    n += group_.egress(from)->forwarded.PopBurst(out.subspan(n));
  }
  for (const Forwarded& each : out.first(n)) __builtin_prefetch(each.packet);
  counters_.carried_in.Increment(n);
  return n;
}

void Lane::GiveBack(const Forwarded& carried) {
  const bool back = group_.egress(carried.source)->used.TryPush(carried.packet);
  CL_DCHECK(back);
  static_cast<void>(back);
}

size_t Lane::TakeForwarded(std::span<PacketBuf> out, std::span<Forwarded> how) {
  size_t n = 0;
  // Every turn begins with another lane, so that none is starved by those before it.
  next_source_ = next_source_ + 1 < lanes_ ? next_source_ + 1 : 0;
  size_t source = next_source_;
  for (size_t i = 0; i < lanes_ && n < out.size(); ++i) {
    n += TakeFrom(source, out.subspan(n), how.subspan(n));
    source = source + 1 < lanes_ ? source + 1 : 0;
  }
  counters_.forwarded_in.Increment(n);
  return n;
}

void Lane::Reclaim(SpscQueue<PacketHead*>& used, size_t& out) {
  std::array<PacketHead*, kBurst> back;
  while (const size_t n = out > 0 ? used.PopBurst(back) : 0) {
    for (PacketHead* const packet : std::span(back).first(n)) PacketBuf::Adopt(packet);
    out -= n;
    out_ -= n;
  }
}

void Lane::EndTurn() {
  Publish();
  for (size_t to = 0; out_ > 0 && to < group_.lanes(); ++to) {
    LaneGroup::Channel& channel = group_.channel(index_, to);
    Reclaim(channel.used, channel.out);
  }
  if (LaneGroup::Channel* const egress = group_.egress(index_); egress != nullptr) {
    Reclaim(egress->used, egress->out);
  }
  for (LaneMask left = std::exchange(touched_, 0); left != 0; left &= left - 1) {
    group_.lane(static_cast<size_t>(std::countr_zero(left))).wake_.WakeIfSleeping();
  }
}

void Lane::Send(size_t to, std::unique_ptr<MovingSocket> socket) {
  const bool pushed = group_.channel(index_, to).moving.TryPush(std::move(socket));
  CL_DCHECK(pushed);
  static_cast<void>(pushed);
  touched_ |= LaneBit(to);
}

bool Lane::MaySend(size_t to) const {
  return group_.channel(index_, to).moving.size_approx() < LaneGroup::kMoving;
}

std::unique_ptr<MovingSocket> Lane::TakeMoved() {
  std::unique_ptr<MovingSocket> socket;
  for (size_t from = 0; from < lanes_; ++from) {
    if (group_.channel(from, index_).moving.TryPop(socket)) return socket;
  }
  ahead_ = false;
  return nullptr;
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
    const LaneGroup::Channel& channel = group_.channel(from, index_);
    if (!channel.forwarded.empty_approx() || !channel.moving.empty_approx()) return true;
  }
  for (size_t from = index_ + queues_; index_ < queues_ && from < lanes_; from += queues_) {
    if (!group_.egress(from)->forwarded.empty_approx()) return true;
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
      steering_(readers_, std::make_unique<const Steering>(options.key, TableOf(options),
                                                           options.lanes, options.ports)),
      network_(readers_, std::make_unique<const NetworkSnapshot>()),
      neighbors_(readers_, std::make_unique<const NeighborSnapshot>()) {
  for (size_t i = 0; i < options.lanes * options.lanes; ++i) {
    channels_.push_back(std::make_unique<Channel>(options.forward_ring));
  }
  const size_t queues =
      options.queues == 0 ? options.lanes : std::min(options.queues, options.lanes);
  const size_t buckets = steering_.Load().table().size();
  for (size_t i = 0; i < options.lanes; ++i) {
    egress_.push_back(i < queues ? nullptr : std::make_unique<Channel>(options.forward_ring));
    questions_.push_back(std::make_unique<SpscQueue<NeighborQuestion>>(kQuestions));
    lanes_.push_back(std::make_unique<Lane>(*this, i, options.lanes, queues, buckets));
  }
}

void LaneGroup::FreeAll(Channel& channel) {
  const auto free = [](PacketHead* packet) {
    // Its lane's thread is done.
    for (PacketHead* s = packet; s != nullptr; s = s->next_segment) {
      s->pool->ReleaseOwner();
      if (s->block != nullptr) s->block->pool->ReleaseOwner();
    }
    PacketBuf::Adopt(packet);
  };
  Forwarded forwarded;
  while (channel.forwarded.TryPop(forwarded)) free(forwarded.packet);
  PacketHead* packet;
  while (channel.used.TryPop(packet)) free(packet);
}

LaneGroup::~LaneGroup() {
  for (auto& channel : channels_) FreeAll(*channel);
  for (auto& channel : egress_) {
    if (channel != nullptr) FreeAll(*channel);
  }
}

void LaneGroup::WakeLagging() {
  for (size_t i = 0; i < lanes(); ++i) {
    if (readers_.Lags(i, kMaxKept / 2)) lanes_[i]->wake_.WakeIfSleeping();
  }
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
