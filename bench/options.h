// What the end-to-end benchmarks share: the command line, the bytes that they send and verify, and
// the JSON object that each prints as the last line of stdout.

#ifndef CORELANE_BENCH_OPTIONS_H_
#define CORELANE_BENCH_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

namespace corelane::bench {

struct Options {
  Options() {}

  std::string mode;  // bulk, rr, crr, http, http2, echo
  double secs = 1;
  uint64_t size = 64;  // bytes of a request and of a response; bulk writes whatever fits
  uint64_t conns = 1;
  uint64_t streams = 32;  // of each connection of http2
  uint64_t lanes = 1;
  uint64_t mtu = 1500;
  bool csum = true;
  bool copy = true;
  std::string device = "ring";
  std::string api = "poll";
  uint64_t batch = 32;
  std::string transport = "lo";

  bool bulk() const { return mode[0] == 'b'; }
  bool crr() const { return mode[0] == 'c'; }
  bool http() const { return mode[0] == 'h'; }
};

enum class Program { kInproc, kFloor, kSockets, kPair, kUdpEcho };

// Reads `bulk|rr|crr [key=value]...` with the keys that `program` has. A status: exit with it.
std::optional<int> ParseOptions(Program program, int argc, const char* const* argv,
                                Options& options);

// What one lane measured.
struct Result {
  double seconds = 0;
  double cpu_seconds = 0;  // that the kernel gave it
  uint64_t bytes = 0;      // payload that its receiver verified
  uint64_t transactions = 0;
  uint64_t frames_fwd = 0;  // from the client
  uint64_t frames_back = 0;
  uint64_t allocs = 0;
  uint64_t errors = 0;  // wrong bytes, failed connections
  uint64_t resets = 0;
  uint64_t retransmits = 0;
  uint64_t time_wait = 0;  // connections in TIME-WAIT at the end

  // Counts add up. Lanes run side by side, so their seconds do not.
  Result& operator+=(const Result& other);
};

// Processor time so far.
double ThreadCpuSeconds();
double ProcessCpuSeconds();

// How many independent additions this processor does for us in a nanosecond right now: its clock
// times the share of the core that a neighbour on the same core leaves. On a shared machine it
// varies by a factor of two, and the results with it.
double AdditionsPerNanosecond();

// Prints the JSON object; returns the program's exit status: 1 when there were errors. In bulk,
// per_s counts forward frames, else transactions.
int PrintResult(Program program, const Options& options, const Result& sum);

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_OPTIONS_H_
