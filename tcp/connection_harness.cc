#include "tcp/connection_harness.h"

#include <algorithm>

#include "core/check.h"
#include "tcp/moving_connection.h"

namespace corelane::tcp {

std::vector<uint8_t> Pattern(uint64_t from, size_t n) {
  std::vector<uint8_t> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = PatternByte(from + i);
  return bytes;
}

std::vector<WireSegment> Frames(const PacketBuf& packet) {
  std::vector<uint8_t> bytes(packet.packet_size());
  packet.CopyOut(0, bytes);
  const auto view = HeaderView::Parse(bytes);
  CL_CHECK(view.has_value());
  const size_t payload = bytes.size() - view->header_length();
  const size_t step =
      packet->segment_size != 0 ? packet->segment_size : std::max<size_t>(payload, 1);
  std::vector<WireSegment> frames;
  for (size_t at = 0; at < payload || at == 0; at += step) {
    const size_t n = std::min(step, payload - at);
    WireSegment frame;
    CL_CHECK(ParseSegment(*view, static_cast<uint32_t>(n), frame.header));
    frame.header.seq += static_cast<uint32_t>(at);
    if (at + n < payload) frame.header.flags &= static_cast<uint8_t>(~(kFin | kPsh));
    frame.payload.assign(bytes.begin() + static_cast<ptrdiff_t>(view->header_length() + at),
                         bytes.begin() + static_cast<ptrdiff_t>(view->header_length() + at + n));
    frames.push_back(std::move(frame));
  }
  return frames;
}

ConnectionPair::ConnectionPair(const Options& a, const Options& b, const WireOptions& wire,
                               uint64_t seed)
    : options_{a, b}, wire_(wire), random_(seed) {
  for (auto& memory : memory_) memory = std::make_unique<CoreMemory>();
}

ConnectionPair::~ConnectionPair() = default;

void ConnectionPair::Move(int i, std::unique_ptr<CoreMemory> to) {
  MovingConnection moving(*ends_[i]);
  CL_CHECK(ends_[i]->is_closed());
  ends_[i] = std::make_unique<Connection>(std::move(moving), to->resources, now_);
  CL_CHECK(memory_[i]->blocks.in_use() == 0);
  memory_[i] = std::move(to);
  ends_[i]->CheckInvariants();
}

void ConnectionPair::Connect() {
  ends_[0] = std::make_unique<Connection>(options_[0], Connection::Ports{1000, 2000}, 1460,
                                          memory_[0]->resources);
  ends_[0]->OpenActive(SeqNum(0xffffff00u), 77, now_);
  Poll(0);
}

void ConnectionPair::Send(int from, const WireSegment& segment) {
  ++frames_sent_[from];
  if (filter && !filter(from, segment)) return;
  if (random_.Chance(wire_.loss)) return;
  const int copies = random_.Chance(wire_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Instant at = now_ + wire_.delay;
    if (random_.Chance(wire_.reordering)) at += wire_.delay * (1 + random_.Below(3));
    in_flight_.emplace(at, std::pair(1 - from, segment));
  }
}

void ConnectionPair::Poll(int i) {
  if (ends_[i] == nullptr) return;
  while (PacketBuf packet = ends_[i]->PollTransmit(memory_[i]->cache, 65000, now_)) {
    for (const WireSegment& frame : Frames(packet)) Send(i, frame);
  }
  ends_[i]->CheckInvariants();
}

void ConnectionPair::Deliver(int to, const WireSegment& segment) {
  if (ends_[to] == nullptr) {
    if (!segment.header.syn() || segment.header.has_ack()) return;
    ends_[to] = std::make_unique<Connection>(options_[to], Connection::Ports{2000, 1000}, 1460,
                                             memory_[to]->resources);
    ends_[to]->OpenPassive(segment.header, SeqNum(5000), 99, now_);
    return;
  }
  PacketBuf payload;
  if (!segment.payload.empty()) {
    payload = memory_[to]->packets.Allocate();
    CL_CHECK(static_cast<bool>(payload));
    std::copy(segment.payload.begin(), segment.payload.end(),
              payload.Append(segment.payload.size()));
  }
  if (ends_[to]->AckIsUrgent()) Poll(to);
  ends_[to]->OnSegment(segment.header, std::move(payload), now_);
  ends_[to]->CheckInvariants();
}

bool ConnectionPair::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Instant end = now_ + limit;
  for (;;) {
    if (on_step) on_step();
    Poll(0);
    Poll(1);
    if (done()) return true;
    Instant next = in_flight_.empty() ? kNever : in_flight_.begin()->first;
    for (auto& c : ends_) {
      if (c != nullptr) next = std::min(next, c->NextDeadline());
    }
    if (next > end) {
      now_ = end;
      return done();
    }
    now_ = std::max(now_, next);
    while (!in_flight_.empty() && in_flight_.begin()->first <= now_) {
      auto node = in_flight_.extract(in_flight_.begin());
      Deliver(node.mapped().first, node.mapped().second);
    }
    for (auto& c : ends_) {
      if (c != nullptr && c->NextDeadline() <= now_) c->OnTimer(now_);
    }
  }
}

}  // namespace corelane::tcp
