#include "bench/options.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "runtime/flags/flag_parser.h"

namespace corelane::bench {
namespace {

const char* Name(Program program) {
  switch (program) {
    case Program::kInproc:
      return "inproc";
    case Program::kFloor:
      return "floor";
    case Program::kSockets:
      return "sockets";
    case Program::kPair:
      return "pair";
    case Program::kUdpEcho:
      return "udp_echo";
  }
  return "";
}

const char* Summary(Program program) {
  switch (program) {
    case Program::kInproc:
      return "Two stacks on one thread, joined by real Ethernet frames.";
    case Program::kFloor:
      return "The copies, checksums and comparisons that inproc cannot do without, and nothing "
             "else.";
    case Program::kSockets:
      return "Linux's sockets between two threads, in network namespaces of their own.";
    case Program::kPair:
    case Program::kUdpEcho:
      break;  // these two read their own command lines
  }
  return "";
}

double CpuSeconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace

std::optional<int> ParseOptions(Program program, int argc, const char* const* argv, Options& o) {
  using runtime::Bool;
  using runtime::Integer;
  runtime::FlagParser parser(Name(program), Summary(program));
  const bool inproc = program == Program::kInproc;
  const bool sockets = program == Program::kSockets;
  parser.AddPositional("mode", runtime::OneOf(&o.mode, {"bulk", "rr", "crr"}),
                       "one-way transfer; request and response; connect, request, response, close");
  parser.AddKey("secs", runtime::Number(&o.secs, 0.01, 3600), "how long to measure, after warm-up");
  parser.AddKey("size", Integer(&o.size, 1, 1 << 20), "bytes of a request and of a response");
  parser.AddKey("conns", Integer(&o.conns, 1, 10000), "connections at the same time");
  if (!sockets) parser.AddKey("copy", Bool(&o.copy), "0: the receiver is lent the bytes");
  if (!sockets) parser.AddKey("batch", Integer(&o.batch, 1, 256), "packets of a burst, at most");
  parser.AddKey("mtu", Integer(&o.mtu, 576, sockets ? 65536 : 9000), "of the link");
  parser.AddKey("csum", Bool(&o.csum), "0: checksums are left to the device, which does without");
  if (inproc) {
    parser.AddKey("lanes", Integer(&o.lanes, 1, 64),
                  "pairs of stacks, each on a thread of its own");
    parser.AddKey("device", runtime::Text(&o.device, "URI"),
                  "what joins the two: ring or ring:...");
    parser.AddKey("api", runtime::OneOf(&o.api, {"poll", "asio"}), "by hand, or with coroutines");
  }
  if (sockets) {
    parser.AddKey("transport", runtime::OneOf(&o.transport, {"lo", "veth"}),
                  "loopback, or a veth pair without segmentation offload");
  }
  const std::optional<int> status = parser.Parse(argc, argv);
  // Loopback as Linux has it, unless an MTU was asked for.
  if (sockets && o.transport == "lo" && !parser.WasGiven("mtu")) o.mtu = 65536;
  return status;
}

Result& Result::operator+=(const Result& other) {
  seconds = std::max(seconds, other.seconds);
  cpu_seconds += other.cpu_seconds;
  bytes += other.bytes;
  transactions += other.transactions;
  frames_fwd += other.frames_fwd;
  frames_back += other.frames_back;
  allocs += other.allocs;
  errors += other.errors;
  resets += other.resets;
  retransmits += other.retransmits;
  time_wait += other.time_wait;
  return *this;
}

double ThreadCpuSeconds() { return CpuSeconds(CLOCK_THREAD_CPUTIME_ID); }
double ProcessCpuSeconds() { return CpuSeconds(CLOCK_PROCESS_CPUTIME_ID); }

double AdditionsPerNanosecond() {
  constexpr uint64_t kAdditions = 64'000'000;
  const double begin = CpuSeconds(CLOCK_THREAD_CPUTIME_ID);
  uint64_t a = 0, b = 0, c = 0, d = 0;
  for (uint64_t i = 0; i < kAdditions / 8; ++i) {
    // volatile, so that none is left out.
    asm volatile(
        "add %4, %0\n add %4, %1\n add %4, %2\n add %4, %3\n"
        "add %4, %0\n add %4, %1\n add %4, %2\n add %4, %3"
        : "+r"(a), "+r"(b), "+r"(c), "+r"(d)
        : "r"(uint64_t{1}));
  }
  const double seconds = CpuSeconds(CLOCK_THREAD_CPUTIME_ID) - begin;
  return static_cast<double>(kAdditions) * 1e-9 / std::max(seconds, 1e-9);
}

int PrintResult(Program program, const Options& o, const Result& r) {
  const double seconds = std::max(r.seconds, 1e-9);
  const double frames = static_cast<double>(r.frames_fwd);
  const double count = o.bulk() ? frames : static_cast<double>(r.transactions);
  const double ns = frames > 0 ? seconds * 1e9 * static_cast<double>(o.lanes) / frames : 0;
  std::printf("{\"gbit_s\":%.3f,\"per_s\":%.0f,\"frames_fwd\":%" PRIu64 ",\"frames_back\":%" PRIu64
              ",\"ns_per_fwd_frame\":%.1f,\"allocs\":%" PRIu64,
              static_cast<double>(r.bytes) * 8e-9 / seconds, count / seconds, r.frames_fwd,
              r.frames_back, ns, r.allocs);
  std::printf(",\"errors\":%" PRIu64 ",\"resets\":%" PRIu64 ",\"retransmits\":%" PRIu64
              ",\"time_wait\":%" PRIu64
              ",\"seconds\":%.4f,\"cpus\":%.2f"
              ",\"adds_per_ns\":%.1f",
              r.errors, r.resets, r.retransmits, r.time_wait, r.seconds, r.cpu_seconds / seconds,
              AdditionsPerNanosecond());
  std::printf(",\"program\":\"%s\",\"mode\":\"%s\",\"size\":%" PRIu64 ",\"conns\":%" PRIu64
              ",\"mtu\":%" PRIu64 ",\"csum\":%d",
              Name(program), o.mode.c_str(), o.size, o.conns, o.mtu, o.csum);
  if (program == Program::kSockets) std::printf(",\"transport\":\"%s\"", o.transport.c_str());
  if (program != Program::kSockets) {
    std::printf(",\"copy\":%d,\"batch\":%" PRIu64, o.copy, o.batch);
  }
  if (program == Program::kInproc) {
    std::printf(",\"lanes\":%" PRIu64 ",\"api\":\"%s\"", o.lanes, o.api.c_str());
  }
  std::printf("}\n");
  return r.errors == 0 ? 0 : 1;
}

}  // namespace corelane::bench
