// usage: inproc bulk|rr|crr [key=value]...; see docs/performance.md. The last line of stdout is one
// JSON object.

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/lane.h"
#include "bench/options.h"

namespace corelane::bench {
namespace {

// The lane's own thread; everything of the lane lives on it.
Result RunLane(const Options& options, size_t index, StartLine& start) {
  const RealClock clock;
  Lane lane;
  const absl::Status status = lane.Open(options, index, clock.Now());
  if (!status.ok()) {
    std::fprintf(stderr, "inproc: device: %s\n", std::string(status.message()).c_str());
    std::exit(2);
  }
  return options.api == "asio" ? RunAsio(options, lane, start) : RunPoll(options, lane, start);
}

// What is wrong with the device is found before the other lanes' threads exist.
absl::Status TryDevice(const Options& options) {
  const RealClock clock;
  Lane lane;
  return lane.Open(options, 0, clock.Now());
}

int Main(int argc, char** argv) {
  Options options;
  if (const std::optional<int> status = ParseOptions(Program::kInproc, argc, argv, options)) {
    return *status;
  }
  if (options.device != "ring" && options.lanes > 1) {
    std::fprintf(stderr, "inproc: device: value '%s': expected ring where lanes is not 1\n",
                 options.device.c_str());
    return 2;
  }
  if (const absl::Status status = TryDevice(options); !status.ok()) {
    std::fprintf(stderr, "inproc: device: %s\n", std::string(status.message()).c_str());
    return 2;
  }
  StartLine start(static_cast<ptrdiff_t>(options.lanes));
  std::vector<Result> results(options.lanes);
  std::vector<std::thread> threads;
  for (size_t lane = 1; lane < options.lanes; ++lane) {
    threads.emplace_back([&, lane] { results[lane] = RunLane(options, lane, start); });
  }
  results[0] = RunLane(options, 0, start);
  for (std::thread& t : threads) t.join();
  Result sum;
  for (const Result& r : results) sum += r;
  return PrintResult(Program::kInproc, options, sum);
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
