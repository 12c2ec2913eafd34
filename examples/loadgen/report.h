// The result, for people and for machines, and the line a second while it runs.

#ifndef CORELANE_EXAMPLES_LOADGEN_REPORT_H_
#define CORELANE_EXAMPLES_LOADGEN_REPORT_H_

#include <cstdint>
#include <string>

#include "core/time.h"
#include "examples/loadgen/pacer.h"
#include "examples/loadgen/tally.h"

namespace corelane::load {

// Of all lanes together.
struct Result {
  std::string url;
  bool http2 = false;
  uint64_t connections = 0;
  uint64_t depth = 0;
  uint64_t lanes = 1;
  std::optional<double> rate;  // Open loop.
  Arrivals arrivals = Arrivals::kConstant;
  Duration measured{};  // The longest of the lanes.
  Tally tally;

  // Answers below 400 per second of the measured time.
  double rate_reached() const;
  bool failed() const { return tally.failed() > 0 || tally.answered == 0; }
};

// "1.234 ms": three significant digits at least.
std::string FormatDuration(Duration duration);
// "12.3 MB".
std::string FormatBytes(double bytes);

std::string ReportText(const Result& result);
// One object; times in nanoseconds.
std::string ReportJson(const Result& result);
// "  3 s   1234567/s   p50 12.3 us   p99 45.6 us   0 errors".
std::string ProgressLine(Duration elapsed, Duration interval, const Recent& recent);

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_REPORT_H_
