// Pacer: decides when a lane's requests are sent, and counts what became of them. Sans-IO: times
// come from outside.
//
//   kIdle --Begin()--> kWarmUp --> kMeasured --> kDraining --> kDone
//
// Closed loop: a request may be sent as soon as a connection has room for it. Open loop, with a
// rate: when it is due by the schedule, and as soon as there is room; its response time counts from
// when it was due, so that a server which stops for a while cannot hide the requests that it has
// held up (no coordinated omission). What is sent in the warm-up is not recorded.
//
//   pacer.Begin(now);
//   Ticket ticket;
//   while (room && pacer.Take(now, ticket)) send(ticket);     // NextDue() says when to look again
//   pacer.Answered(ticket, 200, body_size, now);              // or Failed, or Return

#ifndef CORELANE_EXAMPLES_LOADGEN_PACER_H_
#define CORELANE_EXAMPLES_LOADGEN_PACER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "examples/loadgen/histogram.h"
#include "examples/loadgen/schedule.h"
#include "examples/loadgen/tally.h"

namespace corelane::load {

// What one lane is to do.
struct Plan {
  size_t connections = 1;
  size_t depth = 1;  // Requests in flight on each.
  // At least one of the two; whichever is over first ends the measurement.
  std::optional<uint64_t> requests;
  std::optional<Duration> seconds;
  Duration warmup{};
  Duration timeout = std::chrono::seconds(10);
  std::optional<double> rate;  // Open loop; requests per second.
  Arrivals arrivals = Arrivals::kConstant;
  double phase = 0;  // Of this lane among those that share a rate.
  uint64_t seed = 1;
};

// A request in flight.
struct Ticket {
  Instant due;
  Instant sent;
};

// What happened since the last look, for those who watch.
struct Recent {
  uint64_t answered = 0;
  uint64_t failed = 0;
  Histogram latency;
};

class Pacer {
 public:
  enum class Phase : uint8_t { kIdle, kWarmUp, kMeasured, kDraining, kDone };

  explicit Pacer(const Plan& plan);

  void Begin(Instant now);
  // Time has passed. Every call does as much.
  void Advance(Instant now);
  // Nothing new is sent; the measurement ends here.
  void Stop(Instant now);
  // What is in flight or due will never be answered.
  void GiveUp(Instant now);

  // Whether a request may be sent now, and which.
  bool Take(Instant now, Ticket& ticket);
  // Open loop: when Take succeeds next; kNever: not before something else happens.
  Instant NextDue() const;

  void Answered(const Ticket& ticket, int status, uint64_t body_bytes, Instant now);
  void Failed(const Ticket& ticket, Failure failure, std::string_view reason, Instant now);
  // The server has not acted on it: it goes again, on another connection.
  void Return(const Ticket& ticket);
  void CountBytes(size_t in, size_t out, Instant now) {
    if (now < start_ || now >= end_) return;
    tally_.bytes_in += in;
    tally_.bytes_out += out;
  }

  Phase phase() const { return phase_; }
  bool open_loop() const { return schedule_.has_value(); }
  // Requests may still be sent.
  bool active() const { return phase_ == Phase::kWarmUp || phase_ == Phase::kMeasured; }
  bool done() const { return phase_ == Phase::kDone; }
  // The end was long ago: what is still in flight is not waited for.
  bool overdue(Instant now) const { return phase_ == Phase::kDraining && now >= phase_end_; }
  // In flight, or to be sent again.
  size_t outstanding() const { return outstanding_ + returned_.size(); }
  // How long was measured; until now where it still is.
  Duration measured(Instant now) const;
  Tally& tally() { return tally_; }
  const Plan& plan() const { return plan_; }
  // Null: nobody watches.
  void set_recent(Recent* recent) { recent_ = recent; }

 private:
  void Enter(Phase phase, Instant now);
  void CountUnsent();
  void Ended(Instant now);

  const Plan plan_;
  std::optional<Schedule> schedule_;
  Phase phase_ = Phase::kIdle;
  Instant phase_end_ = kNever;
  Instant start_ = kNever;  // Of the measurement.
  Instant end_ = kNever;
  Instant last_answer_{};
  uint64_t left_ = UINT64_MAX;  // Requests to be sent; of no meaning without plan_.requests.
  size_t outstanding_ = 0;
  std::vector<Ticket> returned_;
  Tally tally_;
  Recent* recent_ = nullptr;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_PACER_H_
