// Segments that leave (RFC 9293 §3.7, §3.8.6): what to send, and how it is built.

#include <algorithm>
#include <optional>
#include <utility>

#include "tcp/connection.h"

namespace corelane::tcp {

PacketBuf Connection::PollTransmit(PacketCache& cache, uint32_t max_payload, Instant now) {
  if (!transmit_wanted_) return PacketBuf();
  if (rst_due_) return TransmitReset(cache, now);
  if (syn_due_) return TransmitSyn(cache, now);
  if (CanSendData()) {
    if (tail_due_) [[unlikely]] {
      return TransmitTailProbe(cache, now);
    }
    SeqRange range;
    if (NextRetransmission(range) && MayRetransmit()) {
      return TransmitRetransmission(cache, range, max_payload, now);
    }
    if (NextNewData(max_payload, range, now)) return TransmitNewData(cache, range, now);
  }
  if (probe_due_) return TransmitProbe(cache, now);
  if (ack_now_) return TransmitAck(cache, now);
  transmit_wanted_ = false;
  return PacketBuf();
}

// --- what may be sent ---

// Bytes beyond snd_nxt that the peer's and the congestion window allow.
uint32_t Connection::UsableWindow() const {
  const uint32_t flight = flight_size();
  const uint32_t peer = snd_wnd_ > flight ? snd_wnd_ - flight : 0;
  uint32_t cwnd = cc_.cwnd();
  // RFC 3042: each of the first two duplicate ACKs lets one new segment go.
  if (recovery_ == Recovery::kOpen && scoreboard_ == nullptr) {
    cwnd += std::min<uint32_t>(dup_acks_, 2) * mss_;
  }
  if (tail_due_) cwnd += mss_;  // RFC 8985 §7.3: the probe is beyond the window
  const uint32_t pipe = recovery_ == Recovery::kOpen && scoreboard_ == nullptr ? flight : Pipe();
  return std::min(peer, cwnd > pipe ? cwnd - pipe : 0);
}

// Less than a full segment: silly-window avoidance (RFC 9293 §3.8.6.2.1) and Nagle's algorithm
// (§3.7.4).
bool Connection::MaySendSmall(uint32_t length, uint32_t queued) const {
  if (length == queued) {  // all there is
    return options_.no_delay || fin_queued_ || flight_size() == 0;
  }
  return (max_snd_wnd_ > 0 && length >= max_snd_wnd_ / 2) || override_due_;
}

bool Connection::NextNewData(uint32_t max_payload, SeqRange& range, Instant now) {
  const SeqNum end = send_queue_.end();
  // The common case: a message that one segment holds, and nothing in flight.
  const bool alone = snd_nxt_ == snd_una_ && recovery_ == Recovery::kOpen && !fin_queued_;
  if (const uint32_t n = Distance(snd_nxt_, end);
      alone && n - 1 < mss_ && n <= std::min({snd_wnd_, cc_.cwnd(), max_payload})) [[likely]] {
    cwnd_limited_ = false;
    range = {snd_nxt_, end};
    return true;
  }
  if (FinSent()) return false;
  const uint32_t queued = snd_nxt_ < end ? Distance(snd_nxt_, end) : 0;
  if (queued == 0) {
    // A FIN by itself needs no window (RFC 9293 §3.10.4 queues it behind the data only).
    range = {snd_nxt_, snd_nxt_ + 1};
    return fin_queued_;
  }
  const uint32_t usable = UsableWindow();
  uint32_t length = std::min({queued, usable, max_payload});
  // The congestion window holds the sender back: neither the application, nor the peer, nor the
  // device does.
  cwnd_limited_ = usable < queued && usable < max_payload && snd_wnd_ > flight_size() + usable;
  if (length >= mss_) {
    // Whole segments; the rest waits for them to be acknowledged (Nagle) or goes along.
    const bool all = length == queued && (options_.no_delay || fin_queued_);
    if (!all) length -= length % mss_;
  } else if (length == 0 || !MaySendSmall(length, queued)) {
    if (flight_size() == 0) ArmPersist(now);
    return false;
  }
  range = {snd_nxt_, snd_nxt_ + length};
  if (fin_queued_ && range.end == end) range.end += 1;
  return true;
}

// --- building ---

// One segment for `range` of the send queue, its last position the FIN where it lies beyond the
// data. Cuts `range` where SACK blocks need the room.
PacketBuf Connection::BuildSegment(PacketCache& cache, SeqRange& range, uint8_t flags,
                                   Instant now) {
  if (reassembly_ == nullptr || !sack_ok_) return BuildPlainSegment(cache, range, flags, now);
  OutgoingOptions options = DataOptions(now);
  AddSackBlocks(options, range);
  PacketBuf packet = cache.Take();
  if (!packet) return packet;
  const size_t header_length = kMinHeaderLength + options.length();
  EmitHeader(NextHeader(range, flags), options, packet.Append(header_length));
  if (!FinishSegment(cache, packet, header_length, range)) return PacketBuf();
  return packet;
}

// Timestamps are its only option.
[[gnu::always_inline]] inline PacketBuf Connection::BuildPlainSegment(PacketCache& cache,
                                                                      SeqRange range, uint8_t flags,
                                                                      Instant now) {
  PacketBuf packet = cache.Take();
  if (!packet) return packet;
  const size_t header_length = kMinHeaderLength + (ts_ok_ ? kTimestampsLength : 0);
  uint8_t* const to = packet.Append(header_length);
  EmitHeader(NextHeader(range, flags), header_length - kMinHeaderLength, to);
  if (ts_ok_) EmitTimestamps({TimestampNow(now), ts_recent_}, to + kMinHeaderLength);
  if (!FinishSegment(cache, packet, header_length, range)) return PacketBuf();
  return packet;
}

[[gnu::always_inline]] inline OutgoingHeader Connection::NextHeader(SeqRange range, uint8_t flags) {
  const SeqNum end = send_queue_.end();
  if (range.begin < range.end) {
    if (range.end > end) flags |= kFin;
    if (range.begin < end && range.end >= end) flags |= kPsh;
  }
  return {ports_.local, ports_.remote, range.begin, rcv_nxt_, flags, AdvertiseWindow()};
}

// Behind the header: the payload and what the layers below want to know. False: out of packets.
[[gnu::always_inline]] inline bool Connection::FinishSegment(PacketCache& cache, PacketBuf& packet,
                                                             size_t header_length, SeqRange range) {
  packet->l4_checksum = ChecksumState::kPartial;
  packet->payload_offset = static_cast<uint16_t>(header_length);
  const SeqNum data_end = Min(range.end, send_queue_.end());
  if (range.begin < data_end) {
    const uint32_t payload = Distance(range.begin, data_end);
    if (!send_queue_.Attach({range.begin, data_end}, cache, packet, mss_)) return false;
    if (payload > mss_) {
      packet->segment_size = mss_;
      packet->segment_count = static_cast<uint16_t>((payload + mss_ - 1) / mss_);
    }
  }
  r_->counters->segments_out.Increment(packet->segment_count);
  AckSent();
  return true;
}

// --- data ---

PacketBuf Connection::TransmitRetransmission(PacketCache& cache, SeqRange lost,
                                             uint32_t max_payload, Instant now) {
  const uint32_t window = Pipe() < cc_.cwnd() ? cc_.cwnd() - Pipe() : 0;
  uint32_t length = std::min({lost.length(), std::max<uint32_t>(window, mss_), max_payload});
  if (force_retransmit_) length = std::min<uint32_t>(length, mss_);
  if (length > mss_) length -= length % mss_;
  SeqRange range{lost.begin, lost.begin + length};
  PacketBuf packet = BuildSegment(cache, range, kAck, now);
  if (!packet) return packet;
  if (range.begin == snd_una_) rxt_mark_ = snd_nxt_;
  high_rxt_ = range.end;
  force_retransmit_ = false;
  rtt_timing_ = false;  // Karn (RFC 6298 §3)
  last_retransmit_ = now;
  const uint32_t frames = std::max<uint32_t>(1, (range.length() + mss_ - 1) / mss_);
  retransmits_ += frames;
  r_->counters->retransmitted_segments.Increment(frames);
  if (!TimerArmed(kRetransmit)) ArmRetransmit(now);
  return packet;
}

PacketBuf Connection::TransmitNewData(PacketCache& cache, SeqRange range, Instant now) {
  const bool plain = reassembly_ == nullptr || !sack_ok_;
  PacketBuf packet =
      plain ? BuildPlainSegment(cache, range, kAck, now) : BuildSegment(cache, range, kAck, now);
  if (!packet) return packet;
  const bool fin = range.end > send_queue_.end();
  if (!rtt_timing_ && recovery_ == Recovery::kOpen) {
    rtt_timing_ = true;
    rtt_seq_ = range.begin;
    rtt_start_ = now;
  }
  const uint32_t bytes = range.length() - (fin ? 1 : 0);
  bytes_out_ += bytes;
  r_->counters->bytes_out.Increment(bytes);
  snd_nxt_ = range.end;
  last_sent_ = now;
  override_due_ = false;
  ClearTimer(kPersist);
  if (!TimerArmed(kRetransmit)) ArmRetransmit(now);  // RFC 6298 §5.1
  transmit_wanted_ = AnythingToSend() || probe_due_ || recovery_ != Recovery::kOpen;
  return packet;
}

// RFC 8985 §7.3: a new segment, else the last one once more. Its acknowledgement shows what was
// lost at the end of the flight, long before the RTO.
PacketBuf Connection::TransmitTailProbe(PacketCache& cache, Instant now) {
  SeqRange range;
  const bool fresh = NextNewData(mss_, range, now);
  if (!fresh) range = {snd_nxt_ - std::min<uint32_t>(mss_, flight_size()), snd_nxt_};
  PacketBuf packet =
      fresh ? TransmitNewData(cache, range, now) : BuildSegment(cache, range, kAck, now);
  if (!packet) return packet;
  tail_due_ = false;
  tail_probed_ = true;
  tail_end_ = snd_nxt_;
  tail_retrans_ = !fresh;
  r_->counters->tail_loss_probes.Increment(1);
  if (fresh) return packet;
  rtt_timing_ = false;  // Karn (RFC 6298 §3)
  last_retransmit_ = now;
  ++retransmits_;
  r_->counters->retransmitted_segments.Increment(1);
  return packet;
}

OutgoingOptions Connection::DataOptions(Instant now) const {
  OutgoingOptions options;
  if (ts_ok_) {
    options.has_timestamps = true;
    options.timestamps = {TimestampNow(now), ts_recent_};
  }
  return options;
}

// RFC 2018 §4. Segments with data carry the blocks where an ACK is due with them, and give up
// payload for them.
void Connection::AddSackBlocks(OutgoingOptions& options, SeqRange& range) const {
  const bool data = range.begin < Min(range.end, send_queue_.end());
  if (data && !ack_now_) return;
  const size_t most = ts_ok_ ? 3 : 4;
  options.sack_count =
      static_cast<uint8_t>(reassembly_->SackBlocks(std::span(options.sack).first(most)));
  if (!data) return;
  // Half a segment's payload stays.
  while (options.sack_count > 0 && options.length() > header_mss_ / 2u) --options.sack_count;
  const auto room = static_cast<uint32_t>(header_mss_ - options.length());
  if (range.length() > room) range.end = range.begin + room;
}

// --- control segments ---

PacketBuf Connection::TransmitSyn(PacketCache& cache, Instant now) {
  const bool answer = state_ == State::kSynReceived;
  OutgoingOptions options;
  options.mss = announced_mss_;
  // An answer offers only what the SYN did (RFC 7323 §1.3, §2.2; RFC 2018 §2).
  if (answer ? ts_ok_ : options_.timestamps) {
    options.has_timestamps = true;
    options.timestamps = {TimestampNow(now), answer ? ts_recent_ : 0};
  }
  options.sack_permitted = answer ? sack_ok_ : options_.sack;
  const bool scale = answer ? rcv_wscale_ > 0 || snd_wscale_ > 0 : options_.window_scaling;
  if (scale) options.window_scale = static_cast<int8_t>(rcv_wscale_);
  PacketBuf packet = cache.Take();
  if (!packet) return packet;
  // RFC 7323 §2.2: never scaled in a SYN.
  const uint32_t window = std::min<uint32_t>(ReceiveSpace(), 65535);
  const uint8_t flags = static_cast<uint8_t>(kSyn | (answer ? kAck : 0));
  EmitHeader({ports_.local, ports_.remote, iss_, answer ? rcv_nxt_ : SeqNum(), flags,
              static_cast<uint16_t>(window)},
             options, packet.Append(kMinHeaderLength + options.length()));
  packet->l4_checksum = ChecksumState::kPartial;
  packet->payload_offset = static_cast<uint16_t>(packet.size());
  rcv_adv_ = answer ? rcv_nxt_ + window : rcv_adv_;
  syn_due_ = false;
  last_retransmit_ = now;
  if (answer) AckSent();
  if (snd_nxt_ == iss_) {
    snd_nxt_ = iss_ + 1;
    if (retries_ == 0) {
      rtt_timing_ = true;
      rtt_seq_ = iss_;
      rtt_start_ = now;
    }
  }
  r_->counters->segments_out.Increment(1);
  if (!TimerArmed(kRetransmit)) ArmRetransmit(now);
  return packet;
}

PacketBuf Connection::TransmitReset(PacketCache& cache, Instant now) {
  PacketBuf packet = cache.Take();
  if (!packet) return packet;
  // RFC 9293 §3.10.7.3: while connecting, the RST takes its number from the ACK that it answers,
  // and carries none itself.
  const bool bare = state_ == State::kSynSent || state_ == State::kSynReceived;
  // RFC 7323 §3.2: a RST should carry timestamps too.
  const OutgoingOptions options = bare ? OutgoingOptions() : DataOptions(now);
  EmitHeader({ports_.local, ports_.remote, rst_seq_, bare ? SeqNum() : rcv_nxt_,
              static_cast<uint8_t>(bare ? kRst : kRst | kAck), 0},
             options, packet.Append(kMinHeaderLength + options.length()));
  packet->l4_checksum = ChecksumState::kPartial;
  packet->payload_offset = static_cast<uint16_t>(packet.size());
  rst_due_ = false;
  r_->counters->resets_out.Increment(1);
  r_->counters->segments_out.Increment(1);
  return packet;
}

// Zero-window and keepalive probes: an empty segment just before the window, which any peer must
// acknowledge (RFC 9293 §3.8.4); see docs/rfc-exceptions/window-probe.md for why it carries no
// byte.
PacketBuf Connection::TransmitProbe(PacketCache& cache, Instant now) {
  SeqRange nothing{snd_una_ - 1, snd_una_ - 1};
  PacketBuf packet = BuildSegment(cache, nothing, kAck, now);
  if (!packet) return packet;
  probe_due_ = false;
  if (snd_wnd_ == 0) {
    r_->counters->zero_window_probes.Increment(1);
    if (flight_size() == 0) ArmPersist(now);
  }
  return packet;
}

// The number of an empty segment. A peer that has taken its window back would not accept snd_nxt,
// which lies beyond; what it only seems to take back by the scale's rounding, it still accepts.
SeqNum Connection::AckSequence() const {
  const SeqNum edge = snd_una_ + snd_wnd_;
  const bool rounded = snd_nxt_ <= edge + ((uint32_t{1} << snd_wscale_) - 1);
  return rounded ? snd_nxt_ : edge;
}

PacketBuf Connection::TransmitAck(PacketCache& cache, Instant now) {
  const SeqNum seq = AckSequence();
  SeqRange nothing{seq, seq};
  PacketBuf packet = BuildSegment(cache, nothing, kAck, now);
  // Everything else was looked at before and has nothing to send.
  if (packet) transmit_wanted_ = false;
  return packet;
}

void Connection::AckSent() {
  ack_now_ = false;
  ack_urgent_ = false;
  unacked_frames_ = 0;
  last_ack_sent_ = rcv_nxt_;
  ClearTimer(kDelayedAck);
}

uint16_t Connection::AdvertiseWindow() {
  const uint32_t max = uint32_t{65535} << rcv_wscale_;
  const uint32_t space = std::min(ReceiveSpace(), max);
  const uint32_t window = rcv_wnd();
  // RFC 9293 §3.8.6.2.2: the right edge moves only by a full segment or half the buffer, and never
  // back (SHLD-14).
  if (space > window && space - window >= std::min<uint32_t>(mss_, receive_limit_ / 2)) {
    rcv_adv_ = rcv_nxt_ + space;
  }
  return static_cast<uint16_t>(std::min(rcv_wnd(), max) >> rcv_wscale_);
}

}  // namespace corelane::tcp
