#include "tcp/connection.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace corelane::tcp {

const char* ToString(State state) {
  static constexpr const char* kNames[] = {
      "CLOSED",     "SYN-SENT",   "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
      "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",      "LAST-ACK",    "TIME-WAIT"};
  return kNames[static_cast<size_t>(state)];
}

const char* ToString(Error error) {
  static constexpr const char* kNames[] = {"none",      "connection refused", "connection reset",
                                           "timed out", "unreachable",        "aborted"};
  return kNames[static_cast<size_t>(error)];
}

namespace {

// RFC 7323 §2.2: the smallest shift that lets the window announce the whole buffer.
uint8_t WindowScaleFor(uint32_t buffer) {
  uint8_t shift = 0;
  while (shift < 14 && (uint32_t{65535} << shift) < buffer) ++shift;
  return shift;
}

}  // namespace

Connection::~Connection() {
  send_queue_.Clear(*r_);
  if (reassembly_ != nullptr) r_->reassembly->Delete(reassembly_);
  if (scoreboard_ != nullptr) r_->scoreboards->Delete(scoreboard_);
}

void Connection::OpenActive(SeqNum iss, uint32_t ts_offset, Instant now) {
  CL_DCHECK(state_ == State::kClosed && error_ == Error::kNone);
  iss_ = iss;
  ts_offset_ = ts_offset;
  snd_una_ = iss;
  snd_nxt_ = iss;
  recover_ = iss;  // RFC 6582 §3.2
  send_queue_.Start(iss + 1);
  send_limit_ = options_.send_buffer;
  receive_limit_ = options_.receive_buffer;
  rcv_wscale_ = WindowScale(options_);
  mss_ = static_cast<uint16_t>(header_mss_ - (options_.timestamps ? 12 : 0));
  ts_ok_ = options_.timestamps;
  state_ = State::kSynSent;
  r_->counters->active_opens.Increment(1);
  syn_due_ = true;
  last_received_ = now;
  WantTransmit();
}

void Connection::OpenPassive(const Segment& syn, SeqNum iss, uint32_t ts_offset, Instant now) {
  CL_DCHECK(state_ == State::kClosed && error_ == Error::kNone);
  passive_ = true;
  iss_ = iss;
  ts_offset_ = ts_offset;
  snd_una_ = iss;
  snd_nxt_ = iss;
  recover_ = iss;  // RFC 6582 §3.2
  send_queue_.Start(iss + 1);
  send_limit_ = options_.send_buffer;
  receive_limit_ = options_.receive_buffer;
  irs_ = syn.seq;
  rcv_nxt_ = rcv_adv_ = syn.seq + 1;
  last_ack_sent_ = rcv_nxt_;
  rcv_wscale_ = WindowScale(options_);
  NegotiateOptions(syn);
  if (ts_ok_) {
    ts_recent_ = syn.timestamps.value;
    ts_recent_age_ = now;
  }
  // RFC 7323 §2.2: the window of a SYN is not scaled.
  snd_wnd_ = max_snd_wnd_ = syn.window;
  snd_wl1_ = syn.seq;
  snd_wl2_ = iss;
  state_ = State::kSynReceived;
  r_->counters->passive_opens.Increment(1);
  syn_due_ = true;
  last_received_ = now;
  WantTransmit();
}

uint8_t Connection::WindowScale(const Options& options) {
  return options.window_scaling ? WindowScaleFor(options.receive_buffer_max) : 0;
}

void Connection::OpenFromCookie(const Segment& syn, SeqNum iss, uint32_t ts_offset, Instant now) {
  OpenPassive(syn, iss, ts_offset, now);
  syn_due_ = transmit_wanted_ = false;
  snd_nxt_ = iss_ + 1;
  rcv_adv_ = rcv_nxt_ + CookieWindow(options_);
}

void Connection::NegotiateOptions(const Segment& syn) {
  // RFC 9293 §3.7.1, MUST-15: without the option the peer takes 536 bytes. The floor bounds what a
  // tiny MSS can make us spend per byte.
  constexpr uint16_t kDefaultMss = 536;
  constexpr uint16_t kMssFloor = 64;
  const uint16_t peer = syn.mss != 0 ? std::max(syn.mss, kMssFloor) : kDefaultMss;
  ts_ok_ = options_.timestamps && syn.has_timestamps;
  sack_ok_ = options_.sack && syn.sack_permitted;
  if (options_.window_scaling && syn.window_scale >= 0) {
    snd_wscale_ = static_cast<uint8_t>(syn.window_scale);
  } else {
    snd_wscale_ = rcv_wscale_ = 0;
  }
  uint16_t mss = std::min(peer, header_mss_);
  if (options_.max_segment_size != 0) {
    mss = std::min(mss, std::max(options_.max_segment_size, kMssFloor));
  }
  // RFC 6691 §2: the MSS counts no options; what every segment carries is taken off here.
  header_mss_ = mss;
  mss_ = static_cast<uint16_t>(mss - (ts_ok_ ? 12 : 0));
}

size_t Connection::writable_bytes() const {
  if (fin_queued_ || state_ == State::kClosed) return 0;
  const uint32_t used = send_queue_.bytes();
  return used < send_limit_ ? send_limit_ - used : 0;
}

size_t Connection::Write(std::span<const uint8_t> data, Instant now) {
  const bool can_write = state_ == State::kEstablished || state_ == State::kCloseWait ||
                         state_ == State::kSynSent || state_ == State::kSynReceived;
  if (!can_write || fin_queued_ || data.empty()) return 0;
  const size_t room = std::min(writable_bytes(), data.size());
  // RFC 5681 §4.1: after an idle RTO the window says nothing about the path any more.
  if (room > 0 && flight_size() == 0 && established_ && now - last_sent_ > rtt_.rto()) {
    cc_.OnIdle(mss_);
  }
  const size_t n = room > 0 ? send_queue_.Append(data.first(room), mss_, snd_nxt_, *r_) : 0;
  if (n < room) {
    r_->counters->memory_drops.Increment(1);
    // No acknowledgement will come to say that there is room again: try later.
    if (established_ && send_queue_.empty()) ArmPersist(now);
  }
  if (n < data.size()) write_blocked_ = true;
  if (n > 0) WantTransmit();
  return n;
}

size_t Connection::Read(std::span<uint8_t> out, Instant now) {
  size_t done = 0;
  while (done < out.size() && !receive_queue_.empty()) {
    const size_t room = out.size() - done;
    if (receive_queue_.front()->packet_length > room) {
      receive_queue_.CopyFront(out.subspan(done));
      receive_queue_.TrimFrontPacket(room);
      done = out.size();
      break;
    }
    const PacketBuf packet = receive_queue_.PopFront();
    done += packet.CopyOut(0, out.subspan(done));
  }
  if (done > 0) {
    read_since_ += static_cast<uint32_t>(done);
    UpdateWindowAfterRead(now);
  }
  return done;
}

PacketBuf Connection::ReadPacket(Instant now) {
  PacketBuf packet = receive_queue_.PopFront();
  if (packet) {
    read_since_ += static_cast<uint32_t>(packet.packet_size());
    UpdateWindowAfterRead(now);
  }
  return packet;
}

uint32_t Connection::ReceiveSpace() const {
  // A packet costs memory however few bytes it holds.
  constexpr size_t kPacketOverhead = 256;
  const size_t queued = std::max(receive_queue_.bytes(), receive_queue_.size() * kPacketOverhead) +
                        out_of_order_bytes();
  return queued < receive_limit_ ? receive_limit_ - static_cast<uint32_t>(queued) : 0;
}

void Connection::UpdateWindowAfterRead(Instant now) {
  GrowReceiveBuffer(now);
  const uint32_t window = rcv_wnd();
  if (window >= mss_ && window >= receive_limit_ / 2) [[likely]] {
    return;  // wide open
  }
  if (fin_received_ || !established_) return;
  const uint32_t space = ReceiveSpace();
  if (space <= window) return;
  const uint32_t gain = space - window;
  // RFC 9293 §3.8.6.2.2: no silly windows; and no ACK of its own for a gain that the next ACK
  // announces in time.
  const bool starved = window < mss_ && gain >= std::min<uint32_t>(mss_, receive_limit_ / 2);
  if (starved || (window < receive_limit_ / 2 && gain >= receive_limit_ / 4)) {
    ack_now_ = true;
    WantTransmit();
  }
}

void Connection::GrowReceiveBuffer(Instant now) {
  // What the application takes in one round trip is what the peer can have in flight: keep twice
  // that.
  if (!rtt_.has_sample() || now - rcv_space_time_ < rtt_.srtt()) return;
  const uint64_t wanted = uint64_t{read_since_} * 2;
  if (wanted > receive_limit_ && receive_limit_ < options_.receive_buffer_max) {
    receive_limit_ = static_cast<uint32_t>(std::min<uint64_t>(wanted, options_.receive_buffer_max));
  }
  read_since_ = 0;
  rcv_space_time_ = now;
}

void Connection::CloseSend(Instant) {
  if (fin_queued_) return;
  switch (state_) {
    case State::kSynSent:
      if (send_queue_.empty()) {  // RFC 9293 §3.10.4, SYN-SENT
        Finish(Error::kNone);
        return;
      }
      break;
    case State::kSynReceived:
      break;
    case State::kEstablished:
      state_ = State::kFinWait1;
      break;
    case State::kCloseWait:
      state_ = State::kLastAck;
      break;
    default:
      return;
  }
  fin_queued_ = true;
  WantTransmit();
}

void Connection::Close(Instant now) {
  if (state_ == State::kClosed || state_ == State::kTimeWait) return;
  // RFC 9293 §3.6.1: data that nobody will read must not look delivered.
  if (!receive_queue_.empty()) {
    Abort(now);
    return;
  }
  reading_ended_ = true;
  CloseSend(now);
  if (state_ != State::kClosed && !TimerArmed(kLinger)) ArmLinger(now);
}

void Connection::Abort(Instant) {
  PrepareReset();
  Finish(Error::kAborted);
}

// RFC 9293 §3.10.5: which states send a RST when they are aborted.
void Connection::PrepareReset() {
  switch (state_) {
    case State::kSynReceived:
    case State::kEstablished:
    case State::kFinWait1:
    case State::kFinWait2:
    case State::kCloseWait:
      rst_due_ = true;
      break;
    case State::kClosing:
    case State::kLastAck:
      // While bytes wait in front of the FIN, these are still ESTABLISHED or CLOSE-WAIT to the
      // peer.
      rst_due_ = !FinSent();
      break;
    default:
      break;
  }
  rst_seq_ = snd_nxt_;
}

void Connection::OnSoftError(Error error, Instant) {
  // RFC 5461 §4.1: an error while connecting ends the attempt; later it is only remembered for the
  // final error.
  if (state_ == State::kSynSent || (state_ == State::kSynReceived && !passive_)) {
    Finish(error);
  } else {
    soft_error_ = true;
  }
}

void Connection::ShrinkMss(uint16_t header_mss, Instant now) {
  if (state_ == State::kClosed) return;
  header_mss_ = header_mss;
  mss_ = static_cast<uint16_t>(header_mss - (ts_ok_ ? 12 : 0));
  // RFC 1191 §6.4: what was too long is gone; this is no sign of congestion.
  if (flight_size() > 0 && established_) RestartFlight(now);
}

void Connection::SetOptions(const Options& options, Instant now) {
  const bool keepalive_changed =
      options.keepalive != options_.keepalive || options.keepalive_idle != options_.keepalive_idle;
  options_ = options;
  send_limit_ = std::min(send_limit_, options_.send_buffer_max);
  if (!options_.keepalive) {
    ClearTimer(kKeepalive);
  } else if (keepalive_changed && established_ && !is_closed() && state_ != State::kTimeWait) {
    ArmKeepalive(now);
  }
  WantTransmit();  // what Nagle's algorithm held back
}

void Connection::Finish(Error error) {
  if (state_ == State::kClosed) return;
  error_ = soft_error_ && error == Error::kTimedOut ? Error::kUnreachable : error;
  state_ = State::kClosed;
  deadlines_.fill(kNever);
  send_queue_.Clear(*r_);
  if (reassembly_ != nullptr) r_->reassembly->Delete(std::exchange(reassembly_, nullptr));
  if (scoreboard_ != nullptr) r_->scoreboards->Delete(std::exchange(scoreboard_, nullptr));
  syn_due_ = probe_due_ = ack_now_ = ack_urgent_ = false;
  if (rst_due_) WantTransmit();
  events_ |= kClosed | kReadable | kWritable;
}

void Connection::EnterTimeWait() {
  state_ = State::kTimeWait;
  deadlines_.fill(kNever);
  if (scoreboard_ != nullptr) r_->scoreboards->Delete(std::exchange(scoreboard_, nullptr));
  events_ |= kClosed;
}

uint32_t Connection::TimestampNow(Instant now) const {
  return static_cast<uint32_t>(ToMilliseconds(now.time_since_epoch())) + ts_offset_;
}

bool Connection::CanSendData() const {
  switch (state_) {
    case State::kEstablished:
    case State::kCloseWait:
    case State::kFinWait1:
    case State::kClosing:
    case State::kLastAck:
      return true;
    default:
      return false;
  }
}

void Connection::CheckInvariants() const {
  CL_CHECK(snd_una_ <= snd_nxt_);
  CL_CHECK(rcv_nxt_ <= rcv_adv_ || state_ == State::kClosed || state_ == State::kSynSent);
  if (state_ == State::kClosed) {
    CL_CHECK(reassembly_ == nullptr && scoreboard_ == nullptr && NextDeadline() == kNever);
    return;
  }
  CL_CHECK(snd_nxt_ <= send_queue_.end() + 1);
  CL_CHECK(receive_queue_.bytes() + out_of_order_bytes() <= receive_limit_ + (uint32_t{65535}));
  if (state_ == State::kTimeWait) return;
  if (flight_size() > 0) CL_CHECK(TimerArmed(kRetransmit));  // or data could be lost for ever
  if (scoreboard_ != nullptr && !scoreboard_->empty()) {
    CL_CHECK(scoreboard_->ranges().front().begin >= snd_una_ && scoreboard_->highest() <= snd_nxt_);
  }
  if (established_) CL_CHECK(cc_.cwnd() >= mss_);
}

}  // namespace corelane::tcp
