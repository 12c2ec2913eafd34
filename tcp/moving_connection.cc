#include "tcp/moving_connection.h"

#include <algorithm>
#include <span>

#include "core/check.h"
#include "core/packet.h"

namespace corelane::tcp {
namespace {

void AppendAndFree(PacketQueue& queue, std::vector<uint8_t>& bytes) {
  size_t at = bytes.size();
  bytes.resize(at + queue.bytes());
  while (!queue.empty()) {
    PacketBuf packet = queue.PopFront();
    const size_t n = packet.packet_size();
    packet.CopyOut(0, {bytes.data() + at, n});
    at += n;
  }
}

// Packets of a pool that goes with the last of them.
PacketQueue ToPackets(std::span<const uint8_t> bytes) {
  PacketQueue packets;
  if (bytes.empty()) return packets;
  constexpr size_t kMost = PacketPool::kDefaultDataRoom - PacketPool::kDefaultHeadroom;
  const PacketPoolPtr pool(new PacketPool((bytes.size() + kMost - 1) / kMost));
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kMost);
    PacketBuf packet = pool->Allocate();
    CL_CHECK(packet);
    std::copy_n(bytes.data(), n, packet.Append(n));
    packets.PushBack(std::move(packet));
    bytes = bytes.subspan(n);
  }
  return packets;
}

}  // namespace

MovingConnection::MovingConnection(Connection& from)
    : unacknowledged_from_(from.send_queue_.base()),
      unacknowledged_(from.send_queue_.bytes()),
      state_((from.MoveBytes(*this), std::move(from))) {
  from.state_ = State::kClosed;
  from.events_ = 0;
  from.transmit_wanted_ = false;
  from.deadlines_.fill(kNever);
}

size_t MovingConnection::bytes() const {
  size_t n = unacknowledged_.size() + unread_.size();
  for (const Piece& piece : out_of_order_) n += piece.bytes.size();
  return n;
}

// Leaves the queues empty.
void Connection::MoveBytes(MovingConnection& to) {
  CL_CHECK(established_ && state_ != State::kClosed && state_ != State::kTimeWait);
  send_queue_.CopyOut(to.unacknowledged_);
  send_queue_.Clear(*r_);
  AppendAndFree(receive_queue_, to.unread_);
  if (reassembly_ != nullptr) {
    reassembly_->TakeRanges([&](SeqNum seq, PacketQueue& packets) {
      to.out_of_order_.push_back({seq, {}});
      AppendAndFree(packets, to.out_of_order_.back().bytes);
    });
    r_->reassembly->Delete(std::exchange(reassembly_, nullptr));
  }
  if (scoreboard_ != nullptr) {
    to.sacked_.assign(scoreboard_->ranges().begin(), scoreboard_->ranges().end());
    r_->scoreboards->Delete(std::exchange(scoreboard_, nullptr));
  }
}

Connection::Connection(MovingConnection&& from, Resources& r, Instant now)
    : Connection(std::move(from.state_)) {
  r_ = &r;
  send_queue_.Start(from.unacknowledged_from_);
  const size_t kept = from.unacknowledged_.empty()
                          ? 0
                          : send_queue_.Append(from.unacknowledged_, mss_, snd_nxt_, r);
  receive_queue_ = ToPackets(from.unread_);
  // What the peer was told of may be forgotten (RFC 2018 §8), and so may what the peer told.
  if (!from.out_of_order_.empty()) reassembly_ = r.reassembly->New();
  for (const auto& piece : from.out_of_order_) {
    SeqNum seq = piece.seq;
    PacketQueue packets = ToPackets(piece.bytes);
    while (reassembly_ != nullptr && !packets.empty()) {
      PacketBuf packet = packets.PopFront();
      const auto n = static_cast<uint32_t>(packet.packet_size());
      reassembly_->Insert(seq, std::move(packet));
      seq += n;
    }
  }
  if (!from.sacked_.empty()) scoreboard_ = r.scoreboards->New();
  for (const SeqRange& range : from.sacked_) {
    if (scoreboard_ != nullptr) scoreboard_->Add(range);
  }
  if (kept < from.unacknowledged_.size()) {
    // The application was told that these bytes would be sent: the stream ends here, and says so.
    Abort(now);
    return;
  }
  // The application may be another one: it hears of all that is to be had.
  if (readable_bytes() > 0 || fin_received_) events_ |= kReadable;
  if (writable_bytes() > 0) events_ |= kWritable;
  WantTransmit();
}

}  // namespace corelane::tcp
