// Acknowledgements, round-trip times and loss recovery (RFC 5681, 6298, 6582, 6675).

#include <algorithm>
#include <utility>

#include "tcp/connection.h"

namespace corelane::tcp {

void Connection::SampleRtt(const Segment& s, Instant now) {
  if (rtt_timing_ && s.ack > rtt_seq_) {
    rtt_timing_ = false;
    rtt_.OnSample(now - rtt_start_);
  } else if (ts_ok_ && s.has_timestamps && s.timestamps.echo != 0 &&
             (retries_ > 0 || rtt_.backoff() > 0)) {
    // RFC 7323 §4.1: the echo tells which transmission was answered, so Karn's rule does not forbid
    // this one. An echo of an earlier transmission also holds the waiting for answers that were
    // lost, so it counts only while nothing else is known.
    const auto ticks = static_cast<int32_t>(TimestampNow(now) - s.timestamps.echo);
    const bool answers_last = ticks <= ToMilliseconds(now - last_retransmit_) + 1;
    const bool nothing_known = established_ && !rtt_.has_sample();
    if (ticks >= 0 && (answers_last || nothing_known))
      rtt_.OnSample(std::chrono::milliseconds(std::max(ticks, 1)));
  }
}

void Connection::OnNewAck(const Segment& s, Instant now) {
  const uint32_t acked = Distance(snd_una_, s.ack);
  if (tail_probed_) [[unlikely]] {
    OnTailProbeAnswered(s);
  }
  uint32_t known = scoreboard_ != nullptr ? scoreboard_->sacked_bytes() : 0;  // then: of `acked`
  SampleRtt(s, now);
  snd_una_ = s.ack;
  send_queue_.Acknowledge(Min(s.ack, send_queue_.end()), *r_);
  retries_ = 0;
  stalled_since_ = Instant{};
  soft_error_ = false;
  high_rxt_ = Max(high_rxt_, snd_una_);
  if (scoreboard_ != nullptr) {
    ClearTimer(kReorder);
    scoreboard_->Acknowledge(snd_una_);
    known -= scoreboard_->sacked_bytes();
    if (scoreboard_->empty() && recovery_ == Recovery::kOpen) {
      r_->scoreboards->Delete(std::exchange(scoreboard_, nullptr));
    }
  }
  dup_acks_ = 0;
  tail_due_ = false;
  switch (recovery_) {
    case Recovery::kOpen:
      cc_.OnAck(acked, mss_, cwnd_limited_);
      break;
    case Recovery::kFast:
      if (snd_una_ >= recover_) {
        LeaveRecovery();
      } else if (!sack_ok_) {
        // RFC 6582 §3.2 step 3: a partial acknowledgement names the next loss.
        cc_.Deflate(acked, mss_);
        if (acked >= mss_) cc_.Inflate(mss_);
        high_rxt_ = snd_una_;
        force_retransmit_ = true;
      } else {
        rxt_mark_ = snd_nxt_;
      }
      break;
    case Recovery::kLoss:
      // What was SACKed left the network before the window was cut: one hole that is filled must
      // not open it by all that lies behind.
      cc_.OnAck(acked - known, mss_, true);
      rxt_mark_ = snd_nxt_;
      if (snd_una_ >= recover_) LeaveRecovery();
      break;
  }
  if (flight_size() == 0) {
    ClearTimer(kRetransmit);  // RFC 6298 §5.2
  } else {
    ArmRetransmit(now);  // §5.3
  }
  const uint32_t wanted = std::min<uint64_t>(uint64_t{cc_.cwnd()} * 2, options_.send_buffer_max);
  send_limit_ = std::max(send_limit_, wanted);
  if (write_blocked_ && writable_bytes() >= send_limit_ / 3) {
    write_blocked_ = false;
    events_ |= kWritable;
  }
  WantTransmit();
}

Connection::SackNews Connection::UpdateScoreboard(const Segment& s) {
  SackNews news;
  if (s.sack_count == 0 || !sack_ok_ || flight_size() == 0) return news;
  const SeqNum una = Max(s.ack, snd_una_);
  const bool watched = recovery_ != Recovery::kOpen && high_rxt_ > una;
  const auto missing = [&] {
    return scoreboard_ != nullptr ? scoreboard_->UnsackedBytes(una, high_rxt_)
                                  : Distance(una, high_rxt_);
  };
  const uint32_t missing_before = watched ? missing() : 0;
  for (size_t i = 0; i < s.sack_count; ++i) {
    const SeqRange block = s.sack[i];
    // RFC 2018, RFC 2883: blocks at or below snd_una report duplicates; beyond snd_nxt they are
    // nonsense.
    if (block.begin <= una || block.end > snd_nxt_ || block.end <= block.begin) continue;
    if (scoreboard_ == nullptr) {
      scoreboard_ = r_->scoreboards->New();
      if (scoreboard_ == nullptr) return news;
    }
    news.bytes += scoreboard_->Add(block);
  }
  news.overtaken = watched && missing() < missing_before;
  return news;
}

// After an acknowledgement that SACKs something new.
void Connection::OnSack() {
  if (recovery_ == Recovery::kOpen) {
    // RFC 8985 §6.2: the probe left long after everything that is missing.
    const bool probe_arrived = tail_probed_ && scoreboard_ != nullptr && !scoreboard_->empty() &&
                               scoreboard_->highest() >= tail_end_;
    if (probe_arrived || LossIsSacked()) EnterFastRecovery();
  } else if (RetransmissionIsLost()) {
    EnterFastRecovery();  // RFC 5681 §4.3: a second indication of congestion
  }
}

// RFC 8985 §6.2 with the order of sending in place of its times: what was sent before something
// that the peer has is lost, unless it arrives within a reordering window of the news.
void Connection::WatchForLoss(bool overtaken, Instant now) {
  constexpr Duration kLeastWindow = std::chrono::milliseconds(1);
  if (!options_.rack_tlp || TimerArmed(kReorder) || scoreboard_->empty()) return;
  const bool sent_again = high_rxt_ > snd_una_;
  const bool watch = recovery_ == Recovery::kOpen ||
                     (sent_again && (overtaken || scoreboard_->highest() > rxt_mark_));
  if (watch) SetTimer(kReorder, now + std::max<Duration>(rtt_.min_rtt() / 4, kLeastWindow));
}

// More was SACKed of what left after the first hole's retransmission than reordering explains
// (RFC 6675's measure of a loss, taken for what RFC 8985 §6.2 finds by time).
bool Connection::RetransmissionIsLost() const {
  if (recovery_ != Recovery::kFast || scoreboard_ == nullptr || scoreboard_->empty() ||
      high_rxt_ <= snd_una_)
    return false;
  const SeqNum highest = scoreboard_->highest();
  if (highest <= rxt_mark_) return false;
  const uint32_t sacked =
      Distance(rxt_mark_, highest) - scoreboard_->UnsackedBytes(rxt_mark_, highest);
  return sacked > (Scoreboard::kDupThresh - 1) * uint32_t{mss_};
}

// RFC 8985 §7.4.
void Connection::OnTailProbeAnswered(const Segment& s) {
  if (s.ack < tail_end_) return;
  // RFC 2883 §4: the peer had the bytes already, so nothing was lost but time.
  const bool had_them = s.sack_count > 0 && s.sack[0].end <= s.ack && s.sack[0].end == tail_end_;
  if (tail_retrans_ && !had_them) {
    // The acknowledgement of the probe itself is still to come.
    if (s.ack == tail_end_ && (s.ack > snd_una_ || s.sack_count > 0)) return;
    // The probe repaired a loss that nobody noticed.
    if (s.ack > tail_end_) cc_.OnLoss(WindowInUse(), mss_);
  }
  tail_probed_ = false;
}

void Connection::OnDuplicateAck() {
  ++dup_acks_;
  WantTransmit();
  if (recovery_ == Recovery::kFast) {
    if (!sack_ok_) cc_.Inflate(mss_);  // RFC 5681 §3.2 step 4
    return;
  }
  if (recovery_ == Recovery::kLoss) return;
  // RFC 6582 §3.2 step 1: until the ACK covers more than recover_, the duplicates may come from
  // segments that an earlier recovery sent twice. (SACKed bytes cannot.)
  if (!sack_ok_ && snd_una_ == recover_) return;
  if (dup_acks_ >= Scoreboard::kDupThresh || LossIsSacked()) EnterFastRecovery();
}

// RFC 6675 §4: IsLost(snd_una).
bool Connection::LossIsSacked() const {
  return scoreboard_ != nullptr && scoreboard_->LostEdge(mss_).has_value();
}

// The FlightSize of RFC 5681 §3.1, equation 4. While a hole stays open, bytes that the peer holds
// already stretch what is unacknowledged beyond the window; half of that would be no reduction.
uint32_t Connection::WindowInUse() const { return std::min(flight_size(), cc_.cwnd()); }

void Connection::EnterFastRecovery() {
  r_->counters->fast_recoveries.Increment(1);
  recovery_ = Recovery::kFast;
  recover_ = snd_nxt_;
  high_rxt_ = snd_una_;
  cc_.OnLoss(WindowInUse(), mss_);
  tail_probed_ = tail_due_ = false;
  ClearTimer(kReorder);
  if (!sack_ok_) cc_.Inflate(3 * mss_);  // RFC 5681 §3.2 step 3
  force_retransmit_ = true;
  rtt_timing_ = false;
}

void Connection::LeaveRecovery() {
  if (recovery_ == Recovery::kFast) cc_.OnRecoveryEnd(flight_size(), mss_);
  recovery_ = Recovery::kOpen;
  force_retransmit_ = false;
  if (scoreboard_ != nullptr && scoreboard_->empty()) {
    r_->scoreboards->Delete(std::exchange(scoreboard_, nullptr));
  }
}

void Connection::OnRetransmissionTimeout() {
  r_->counters->retransmission_timeouts.Increment(1);
  tail_probed_ = tail_due_ = false;
  ClearTimer(kReorder);
  cc_.OnTimeout(WindowInUse(), mss_, retries_ == 1);
  // RFC 2018 §8: a peer that dropped what it had SACKed shows it by not acknowledging past the
  // first range.
  if (scoreboard_ != nullptr && !scoreboard_->empty() &&
      (scoreboard_->ranges().front().begin <= snd_una_ || retries_ > 1)) {
    scoreboard_->Clear();
  }
  recovery_ = Recovery::kLoss;
  recover_ = snd_nxt_;
  high_rxt_ = snd_una_;
  dup_acks_ = 0;
  force_retransmit_ = true;
  rtt_timing_ = false;
  rtt_.BackOff();
}

// Sends everything in flight again, as the window allows, though nothing speaks of congestion.
void Connection::RestartFlight(Instant now) {
  if (recovery_ == Recovery::kFast) LeaveRecovery();
  recovery_ = Recovery::kLoss;
  recover_ = snd_nxt_;
  high_rxt_ = snd_una_;
  rtt_timing_ = false;
  rtt_.ResetBackOff();
  ArmRetransmit(now);
  WantTransmit();
}

// RFC 6675 §5 step C: a retransmission needs room for a segment, the first of a recovery does not.
bool Connection::MayRetransmit() const { return force_retransmit_ || Pipe() + mss_ <= cc_.cwnd(); }

// Below this every byte that is not SACKed counts as lost.
SeqNum Connection::LostEdge() const {
  if (recovery_ == Recovery::kLoss) return recover_;
  if (recovery_ == Recovery::kOpen) return snd_una_;
  // The first segment is lost: duplicates or a partial acknowledgement said so.
  const SeqNum first = Min(snd_una_ + mss_, recover_);
  if (scoreboard_ == nullptr) return first;
  return Max(first, Min(scoreboard_->LostEdge(mss_).value_or(first), recover_));
}

// RFC 6675 §4, SetPipe().
uint32_t Connection::Pipe() const {
  const uint32_t flight = flight_size();
  if (recovery_ == Recovery::kOpen) {
    return scoreboard_ != nullptr ? flight - scoreboard_->sacked_bytes() : flight;
  }
  if (recovery_ == Recovery::kFast && !sack_ok_) return flight;  // the window is inflated instead
  const SeqNum edge = LostEdge();
  const SeqNum retransmitted = Min(high_rxt_, edge);
  if (scoreboard_ == nullptr)
    return Distance(snd_una_, Max(retransmitted, snd_una_)) + Distance(edge, snd_nxt_);
  return scoreboard_->UnsackedBytes(edge, snd_nxt_) +
         scoreboard_->UnsackedBytes(snd_una_, retransmitted);
}

// RFC 6675 §4, NextSeg() rule 1. False: nothing is to be retransmitted.
bool Connection::NextRetransmission(SeqRange& range) const {
  if (recovery_ == Recovery::kOpen) return false;
  const SeqNum from = Max(high_rxt_, snd_una_);
  const SeqNum edge = LostEdge();
  if (!sack_ok_ && recovery_ == Recovery::kFast && !force_retransmit_) return false;
  if (from >= edge) return false;
  if (scoreboard_ == nullptr) {
    range = {from, edge};
    return true;
  }
  const auto hole = scoreboard_->NextHole(from, edge);
  if (!hole) return false;
  range = *hole;
  return true;
}

}  // namespace corelane::tcp
