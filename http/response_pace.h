// How fast a client takes what waits for it, held against a minimum.
//
//   ResponsePace pace(options.response_grace, options.response_bytes_per_second);
//   pace.Begin(now);        // Bytes of a response wait for the client.
//   pace.OnTaken(size, now);
//   pace.Pause(now);        // What comes next has not been made yet.
//   pace.CaughtUp();        // None wait, and the client is to have its whole grace again.
//   if (pace.due() <= now) ...it has been too slow for too long...
//
// A client has credit, in time: at first the grace. It loses what it lets a response wait, and
// gains a second for each so many bytes that it takes, up to the grace again. So one that is
// faster on the whole than the minimum may pause for as long as the grace, and one that reads next
// to nothing cannot earn, early on, the right to hold a response for hours. Sans-IO.

#ifndef CORELANE_HTTP_RESPONSE_PACE_H_
#define CORELANE_HTTP_RESPONSE_PACE_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/time.h"

namespace corelane::http {

class ResponsePace {
 public:
  // `bytes_per_second` 0: anything is fast enough.
  ResponsePace(Duration grace, uint64_t bytes_per_second)
      : grace_(grace), bytes_per_second_(bytes_per_second), credit_(grace) {}

  // No-ops where it waits already, or does not wait.
  void Begin(Instant now) {
    if (since_ == kNever) since_ = now;
  }
  void Pause(Instant now) {
    Settle(now);
    since_ = kNever;
  }
  void CaughtUp() {
    credit_ = grace_;
    since_ = kNever;
  }
  void OnTaken(uint64_t bytes, Instant now) {
    if (bytes_per_second_ == 0) return;
    Settle(now);
    const uint64_t whole = bytes / bytes_per_second_;
    const auto most = static_cast<uint64_t>(grace_ / std::chrono::seconds(1)) + 1;
    const auto rest = std::chrono::nanoseconds(
        static_cast<int64_t>(static_cast<double>(bytes % bytes_per_second_) * 1e9 /
                             static_cast<double>(bytes_per_second_)));
    const Duration gained =
        std::chrono::seconds(static_cast<int64_t>(std::min(whole, most))) + rest;
    credit_ = std::min(grace_, credit_ + gained);
  }
  // When the credit of a client that takes nothing is used up; kNever while nothing waits.
  Instant due() const {
    if (bytes_per_second_ == 0 || since_ == kNever || since_ > kNever - credit_) return kNever;
    return since_ + credit_;
  }

 private:
  void Settle(Instant now) {
    if (since_ == kNever) return;
    credit_ = std::max(credit_ - (now - since_), Duration::zero());
    since_ = now;
  }

  Duration grace_;
  uint64_t bytes_per_second_;
  Duration credit_;
  Instant since_ = kNever;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_RESPONSE_PACE_H_
