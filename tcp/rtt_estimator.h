// Round-trip time estimation and the retransmission time-out (RFC 6298).

#ifndef CORELANE_TCP_RTT_ESTIMATOR_H_
#define CORELANE_TCP_RTT_ESTIMATOR_H_

#include <algorithm>
#include <cstdlib>

#include "core/time.h"

namespace corelane::tcp {

// RFC 6298 §2.4 asks for a minimum of one second; see docs/rfc-exceptions/minimum-rto.md.
inline constexpr Duration kMinRto = std::chrono::milliseconds(200);
inline constexpr Duration kMaxRto = std::chrono::seconds(120);
inline constexpr Duration kInitialRto = std::chrono::seconds(1);

class RttEstimator {
 public:
  // One measurement of a segment that was sent once (Karn, RFC 6298 §3) or that carries a
  // timestamp's echo.
  void OnSample(Duration rtt) {
    if (srtt_ == Duration::zero()) {  // §2.2
      srtt_ = std::max<Duration>(rtt, Duration(1));
      rttvar_ = rtt / 2;
    } else {  // §2.3: beta = 1/4, alpha = 1/8
      const int64_t error = (rtt - srtt_).count();
      rttvar_ += Duration((std::abs(error) - rttvar_.count()) >> 2);
      srtt_ = std::max<Duration>(srtt_ + Duration(error >> 3), Duration(1));
    }
    min_rtt_ = has_sample_ ? std::min(min_rtt_, rtt) : rtt;
    has_sample_ = true;
    backoff_ = 0;
    Update();
  }
  // §5.5: the timer expired.
  void BackOff() {
    if (backoff_ < 16) ++backoff_;
    Update();
  }
  // What the timer waited for was no loss: the handshake is complete, a closed window opened. An
  // ACK of new data is no reason (Karn's rule, RFC 6298 §5.5: the next sample is), or a path whose
  // round trip grew beyond the RTO would never be measured.
  void ResetBackOff() {
    backoff_ = 0;
    Update();
  }
  // RFC 6298 §5.7: the SYN was retransmitted, so the first data gets three seconds. Called once the
  // handshake is complete.
  void OnSynRetransmitted() {
    if (!has_sample_) initial_ = std::chrono::seconds(3);
    Update();
  }

  Duration rto() const { return rto_; }
  bool has_sample() const { return has_sample_; }
  Duration srtt() const { return srtt_; }
  Duration rttvar() const { return rttvar_; }
  Duration min_rtt() const { return min_rtt_; }
  int backoff() const { return backoff_; }

 private:
  static constexpr Duration kGranularity = std::chrono::milliseconds(1);

  // §2.2 to §2.5, §5.5
  void Update() {
    const Duration base =
        has_sample_ ? std::max(srtt_ + std::max<Duration>(kGranularity, 4 * rttvar_), kMinRto)
                    : initial_;
    rto_ = base >= kMaxRto ? kMaxRto : std::min<Duration>(base * (int64_t{1} << backoff_), kMaxRto);
  }

  Duration srtt_{};
  Duration rttvar_{};
  Duration min_rtt_{};
  Duration initial_ = kInitialRto;
  Duration rto_ = kInitialRto;  // of the others
  uint8_t backoff_ = 0;
  bool has_sample_ = false;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_RTT_ESTIMATOR_H_
