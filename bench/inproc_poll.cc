// inproc by hand: the stacks' turns and the applications in one loop.

#include <chrono>

#include "bench/ends.h"
#include "bench/lane.h"
#include "bench/pattern.h"

namespace corelane::bench {
namespace {

class PollBench {
 public:
  PollBench(const Options& options, Lane& lane)
      : options_(options),
        lane_(lane),
        server_(options, pattern_, lane.server(), lane.server_endpoint()),
        client_(options, pattern_, lane.client(), lane.server_endpoint()) {}

  Result Run(StartLine& start);

 private:
  void Turn();
  void Spin(const auto& done);
  Result Totals() {
    Result r = lane_.Totals();
    r += client_.counted();
    r += server_.counted();
    return r;
  }

  const Options options_;
  RealClock clock_;
  Lane& lane_;
  Pattern pattern_;
  ServerEnd server_;
  ClientEnd client_;
};

void PollBench::Turn() {
  const Instant now = clock_.Now();
  lane_.client().Receive(now);
  client_.Turn();
  lane_.client().Transmit(now);
  lane_.server().Receive(now);
  server_.Turn();
  lane_.server().Transmit(now);
}

void PollBench::Spin(const auto& done) {
  while (!done(clock_.Now())) {
    for (int i = 0; i < 16; ++i) Turn();
  }
}

Result PollBench::Run(StartLine& start) {
  for (size_t i = 0; i < options_.conns; ++i) client_.Open();
  const WarmUp warm_up(options_, clock_.Now());
  Spin([&](Instant now) { return warm_up.Over(now, client_.counted().transactions); });
  start.arrive_and_wait();
  const Result before = Totals();
  const Instant begin = clock_.Now();
  const Instant end =
      begin + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options_.secs));
  Spin([&](Instant now) { return now >= end; });
  const Duration time = clock_.Now() - begin;
  return Difference(Totals(), before, time);
}

}  // namespace

Result RunPoll(const Options& options, Lane& lane, StartLine& start) {
  return PollBench(options, lane).Run(start);
}

}  // namespace corelane::bench
