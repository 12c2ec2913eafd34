// Segments that arrive (RFC 9293 §3.10.7), in the order of its checks.

#include <algorithm>
#include <utility>

#include "tcp/connection.h"

namespace corelane::tcp {

// --- the common case: header prediction ---

// Everything that can make a segment special is absent: an established connection without loss,
// reordering or closing, the next bytes in order within the window, an acknowledgement in range.
[[gnu::always_inline]] inline bool Connection::PredictedHeader(const Segment& s) const {
  const bool data_fits = s.payload_length <= rcv_wnd();
  return state_ == State::kEstablished && (s.flags & ~kPsh) == kAck && s.seq == rcv_nxt_ &&
         recovery_ == Recovery::kOpen && snd_wnd_ > 0 && reassembly_ == nullptr &&
         scoreboard_ == nullptr && s.sack_count == 0 && s.has_timestamps == ts_ok_ &&
         (!ts_ok_ || static_cast<int32_t>(s.timestamps.value - ts_recent_) >= 0) &&
         s.ack >= snd_una_ && s.ack <= snd_nxt_ && data_fits && !fin_queued_ && !reading_ended_ &&
         (s.payload_length > 0 || s.ack > snd_una_);
}

[[gnu::always_inline]] inline void Connection::OnPredicted(const Segment& s, PacketBuf payload,
                                                           Instant now) {
  OnAlive(now);
  UpdateTimestamp(s, now);
  if (s.ack > snd_una_) {
    OnNewAck(s, now);
  }
  UpdateSendWindow(s);
  if (s.payload_length == 0) return;
  if (MayKeep(payload, true)) [[likely]] {
    AcceptInOrder(std::move(payload), s.frames, now);
  } else {
    RefuseData();
  }
}

void Connection::OnSegment(const Segment& s, PacketBuf payload, Instant now) {
  r_->counters->segments_in.Increment(s.frames);
  if (PredictedHeader(s)) [[likely]] {
    OnPredicted(s, std::move(payload), now);
    return;
  }
  switch (state_) {
    case State::kClosed:
    case State::kTimeWait:  // the stack's TimeWaitTable speaks for it
      return;
    case State::kSynSent:
      OnSegmentSynSent(s, std::move(payload), now);
      return;
    default:
      OnSegmentGeneral(s, std::move(payload), now);
  }
}

// --- §3.10.7.3 SYN-SENT ---

void Connection::OnSegmentSynSent(const Segment& s, PacketBuf payload, Instant now) {
  // First, the ACK bit.
  if (s.has_ack() && (s.ack <= iss_ || s.ack > snd_nxt_)) {
    if (!s.rst()) {
      rst_due_ = true;
      rst_seq_ = s.ack;
      WantTransmit();
    }
    return;
  }
  // Second, the RST bit.
  if (s.rst()) {
    if (s.has_ack()) {
      r_->counters->resets_in.Increment(1);
      Finish(Error::kRefused);
    }
    return;
  }
  // Fourth, the SYN bit.
  if (!s.syn()) return;
  NegotiateOptions(s);
  irs_ = s.seq;
  rcv_nxt_ = s.seq + 1;
  rcv_adv_ = rcv_nxt_ + std::min<uint32_t>(ReceiveSpace(), 65535);  // what our SYN announced
  last_ack_sent_ = rcv_nxt_;
  last_received_ = now;
  if (ts_ok_) {
    ts_recent_ = s.timestamps.value;
    ts_recent_age_ = now;
  }
  snd_wl1_ = s.seq;
  snd_wl2_ = s.ack;
  snd_wnd_ = max_snd_wnd_ = s.window;
  if (s.has_ack()) {
    // RFC 6298 §3 (Karn): a retransmitted SYN gives no sample without timestamps.
    SampleRtt(s, now);
    snd_una_ = s.ack;
    EnterEstablished(now);
    ack_now_ = true;
    // Data or a FIN with the SYN-ACK: continue as in the other states.
    if (s.payload_length > 0 || s.fin()) {
      Segment rest = s;
      rest.seq = s.seq + 1;
      rest.flags &= static_cast<uint8_t>(~kSyn);
      OnData(rest, std::move(payload), now);
    }
  } else {
    // Simultaneous open: send SYN,ACK. What came with the SYN is dropped and will be sent again.
    // The SYN goes out a second time, so its acknowledgement measures nothing (Karn).
    state_ = State::kSynReceived;
    rtt_timing_ = false;
    syn_due_ = true;
  }
  WantTransmit();
}

void Connection::EnterEstablished(Instant now) {
  state_ = State::kEstablished;
  established_ = true;
  r_->counters->established.Increment(1);
  const bool syn_lost = std::exchange(retries_, uint8_t{0}) > 0;
  cc_.OnEstablished(mss_, syn_lost);
  rtt_.ResetBackOff();
  if (syn_lost) rtt_.OnSynRetransmitted();
  ClearTimer(kRetransmit);
  syn_due_ = false;
  quick_acks_ = 4;
  max_snd_wnd_ = std::max(max_snd_wnd_, snd_wnd_);
  rcv_space_time_ = now;
  last_sent_ = now;
  events_ |= kConnected | kWritable;
  write_blocked_ = false;
  if (fin_queued_) {  // CloseSend() before the handshake was complete
    state_ = State::kFinWait1;
    if (reading_ended_) ArmLinger(now);
  }
  ArmKeepalive(now);
  WantTransmit();
}

// --- §3.10.7.4 the other states ---

// RFC 7323 §5.5: a TS.Recent older than 24 days is no longer compared.
constexpr Duration kOutdated = std::chrono::hours(24 * 24);

bool Connection::PassesTimestampCheck(const Segment& s, Instant now) {
  if (!ts_ok_ || s.rst()) return true;
  // RFC 7323 §3.2: once negotiated, every segment but a RST carries the option; one without is
  // dropped.
  if (!s.has_timestamps) return false;
  // RFC 7323 §5.3 R1
  if (static_cast<int32_t>(s.timestamps.value - ts_recent_) < 0 &&
      now - ts_recent_age_ < kOutdated) {
    r_->counters->paws_rejected.Increment(1);
    AnswerUnacceptable(s, now);
    return false;
  }
  return true;
}

// RFC 9293 §3.10.7.4, first check, table 6. A peer that has filled the window, of which something
// was lost, sends its ACKs with the number of the window's end: they count, too.
bool Connection::IsAcceptable(const Segment& s) const {
  const uint32_t window = rcv_wnd();
  const uint32_t length = s.length();
  if (length == 0) {
    if (s.seq == rcv_adv_) return window == 0 || !s.rst();
    return s.seq >= rcv_nxt_ && s.seq < rcv_adv_;
  }
  if (window == 0) return false;
  const SeqNum last = s.end() - 1;
  return (s.seq >= rcv_nxt_ && s.seq < rcv_adv_) || (last >= rcv_nxt_ && last < rcv_adv_);
}

// An unacceptable segment whose ACK counts all the same: with a zero window, data that does not fit
// (RFC 9293 §3.10.7.4, MUST-66), and whatever a peer sends that has taken the window to be wider,
// whose numbers stay beyond it until the window opens.
bool Connection::IsBesideWindow(const Segment& s) const {
  if (state_ == State::kSynReceived) return false;
  if (s.seq >= rcv_adv_) return s.seq <= rcv_nxt_ + receive_limit_;
  return rcv_wnd() == 0 && s.seq >= rcv_nxt_ - s.length();
}

void Connection::OnSegmentGeneral(const Segment& s, PacketBuf payload, Instant now) {
  if (!PassesTimestampCheck(s, now)) return;
  // Simultaneous open: the peer's SYN,ACK acknowledges our SYN (RFC 9293 §3.5, figure 7, line 6),
  // though its SYN lies before the window.
  if (state_ == State::kSynReceived && !passive_ && s.seq == irs_ && s.ack == snd_nxt_ &&
      (s.flags & (kSyn | kAck | kRst)) == (kSyn | kAck)) {
    SampleRtt(s, now);
    snd_una_ = s.ack;
    snd_wnd_ = s.window;
    EnterEstablished(now);
    ack_now_ = true;
    return;
  }
  // First, the sequence number.
  if (!IsAcceptable(s)) {
    if (s.rst()) return;
    r_->counters->duplicate_segments.Increment(1);
    // A repeated SYN of the peer asks for our SYN-ACK again.
    if (state_ == State::kSynReceived && s.syn() && !s.has_ack() && s.seq == irs_) {
      syn_due_ = true;
    } else {
      AnswerUnacceptable(s, now);
    }
    if (s.has_ack() && !s.syn() && IsBesideWindow(s)) {
      last_received_ = now;
      OnAck(s, now);
    }
    WantTransmit();
    return;
  }
  // Second, the RST bit.
  if (s.rst()) {
    OnRst(s, now);
    return;
  }
  // Fourth, the SYN bit (RFC 5961 §4.2: no SYN ends a synchronized connection).
  if (s.syn()) {
    ChallengeAck(now);
    return;
  }
  // Fifth, the ACK bit.
  if (!s.has_ack()) return;
  if (!OnAck(s, now)) return;
  OnAlive(now);
  UpdateTimestamp(s, now);
  // Seventh, the text; eighth, the FIN. (Urgent data is delivered in line; RFC 6093.)
  OnData(s, std::move(payload), now);
}

void Connection::OnAlive(Instant now) {
  last_received_ = now;
  if (snd_wnd_ > 0) probes_ = 0;
}

void Connection::UpdateTimestamp(const Segment& s, Instant now) {
  // RFC 7323 §4.3 (2)
  if (ts_ok_ && s.has_timestamps && s.seq <= last_ack_sent_ &&
      (static_cast<int32_t>(s.timestamps.value - ts_recent_) >= 0 ||
       now - ts_recent_age_ >= kOutdated)) {
    ts_recent_ = s.timestamps.value;
    ts_recent_age_ = now;
  }
}

// RFC 5961 §3.2. Always false: nothing follows a RST.
bool Connection::OnRst(const Segment& s, Instant now) {
  if (s.seq != rcv_nxt_) {
    ChallengeAck(now);
    return false;
  }
  r_->counters->resets_in.Increment(1);
  switch (state_) {
    case State::kSynReceived:
      Finish(Error::kRefused);
      break;
    case State::kClosing:
    case State::kLastAck:
      Finish(Error::kNone);
      break;
    default:
      Finish(Error::kReset);
  }
  return false;
}

// RFC 5961 §5 and §7: answers to what may be forged go out at most a few times a second, each
// connection with a limit of its own that a stranger cannot know.
bool Connection::AnswerAllowed(Instant now) {
  constexpr Duration kWindow = std::chrono::seconds(1);
  if (now - challenge_window_ >= kWindow) {
    challenge_window_ = now;
    challenges_ = 0;
  }
  const uint32_t limit = 5 + (ts_offset_ >> 8) % 8;
  if (challenges_ >= limit) return false;
  ++challenges_;
  return true;
}

void Connection::ChallengeAck(Instant now) {
  if (!AnswerAllowed(now)) return;
  r_->counters->challenge_acks.Increment(1);
  ack_now_ = true;
  WantTransmit();
}

// RFC 9293 §3.10.7.4: an ACK for every unacceptable segment. Those without data could answer each
// other without end, so theirs are limited.
void Connection::AnswerUnacceptable(const Segment& s, Instant now) {
  if (s.payload_length == 0 && !AnswerAllowed(now)) return;
  ack_now_ = ack_urgent_ = true;
  WantTransmit();
}

// False: the segment is to be dropped.
bool Connection::OnAck(const Segment& s, Instant now) {
  if (state_ == State::kSynReceived) {
    if (!(s.ack > snd_una_ && s.ack <= snd_nxt_)) {
      rst_due_ = true;
      rst_seq_ = s.ack;
      WantTransmit();
      return false;
    }
    SampleRtt(s, now);
    snd_una_ = s.ack;
    snd_wnd_ = uint32_t{s.window} << snd_wscale_;
    snd_wl1_ = s.seq;
    snd_wl2_ = s.ack;
    EnterEstablished(now);
    return true;
  }
  // RFC 5961 §5.2: an acknowledgement that is too old is no less suspicious than one from the
  // future.
  if (s.ack > snd_nxt_ || s.ack < snd_una_ - max_snd_wnd_) {
    ChallengeAck(now);
    return false;
  }
  const SackNews news = UpdateScoreboard(s);
  const uint32_t old_window = snd_wnd_;
  const bool probing = snd_wnd_ == 0 && retries_ > 0;
  if (s.ack > snd_una_) {
    OnNewAck(s, now);
    SetSendWindow(s);
    if (fin_queued_ && snd_una_ == send_queue_.end() + 1) OnFinAcknowledged(now);
    if (state_ == State::kClosed) return false;
  } else {
    if (tail_probed_) OnTailProbeAnswered(s);
    UpdateSendWindow(s);
    // RFC 5681 §2: what a duplicate ACK is; with SACK, one that brings news (RFC 6675 §2).
    const bool duplicate =
        s.ack == snd_una_ && flight_size() > 0 &&
        (sack_ok_ ? news.bytes > 0 : snd_wnd_ == old_window && s.payload_length == 0 && !s.fin());
    if (duplicate) OnDuplicateAck();
  }
  // An ACK that acknowledges something may have been late: what it SACKs counts no less (RFC 6675
  // §5).
  if (news.bytes > 0) OnSack();
  if (scoreboard_ != nullptr) WatchForLoss(news.overtaken, now);
  // What was lost before the window closed waited for probes only.
  if (probing && snd_wnd_ > 0 && flight_size() > 0) RestartFlight(now);
  return true;
}

// RFC 9293 §3.10.7.4: SND.WL1 and SND.WL2 keep old segments from setting the window.
void Connection::UpdateSendWindow(const Segment& s) {
  if (s.ack < snd_una_) return;
  if (snd_wl1_ < s.seq || (snd_wl1_ == s.seq && snd_wl2_ <= s.ack)) SetSendWindow(s);
}

// A segment that acknowledges something new was sent after all that came before, also when it
// repeats old data; see docs/rfc-exceptions/window-update.md.
void Connection::SetSendWindow(const Segment& s) {
  const uint32_t window = uint32_t{s.window} << snd_wscale_;
  snd_wl1_ = Max(snd_wl1_, s.seq);
  snd_wl2_ = s.ack;
  if (window == snd_wnd_) return;
  if (window > snd_wnd_) WantTransmit();
  if (snd_wnd_ == 0) stalled_since_ = Instant{};
  snd_wnd_ = window;
  max_snd_wnd_ = std::max(max_snd_wnd_, window);
  if (window > 0) {
    probes_ = 0;
    ClearTimer(kPersist);
  }
}

void Connection::OnFinAcknowledged(Instant now) {
  switch (state_) {
    case State::kFinWait1:
      state_ = State::kFinWait2;
      if (reading_ended_) ArmLinger(now);
      break;
    case State::kClosing:
      EnterTimeWait();
      break;
    case State::kLastAck:
      Finish(Error::kNone);
      break;
    default:
      break;
  }
}

// --- text and FIN ---

void Connection::OnData(const Segment& s, PacketBuf payload, Instant now) {
  const bool receives =
      state_ == State::kEstablished || state_ == State::kFinWait1 || state_ == State::kFinWait2;
  if (!receives) return;  // RFC 9293: should not occur; the text is ignored
  if (s.payload_length > 0) {
    if (reading_ended_ && s.seq + s.payload_length > rcv_nxt_) {
      // RFC 9293 §3.6.1: data after CLOSE is answered by a reset, so that the peer learns that it
      // was lost.
      rst_due_ = true;
      rst_seq_ = snd_nxt_;
      Finish(Error::kNone);
      return;
    }
    SeqNum seq = s.seq;
    uint32_t length = s.payload_length;
    if (seq < rcv_nxt_) {
      const uint32_t old = Distance(seq, rcv_nxt_);
      ack_now_ = ack_urgent_ = true;
      r_->counters->duplicate_segments.Increment(1);
      if (old >= length) {
        length = 0;
      } else {
        payload.TrimFront(old);
        length -= old;
      }
      seq = rcv_nxt_;
    }
    if (length > 0 && seq + length > rcv_adv_) {
      const uint32_t beyond = Distance(rcv_adv_, seq + length);
      if (beyond >= length) return;
      payload.TrimBack(beyond);
      length -= beyond;
    }
    if (length > 0) {
      if (!MayKeep(payload, seq == rcv_nxt_)) {
        RefuseData();
      } else if (seq == rcv_nxt_) {
        AcceptInOrder(std::move(payload), s.frames, now);
      } else {
        AcceptOutOfOrder(seq, std::move(payload));
      }
    }
    WantTransmit();
  }
  if (s.fin()) {
    const SeqNum fin = s.seq + s.payload_length;
    if (fin == rcv_nxt_) {
      OnFin();
    } else if (fin > rcv_nxt_ && fin < rcv_adv_) {
      out_of_order_fin_ = true;
      fin_seq_ = fin;
      ack_now_ = ack_urgent_ = true;
      WantTransmit();
    }
  }
}

// A device receives into packets of one pool. If what applications have not read yet, or what waits
// for a gap to be filled, could take all of them, nothing would arrive any more that ends the wait.
bool Connection::MayKeep(const PacketBuf& payload, bool in_order) const {
  const PacketPool& pool = *payload->pool;
  if (in_order) return receive_queue_.empty() || pool.available() >= pool.max_packets() / 8;
  return pool.available() >= pool.max_packets() / 4;
}

// Acceptable data for which there is no memory is dropped; the peer sends it again.
void Connection::RefuseData() {
  r_->counters->memory_drops.Increment(1);
  ack_now_ = ack_urgent_ = true;
  WantTransmit();
}

void Connection::AcceptInOrder(PacketBuf payload, uint32_t frames, Instant now) {
  const auto length = static_cast<uint32_t>(payload.packet_size());
  rcv_nxt_ += length;
  bytes_in_ += length;
  // Tiny segments behind others share a packet where there is room, so that they cannot pin one
  // buffer each.
  constexpr uint32_t kTiny = 256;
  PacketHead* const back = receive_queue_.back();
  receive_queue_.PushBack(std::move(payload));
  if (length <= kTiny && back != nullptr) receive_queue_.CoalesceBack(back);
  if (reassembly_ != nullptr) {
    const uint32_t more = reassembly_->TakeInOrder(rcv_nxt_, receive_queue_);
    rcv_nxt_ += more;
    bytes_in_ += more;
    r_->counters->bytes_in.Increment(more);
    if (reassembly_->empty()) r_->reassembly->Delete(std::exchange(reassembly_, nullptr));
    // RFC 5681 §4.2: a segment that fills a gap is acknowledged at once.
    ack_now_ = ack_urgent_ = true;
  }
  r_->counters->bytes_in.Increment(length);
  events_ |= kReadable;
  unacked_frames_ = static_cast<uint16_t>(std::min<uint32_t>(unacked_frames_ + frames, 0xffff));
  // RFC 9293 §3.8.6.3, MUST-58: at least every second segment is acknowledged.
  if (unacked_frames_ >= 2 || quick_acks_ > 0) {
    if (quick_acks_ > 0) --quick_acks_;
    ack_now_ = true;
  } else if (!ack_now_ && !TimerArmed(kDelayedAck)) {
    SetTimer(kDelayedAck, now + options_.delayed_ack);
  }
  WantTransmit();
  if (out_of_order_fin_ && fin_seq_ == rcv_nxt_) OnFin();
}

void Connection::AcceptOutOfOrder(SeqNum seq, PacketBuf payload) {
  r_->counters->out_of_order_segments.Increment(1);
  ack_now_ = ack_urgent_ = true;
  if (reassembly_ == nullptr) {
    reassembly_ = r_->reassembly->New();
    if (reassembly_ == nullptr) {
      r_->counters->memory_drops.Increment(1);
      return;
    }
  }
  reassembly_->Insert(seq, std::move(payload));
}

// RFC 9293 §3.10.7.4, eighth.
void Connection::OnFin() {
  if (fin_received_) return;
  fin_received_ = true;
  out_of_order_fin_ = false;
  if (reassembly_ != nullptr) r_->reassembly->Delete(std::exchange(reassembly_, nullptr));
  rcv_nxt_ += 1;
  rcv_adv_ = Max(rcv_adv_, rcv_nxt_);
  events_ |= kReadable;
  ack_now_ = true;
  WantTransmit();
  switch (state_) {
    case State::kEstablished:
      state_ = State::kCloseWait;
      break;
    case State::kFinWait1:
      if (fin_queued_ && snd_una_ == send_queue_.end() + 1) {
        EnterTimeWait();
      } else {
        state_ = State::kClosing;
      }
      break;
    case State::kFinWait2:
      EnterTimeWait();
      break;
    default:
      break;
  }
}

}  // namespace corelane::tcp
