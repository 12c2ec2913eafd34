// The timers of a connection (RFC 6298, RFC 9293 §3.8).

#include <algorithm>

#include "tcp/connection.h"

namespace corelane::tcp {

Instant Connection::NextDeadline() const {
  Instant next = deadlines_[0];
  for (size_t i = 1; i < kTimerCount; ++i) next = std::min(next, deadlines_[i]);
  return next;
}

void Connection::ArmRetransmit(Instant now) { SetTimer(kRetransmit, now + rtt_.rto()); }

void Connection::ArmPersist(Instant now) {
  if (TimerArmed(kPersist)) return;
  // RFC 9293 §3.8.6.1: the first probe after one RTO, then exponentially (SHLD-29, SHLD-30).
  const Duration interval = rtt_.rto() * (int64_t{1} << std::min<int>(probes_, 10));
  SetTimer(kPersist, now + std::min<Duration>(interval, kMaxRto));
}

void Connection::ArmKeepalive(Instant now) {
  if (options_.keepalive) SetTimer(kKeepalive, now + options_.keepalive_idle);
}

void Connection::OnTimer(Instant now) {
  if (now >= deadlines_[kDelayedAck]) {
    ClearTimer(kDelayedAck);
    ack_now_ = true;
    WantTransmit();
  }
  if (now >= deadlines_[kRetransmit]) OnRetransmitTimer(now);
  if (now >= deadlines_[kPersist]) {
    ClearTimer(kPersist);
    if (probes_ >= options_.retries && now - last_received_ > kMaxRto) {
      Finish(Error::kTimedOut);
      return;
    }
    ++probes_;
    if (snd_wnd_ == 0) {
      probe_due_ = true;
    } else {
      override_due_ =
          true;  // RFC 9293 §3.8.6.2.1: the override time-out of the sender's SWS avoidance
    }
    WantTransmit();
  }
  if (now >= deadlines_[kKeepalive]) OnKeepaliveTimer(now);
  if (now >= deadlines_[kLinger]) {
    ClearTimer(kLinger);
    Finish(Error::kNone);
  }
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
    rtt_.OnSynRetransmitted();
    rtt_timing_ = false;
    syn_due_ = true;
    ArmRetransmit(now);
    WantTransmit();
    return;
  }
  if (flight_size() == 0) return;
  if (first_retransmit_ == Instant{}) first_retransmit_ = now;
  const bool user_timeout =
      options_.user_timeout != Duration::zero() && now - first_retransmit_ >= options_.user_timeout;
  // A peer that closed its window and still answers is alive (RFC 9293 §3.8.6.1, MUST-37).
  const bool window_closed = snd_wnd_ == 0;
  const bool alive = window_closed && now - last_received_ < kMaxRto;
  if (user_timeout || (retries_ >= options_.retries && !alive)) {
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
