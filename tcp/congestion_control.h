// Congestion control: how much may be in flight. NewReno (RFC 5681, RFC 6582, RFC 6928).
//
// The connection tells what happened; loss detection is not decided here. An algorithm is a class
// with the members of NewReno; CongestionControl holds one of them.

#ifndef CORELANE_TCP_CONGESTION_CONTROL_H_
#define CORELANE_TCP_CONGESTION_CONTROL_H_

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/time.h"

namespace corelane::tcp {

class NewReno {
 public:
  // syn_lost: the SYN or its answer was retransmitted; then one segment (RFC 5681 §3.1).
  void OnEstablished(uint32_t mss, bool syn_lost = false) {
    cwnd_ = syn_lost ? mss : InitialWindow(mss);
  }

  // RFC 6928 §2: min(10 * MSS, max(2 * MSS, 14600)).
  static uint32_t InitialWindow(uint32_t mss) {
    return std::min(10 * mss, std::max<uint32_t>(2 * mss, 14600));
  }

  // `acked` bytes left the network outside loss recovery. was_limited: the window, not the
  // application, held the sender back (RFC 5681 §3.1 assumes it; an unused window must not grow).
  void OnAck(uint32_t acked, uint32_t mss, bool was_limited) {
    if (!was_limited) return;
    if (cwnd_ < ssthresh_) {
      // All bytes acknowledged count (RFC 3465 with L unlimited): ACKs are merged per burst. What
      // lies beyond ssthresh counts for congestion avoidance.
      const uint32_t growth = std::min(acked, ssthresh_ - cwnd_);
      cwnd_ = Clamp(uint64_t{cwnd_} + growth);
      acked -= growth;
      if (acked == 0) return;
    }
    // RFC 5681 §3.1, equation 3 in bytes: one MSS a window.
    bytes_acked_ += acked;
    if (bytes_acked_ >= cwnd_) {
      bytes_acked_ -= cwnd_;
      cwnd_ = Clamp(uint64_t{cwnd_} + mss);
    }
  }

  // Fast recovery begins (RFC 5681 §3.2 step 2, RFC 6675 §5 step 4).
  void OnLoss(uint32_t flight_size, uint32_t mss) {
    ssthresh_ = std::max(flight_size / 2, 2 * mss);
    cwnd_ = ssthresh_;
    bytes_acked_ = 0;
  }
  void OnRecoveryEnd(uint32_t flight_size, uint32_t mss) {
    // RFC 6582 §3.2 step 3, option 1: no burst after recovery.
    cwnd_ = std::min(ssthresh_, std::max(flight_size, mss) + mss);
  }
  // RFC 5681 §3.1: the timer expired. first: not yet retransmitted by the timer.
  void OnTimeout(uint32_t flight_size, uint32_t mss, bool first) {
    if (first) ssthresh_ = std::max(flight_size / 2, 2 * mss);
    cwnd_ = mss;
    bytes_acked_ = 0;
  }
  // RFC 5681 §4.1: nothing was sent for longer than the RTO.
  void OnIdle(uint32_t mss) { cwnd_ = std::min(cwnd_, InitialWindow(mss)); }
  // Window inflation of recovery without SACK (RFC 6582 §3.2).
  void Inflate(uint32_t bytes) { cwnd_ = Clamp(uint64_t{cwnd_} + bytes); }
  void Deflate(uint32_t bytes, uint32_t mss) {
    cwnd_ = std::max(cwnd_ > bytes ? cwnd_ - bytes : 0, mss);
  }

  uint32_t cwnd() const { return cwnd_; }
  uint32_t ssthresh() const { return ssthresh_; }
  bool in_slow_start() const { return cwnd_ < ssthresh_; }

 private:
  static constexpr uint32_t kMaxWindow = uint32_t{1} << 30;
  static uint32_t Clamp(uint64_t window) {
    return static_cast<uint32_t>(std::min<uint64_t>(window, kMaxWindow));
  }

  uint32_t cwnd_ = 0;
  uint32_t ssthresh_ = std::numeric_limits<uint32_t>::max();
  uint32_t bytes_acked_ = 0;
};

using CongestionControl = NewReno;

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_CONGESTION_CONTROL_H_
