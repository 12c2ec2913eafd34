// Job: what the command line asks for.

#ifndef CORELANE_EXAMPLES_LOAD_JOB_H_
#define CORELANE_EXAMPLES_LOAD_JOB_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/time.h"
#include "examples/loadgen/pacer.h"
#include "examples/loadgen/request.h"
#include "examples/tls_flags.h"
#include "runtime/app/config.h"
#include "runtime/flags/flag_parser.h"

namespace corelane::load {

struct Job {
  Job();

  runtime::AppConfig app;  // device, addresses, lanes
  Request request;
  bool http2 = false;
  uint64_t connections = 50;
  uint64_t streams = 10;
  uint64_t pipeline = 1;
  std::optional<uint64_t> requests;
  std::optional<Duration> seconds;
  Duration warmup{};
  Duration timeout = std::chrono::seconds(10);
  std::optional<double> rate;
  Arrivals arrivals = Arrivals::kConstant;
  bool insecure = false;
  std::string ca;
  std::string json;  // A file; empty: none.
  bool self = false;
  examples::TlsFlags server_tls;  // With --self.

  uint64_t depth() const { return http2 ? streams : pipeline; }
  // The part of this lane: connections, requests and rate are shared out.
  Plan PlanOf(size_t lane) const;
};

// Reads the command line. Returns nothing when the program should go on, else the status to exit
// with.
std::optional<int> ParseJob(runtime::FlagParser& parser, int argc, char** argv, Job& job);

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOAD_JOB_H_
