// The timers of a connection (RFC 6298, RFC 9293 §3.8).

#include <algorithm>

#include "tcp/connection.h"

namespace corelane::tcp {
namespace {

// A peer that has not answered the last two of the rarest probes does not answer.
constexpr Duration kSilence = 2 * kMaxRto;

constexpr Duration kMinTailProbe = std::chrono::milliseconds(10);
constexpr Duration kMaxDelayedAck = std::chrono::milliseconds(200);  // RFC 8985: TLP.max_ack_delay

}  // namespace

// RFC 8985 §7.2: the probe takes the timer's place while nothing speaks of a loss. Its shortest
// time is longer than RFC 8985 asks for, so that a peer's delayed ACK seldom provokes one.
void Connection::ArmRetransmit(Instant now) {
  tail_armed_ = MayProbeTail();
  Duration wait = rtt_.rto();
  if (tail_armed_) {
    Duration probe = std::max<Duration>(2 * rtt_.srtt(), kMinTailProbe);
    if (flight_size() <= mss_) probe += kMaxDelayedAck;
    wait = std::min(wait, probe);
  }
  SetTimer(kRetransmit, now + wait);
}

bool Connection::MayProbeTail() const {
  return options_.rack_tlp && sack_ok_ && established_ && recovery_ == Recovery::kOpen &&
         scoreboard_ == nullptr && !tail_due_ && !tail_probed_ && retries_ == 0 && snd_wnd_ > 0 &&
         rtt_.has_sample();
}

void Connection::ArmPersist(Instant now) {
  if (TimerArmed(kPersist)) return;
  // RFC 9293 §3.8.6.1: the first probe after one RTO, then exponentially (SHLD-29, SHLD-30).
  const Duration interval = rtt_.rto() * (int64_t{1} << std::min<int>(probes_, 10));
  SetTimer(kPersist, now + std::min<Duration>(interval, kMaxRto));
}

void Connection::ArmKeepalive(Instant now) {
  if (options_.keepalive) SetTimer(kKeepalive, now + options_.keepalive_idle);
}

void Connection::ArmLinger(Instant now) {
  linger_left_ = Distance(snd_una_, send_queue_.end() + 1);
  SetTimer(kLinger,
           now + (state_ == State::kFinWait2 ? options_.fin_wait_2 : options_.orphan_timeout));
}

void Connection::OnTimer(Instant now) {
  if (now >= deadlines_[kDelayedAck]) {
    ClearTimer(kDelayedAck);
    ack_now_ = true;
    WantTransmit();
  }
  if (now >= deadlines_[kReorder]) OnReorderTimer(now);
  if (now >= deadlines_[kRetransmit]) OnRetransmitTimer(now);
  if (now >= deadlines_[kPersist]) OnPersistTimer(now);
  if (now >= deadlines_[kKeepalive]) OnKeepaliveTimer(now);
  if (now >= deadlines_[kLinger]) OnLingerTimer(now);
}

// RFC 5482: nothing was acknowledged for as long as the application cares to wait.
bool Connection::UserTimedOut(Instant now) const {
  return options_.user_timeout != Duration::zero() && stalled_since_ != Instant{} &&
         now - stalled_since_ >= options_.user_timeout;
}

void Connection::OnPersistTimer(Instant now) {
  ClearTimer(kPersist);
  if (!AnythingToSend()) {
    // A Write() found no memory, and nothing in flight will wake the application.
    if (write_blocked_) events_ |= kWritable;
    write_blocked_ = false;
    return;
  }
  if (snd_wnd_ > 0) {
    override_due_ = true;  // RFC 9293 §3.8.6.2.1: the time-out of the sender's SWS avoidance
    WantTransmit();
    return;
  }
  // RFC 9293 §3.8.6.1, MUST-37: for ever while the peer answers, but not without answers.
  const bool silent = probes_ >= options_.retries && now - last_received_ > kSilence;
  if (silent || UserTimedOut(now)) {
    Finish(Error::kTimedOut);
    return;
  }
  if (stalled_since_ == Instant{}) stalled_since_ = now;
  if (probes_ < 255) ++probes_;
  probe_due_ = true;
  WantTransmit();
}

// The application is gone: what is left gets a bounded time.
void Connection::OnLingerTimer(Instant now) {
  ClearTimer(kLinger);
  if (state_ == State::kFinWait2) {
    Finish(Error::kNone);
    return;
  }
  const uint32_t left = Distance(snd_una_, send_queue_.end() + 1);
  if (!established_ || left <= linger_left_ / 2) {
    ArmLinger(now);
    return;
  }
  PrepareReset();
  Finish(Error::kTimedOut);
}

void Connection::OnRetransmitTimer(Instant now) {
  ClearTimer(kRetransmit);
  const bool connecting = state_ == State::kSynSent || state_ == State::kSynReceived;
  if (connecting) {
    if (retries_ >= options_.syn_retries) {
      Finish(Error::kTimedOut);
      return;
    }
    ++retries_;
    rtt_.BackOff();
    rtt_timing_ = false;
    syn_due_ = true;
    ArmRetransmit(now);
    WantTransmit();
    return;
  }
  if (flight_size() == 0) return;
  if (tail_armed_) {
    tail_armed_ = false;
    if (recovery_ == Recovery::kOpen && snd_wnd_ > 0) {
      tail_due_ = true;
      WantTransmit();
    }
    SetTimer(kRetransmit, now + rtt_.rto());
    return;
  }
  // The timer was armed when something was acknowledged last.
  if (stalled_since_ == Instant{}) stalled_since_ = now - rtt_.rto();
  // A peer that closed its window and still answers is alive (RFC 9293 §3.8.6.1, MUST-37).
  const bool window_closed = snd_wnd_ == 0;
  const bool alive = window_closed && now - last_received_ <= kSilence;
  if (UserTimedOut(now) || (retries_ >= options_.retries && !alive)) {
    Finish(Error::kTimedOut);
    return;
  }
  if (retries_ < options_.retries) ++retries_;
  if (window_closed) {
    probe_due_ = true;
    rtt_.BackOff();
  } else {
    OnRetransmissionTimeout();
  }
  ArmRetransmit(now);
  if (options_.user_timeout != Duration::zero()) {
    const Instant end = stalled_since_ + options_.user_timeout;
    SetTimer(kRetransmit, std::max(now, std::min(deadlines_[kRetransmit], end)));
  }
  WantTransmit();
}

// RFC 8985 §6.3.
void Connection::OnReorderTimer(Instant now) {
  ClearTimer(kReorder);
  if (flight_size() == 0 || scoreboard_ == nullptr || scoreboard_->empty()) return;
  r_->counters->losses_by_time.Increment(1);
  if (recovery_ == Recovery::kLoss) {
    if (cc_.cwnd() > 2u * mss_) cc_.OnLoss(WindowInUse(), mss_);
    high_rxt_ = snd_una_;
    force_retransmit_ = true;
  } else {
    EnterFastRecovery();
  }
  ArmRetransmit(now);
  WantTransmit();
}

void Connection::OnKeepaliveTimer(Instant now) {
  ClearTimer(kKeepalive);
  if (!options_.keepalive || !established_) return;
  const Duration idle = now - last_received_;
  if (idle < options_.keepalive_idle && probes_ == 0) {
    SetTimer(kKeepalive, last_received_ + options_.keepalive_idle);
    return;
  }
  // RFC 9293 §3.8.4: probes only while nothing is in flight; what is in flight is a probe itself.
  if (flight_size() == 0 && snd_wnd_ > 0) {
    if (probes_ >= options_.keepalive_probes) {
      rst_due_ = true;
      rst_seq_ = snd_nxt_;
      Finish(Error::kTimedOut);
      return;
    }
    ++probes_;
    probe_due_ = true;
    r_->counters->keepalive_probes.Increment(1);
    WantTransmit();
  }
  SetTimer(kKeepalive, now + options_.keepalive_interval);
}

}  // namespace corelane::tcp
