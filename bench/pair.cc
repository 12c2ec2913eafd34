// usage: pair serve|load [key=value]...; see docs/performance.md. Two processes, each with one
// stack on one busy core, joined by whatever their devices are joined by. The last line of stdout
// is one JSON object: the load's, of what it measured, and the server's, of what it has verified.

#include <sched.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/ends.h"
#include "bench/http2_end.h"
#include "bench/http_ends.h"
#include "bench/options.h"
#include "bench/pattern.h"
#include "core/allocation_counter.h"
#include "driver/dpdk/eal.h"
#include "driver/registry.h"
#include "runtime/flags/flag_parser.h"
#include "stack/stack.h"

namespace corelane::bench {
namespace {

volatile std::sig_atomic_t stopped = 0;

struct PairOptions {
  Options common;
  std::string role;
  std::string eal;
  std::string device;
  std::string ip = "10.0.0.1";
  std::string peer = "10.0.0.2";
  std::string mac;
  std::string peer_mac;
  uint64_t cpu = kAnyCpu;
  bool hold = false;

  static constexpr uint64_t kAnyCpu = 1024;
};

std::optional<int> Parse(int argc, const char* const* argv, PairOptions& o) {
  using runtime::Integer;
  using runtime::Text;
  runtime::FlagParser parser("pair", "One stack; a second process has the other.");
  parser.AddPositional("role", runtime::OneOf(&o.role, {"serve", "load"}),
                       "which of the two this is; the server goes first");
  o.common.mode = "rr";
  parser.AddKey("mode", runtime::OneOf(&o.common.mode, {"bulk", "rr", "crr", "http", "http2"}),
                "one-way transfer; request and response; connect, request, response, close; GET "
                "/hello, answered with 128 bytes, over HTTP/1.1; the same over HTTP/2");
  parser.AddKey("eal", Text(&o.eal, "ARGS"), "of DPDK's EAL, a --vdev among them");
  parser.AddKey("device", Text(&o.device, "URI"), "instead of the first --vdev of eal");
  parser.AddKey("ip", Text(&o.ip, "ADDR"), "of this stack");
  parser.AddKey("peer", Text(&o.peer, "ADDR"), "of the other one");
  parser.AddKey("mac", Text(&o.mac, "MAC"), "of this stack; else the device's");
  parser.AddKey("peer_mac", Text(&o.peer_mac, "MAC"), "of the other one; else ARP finds it");
  parser.AddKey("conns", Integer(&o.common.conns, 1, 10000), "connections at the same time");
  parser.AddKey("streams", Integer(&o.common.streams, 1, 100),
                "http2: requests outstanding on each connection");
  parser.AddKey("size", Integer(&o.common.size, 1, 1 << 20), "bytes of a request and a response");
  parser.AddKey("secs", runtime::Number(&o.common.secs, 0.01, 3600),
                "how long to measure; how long to serve");
  parser.AddKey("batch", Integer(&o.common.batch, 1, 256), "packets of a burst, at most");
  parser.AddKey("cpu", Integer(&o.cpu, 0, PairOptions::kAnyCpu - 1), "the only one to run on");
  parser.AddKey("hold", runtime::Bool(&o.hold),
                "1: the load leaves the wire up after its result, until its stdin ends");
  return parser.Parse(argc, argv);
}

int Refuse(std::string_view key, std::string_view value, std::string_view problem) {
  std::fprintf(stderr, "pair: %.*s: value '%.*s': %.*s\n", static_cast<int>(key.size()), key.data(),
               static_cast<int>(value.size()), value.data(), static_cast<int>(problem.size()),
               problem.data());
  return 2;
}

// "dpdk:net_memif0" of `--vdev=net_memif0,role=...`; empty: there is none.
std::string DeviceOf(const std::vector<std::string>& eal) {
  for (size_t i = 0; i < eal.size(); ++i) {
    std::string_view vdev;
    if (eal[i].starts_with("--vdev=")) {
      vdev = std::string_view(eal[i]).substr(7);
    } else if (eal[i] == "--vdev" && i + 1 < eal.size()) {
      vdev = eal[i + 1];
    } else {
      continue;
    }
    return "dpdk:" + std::string(vdev.substr(0, vdev.find(',')));
  }
  return "";
}

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class Pair {
 public:
  explicit Pair(const PairOptions& options) : options_(options) {}

  // A status: exit with it.
  std::optional<int> Open();
  int Run();

 private:
  std::optional<int> OpenDevice();
  std::optional<int> OpenStack();
  int Serve();
  int Load();
  int Measure(auto& end, const auto& totals);
  void Turn(auto& end) {
    const Instant now = clock_.Now();
    const size_t received = stack_->Receive(now);
    end.Turn();
    const size_t sent = stack_->Transmit(now);
    // Two CPUs may be one core: who waits leaves it to whom it waits for.
    if (received + sent == 0) Pause();
  }
  // Until `done(now)`, which is asked every few turns.
  void Spin(auto& end, const auto& done) {
    while (stopped == 0 && !done(clock_.Now())) {
      for (int i = 0; i < 16; ++i) Turn(end);
    }
  }
  // With what device and stack counted.
  Result Totals(Result counted);
  Duration Seconds() const {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(options_.common.secs));
  }

  const PairOptions options_;
  RealClock clock_;
  std::optional<driver::dpdk::Eal> eal_;
  std::unique_ptr<driver::Device> device_;
  std::unique_ptr<stack::Stack> stack_;
  Pattern pattern_;
};

std::optional<int> Pair::OpenDevice() {
  std::string uri = options_.device;
  if (!options_.eal.empty()) {
    auto arguments = driver::dpdk::SplitArguments(options_.eal);
    if (!arguments.ok()) return Refuse("eal", options_.eal, "expected arguments as for a shell");
    if (uri.empty()) uri = DeviceOf(*arguments);
    auto eal = driver::dpdk::EalBuilder().Raw(*std::move(arguments)).Start();
    if (!eal.ok()) return Refuse("eal", options_.eal, std::string(eal.status().message()));
    eal_ = *std::move(eal);
  }
  if (uri.empty()) return Refuse("device", uri, "expected one, or a --vdev in eal");
  auto device = driver::OpenDevice(uri);
  if (!device.ok()) return Refuse("device", uri, std::string(device.status().message()));
  device_ = *std::move(device);
  return std::nullopt;
}

std::optional<int> Pair::OpenStack() {
  const auto ip = IpAddress::Parse(options_.ip);
  const auto peer = IpAddress::Parse(options_.peer);
  if (!ip) return Refuse("ip", options_.ip, "expected an address, such as 10.0.0.1");
  if (!peer) return Refuse("peer", options_.peer, "expected an address, such as 10.0.0.2");
  stack::InterfaceOptions interface;
  interface.addresses = {{*ip, static_cast<uint8_t>(ip->is_v4() ? 24 : 64)}};
  if (!options_.mac.empty()) {
    interface.mac = MacAddress::Parse(options_.mac);
    if (!interface.mac) return Refuse("mac", options_.mac, "expected one, as 02:00:00:00:00:01");
  }
  if (!options_.peer_mac.empty()) {
    const auto mac = MacAddress::Parse(options_.peer_mac);
    if (!mac) return Refuse("peer_mac", options_.peer_mac, "expected one, as 02:00:00:00:00:02");
    interface.neighbors = {{*peer, *mac}};
  }
  stack::StackOptions options;
  options.seed = options_.role == "load" ? 7 : 8;
  options.batch = options_.common.batch;
  stack_ = std::make_unique<stack::Stack>(options, clock_.Now());
  const absl::Status status = stack_->AddInterface(device_->queue(0), device_->info(), interface);
  if (!status.ok()) return Refuse("ip", options_.ip, std::string(status.message()));
  return std::nullopt;
}

std::optional<int> Pair::Open() {
  if (std::optional<int> status = OpenDevice()) return status;
  if (options_.cpu != PairOptions::kAnyCpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options_.cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
      return Refuse("cpu", std::to_string(options_.cpu), "this process may not run on it");
    }
  }
  return OpenStack();
}

Result Pair::Totals(Result r) {
  r.frames_fwd = device_->queue(0).stats().tx_packets;
  r.frames_back = device_->queue(0).stats().rx_packets;
  r.resets = stack_->tcp().counters().resets_in.value();
  r.retransmits = stack_->tcp().counters().retransmitted_segments.value();
  r.time_wait = stack_->tcp().time_wait();
  r.allocs = AllocationsOnThisThread();
  r.cpu_seconds = ThreadCpuSeconds();
  return r;
}

int Pair::Serve() {
  const Endpoint at{*IpAddress::Parse(options_.ip), 80};
  const Instant begin = clock_.Now();
  Result result;
  const auto serving = [] {
    std::printf("serving\n");
    std::fflush(stdout);
  };
  if (options_.common.http()) {
    HttpServerEnd end(options_.common, *stack_, at);
    serving();
    end.Run([] { return stopped != 0; }, Seconds());
    result = Totals(end.counted());
  } else {
    ServerEnd end(options_.common, pattern_, *stack_, at);
    serving();
    Spin(end, [&](Instant now) { return now - begin >= Seconds(); });
    result = Totals(end.counted());
  }
  result.seconds = std::chrono::duration<double>(clock_.Now() - begin).count();
  return PrintResult(Program::kPair, options_.common, result);
}

int Pair::Load() {
  const Endpoint server{*IpAddress::Parse(options_.peer), 80};
  if (options_.common.mode == "http2") {
    Http2ClientEnd end(*stack_, server, options_.common.streams);
    return Measure(end, [&] { return Totals(end.counted()); });
  }
  if (options_.common.http()) {
    HttpClientEnd end(*stack_, server);
    return Measure(end, [&] { return Totals(end.counted()); });
  }
  ClientEnd end(options_.common, pattern_, *stack_, server);
  return Measure(end, [&] {
    Result r = Totals(end.counted());
    if (options_.common.bulk()) r.bytes = end.acknowledged();
    return r;
  });
}

int Pair::Measure(auto& end, const auto& totals) {
  for (size_t i = 0; i < options_.common.conns; ++i) end.Open();
  // The wire may have to be set up first, so warm-up begins with the first answer.
  const Instant opened = clock_.Now();
  const auto answered = [&] { return totals().bytes > 0; };
  Spin(end, [&](Instant now) { return answered() || now - opened > std::chrono::seconds(10); });
  if (stopped == 0 && !answered()) {
    std::fprintf(stderr, "pair: peer: value '%s': no answer for 10 s\n", options_.peer.c_str());
    return 1;
  }
  const Instant warm = clock_.Now() + std::chrono::milliseconds(200);
  Spin(end, [&](Instant now) { return now >= warm; });
  const Result before = totals();
  const Instant begin = clock_.Now();
  Spin(end, [&](Instant now) { return now - begin >= Seconds(); });
  const Result after = totals();
  Result r = after;
  r.seconds = std::chrono::duration<double>(clock_.Now() - begin).count();
  r.cpu_seconds -= before.cpu_seconds;
  r.bytes -= before.bytes;
  r.transactions -= before.transactions;
  r.frames_fwd -= before.frames_fwd;
  r.frames_back -= before.frames_back;
  r.allocs -= before.allocs;
  r.retransmits -= before.retransmits;
  return PrintResult(Program::kPair, options_.common, r);
}

int Pair::Run() {
  if (options_.role == "serve") {
    const int status = Serve();
    std::fflush(stdout);
    // Not through the device's end: net_memif frees an interrupt's handle that DPDK's own thread
    // may be looking at.
    std::_Exit(status);
  }
  const int status = Load();
  if (options_.hold) {
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
  }
  return status;
}

int Main(int argc, char** argv) {
  PairOptions options;
  if (const std::optional<int> status = Parse(argc, argv, options)) return *status;
  const auto stop = [](int) { stopped = 1; };
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  Pair pair(options);
  if (const std::optional<int> status = pair.Open()) return *status;
  return pair.Run();
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
