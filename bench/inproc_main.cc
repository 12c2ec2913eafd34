// usage: inproc bulk|rr|crr [key=value...]; see docs/performance.md. The last line of stdout is one
// JSON object.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/inproc.h"

namespace corelane::bench {
namespace {

[[noreturn]] void Fail(std::string_view text, std::string_view word) {
  std::fprintf(stderr, "inproc: '%.*s': %.*s\n", static_cast<int>(word.size()), word.data(),
               static_cast<int>(text.size()), text.data());
  std::exit(2);
}

double Number(std::string_view word, std::string_view value, double min, double max) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < min || number > max) {
    char text[96];
    std::snprintf(text, sizeof text, "expected a number from %g to %g", min, max);
    Fail(text, word);
  }
  return number;
}

void Set(InprocOptions& o, std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) Fail("expected key=value", word);
  const std::string_view key = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  const auto number = [&](double min, double max) { return Number(word, value, min, max); };
  if (key == "secs") {
    o.secs = number(0.01, 3600);
  } else if (key == "size") {
    o.size = static_cast<size_t>(number(1, 1 << 20));
  } else if (key == "conns") {
    o.conns = static_cast<size_t>(number(1, 10000));
  } else if (key == "lanes") {
    o.lanes = static_cast<size_t>(number(1, 64));
  } else if (key == "mtu") {
    o.mtu = static_cast<uint16_t>(number(576, 9000));
  } else if (key == "batch") {
    o.batch = static_cast<size_t>(number(1, 256));
  } else if (key == "csum") {
    o.csum = number(0, 1) != 0;
  } else if (key == "copy") {
    o.copy = number(0, 1) != 0;
  } else if (key == "device") {
    o.device = value;
  } else if (key == "api") {
    if (value != "poll" && value != "asio") Fail("expected api=poll or api=asio", word);
    o.api = value;
  } else {
    Fail("unknown key; the keys are secs size conns lanes mtu csum copy device api batch", word);
  }
}

InprocOptions Parse(int argc, char** argv) {
  InprocOptions o;
  if (argc < 2) Fail("expected bulk, rr or crr", "(nothing)");
  o.mode = argv[1];
  if (o.mode != "bulk" && o.mode != "rr" && o.mode != "crr")
    Fail("expected bulk, rr or crr", o.mode);
  for (int i = 2; i < argc; ++i) Set(o, argv[i]);
  return o;
}

int Main(int argc, char** argv) {
  const InprocOptions o = Parse(argc, argv);
  std::vector<InprocResult> results(o.lanes);
  const auto run = [&](size_t lane) {
    results[lane] = o.api == "asio" ? RunAsio(o, lane) : RunPoll(o, lane);
  };
  std::vector<std::thread> threads;
  for (size_t lane = 1; lane < o.lanes; ++lane) threads.emplace_back(run, lane);
  run(0);
  for (std::thread& t : threads) t.join();
  InprocResult sum;
  double gbit_s = 0;
  double per_s = 0;
  for (const InprocResult& r : results) {
    gbit_s += static_cast<double>(r.bytes) * 8e-9 / r.seconds;
    per_s += static_cast<double>(r.transactions) / r.seconds;
    sum.frames_fwd += r.frames_fwd;
    sum.frames_back += r.frames_back;
    sum.allocs += r.allocs;
    sum.errors += r.errors;
    sum.seconds = r.seconds;
  }
  const double ns = sum.frames_fwd == 0 ? 0
                                        : sum.seconds * 1e9 * static_cast<double>(o.lanes) /
                                              static_cast<double>(sum.frames_fwd);
  std::printf(
      "{\"mode\":\"%s\",\"api\":\"%s\",\"gbit_s\":%.3f,\"per_s\":%.0f,\"frames_fwd\":%llu,\"frames_"
      "back\":%llu,"
      "\"ns_per_fwd_frame\":%.1f,\"allocs\":%llu,\"errors\":%llu}\n",
      o.mode.c_str(), o.api.c_str(), gbit_s, per_s, static_cast<unsigned long long>(sum.frames_fwd),
      static_cast<unsigned long long>(sum.frames_back), ns,
      static_cast<unsigned long long>(sum.allocs), static_cast<unsigned long long>(sum.errors));
  return sum.errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
