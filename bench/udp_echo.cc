// usage: udp_echo [key=value]...; see docs/performance.md. One stack that echoes UDP datagrams,
// which DPDK's net_pcap hands it from a file over and over, as fast as it takes them. What the
// stack sends is counted and dropped, unless out= names a file. The last line of stdout is one JSON
// object.
//
// The same file on the same device is what dpdk-testpmd can be given: only_write=1 leaves it there.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arp/ethernet.h"
#include "bench/options.h"
#include "bench/pattern.h"
#include "core/allocation_counter.h"
#include "core/checksum.h"
#include "core/packet.h"
#include "core/time.h"
#include "driver/dpdk/eal.h"
#include "driver/pcap_file.h"
#include "driver/registry.h"
#include "ip/ipv4.h"
#include "ip/protocol.h"
#include "runtime/flags/flag_parser.h"
#include "stack/stack.h"
#include "udp/udp_header.h"

namespace corelane::bench {
namespace {

constexpr MacAddress kOurMac(0x02, 0, 0, 0, 0, 2);
constexpr MacAddress kPeerMac(0x02, 0, 0, 0, 0, 1);
constexpr Ipv4Address kOurs(10, 0, 0, 2);
constexpr Ipv4Address kPeer(10, 0, 0, 1);
constexpr uint16_t kEchoPort = 7;
constexpr uint16_t kFirstPort = 10000;  // of the peer's flows

struct EchoOptions {
  Options common;  // conns: flows; size: bytes of a datagram's payload
  std::string eal;
  std::string file;
  std::string out;
  bool only_write = false;
};

std::optional<int> Parse(int argc, const char* const* argv, EchoOptions& o) {
  using runtime::Integer;
  using runtime::Text;
  runtime::FlagParser parser("udp_echo", "Echoes UDP datagrams of a file, again and again.");
  o.common.mode = "echo";
  o.common.size = 18;  // the shortest frame
  o.common.conns = 64;
  parser.AddKey("file", Text(&o.file, "FILE"), "where the datagrams are written and read");
  parser.AddKey("only_write", runtime::Bool(&o.only_write), "1: write the file, and that is all");
  parser.AddKey("out", Text(&o.out, "FILE"), "what is sent goes there; else it is dropped");
  parser.AddKey("eal", Text(&o.eal, "ARGS"), "of DPDK's EAL");
  parser.AddKey("size", Integer(&o.common.size, 1, 1472), "bytes of payload");
  parser.AddKey("conns", Integer(&o.common.conns, 1, 256), "source ports, a datagram of each");
  parser.AddKey("secs", runtime::Number(&o.common.secs, 0.01, 3600), "how long to measure");
  parser.AddKey("batch", Integer(&o.common.batch, 1, 256), "packets of a burst, at most");
  return parser.Parse(argc, argv);
}

int Refuse(const char* key, const std::string& value, const std::string& problem) {
  std::fprintf(stderr, "udp_echo: %s: value '%s': %s\n", key, value.c_str(), problem.c_str());
  return 2;
}

std::vector<uint8_t> Datagram(const Pattern& pattern, size_t size, uint16_t port) {
  constexpr size_t kHeaders =
      arp::EthernetView::kUntaggedLength + ip::Ipv4Header::length() + udp::UdpHeader::length();
  std::vector<uint8_t> frame(kHeaders + size);
  const auto datagram_length = static_cast<uint16_t>(udp::UdpHeader::length() + size);
  uint8_t* at = frame.data();
  const arp::EthernetHeader ethernet{kOurMac, kPeerMac, arp::ether_type::kIpv4};
  ethernet.Emit(at);
  at += ethernet.length();
  ip::Ipv4Header ip;
  ip.src = kPeer;
  ip.dst = kOurs;
  ip.protocol = ip::protocol::kUdp;
  ip.total_length = static_cast<uint16_t>(ip::Ipv4Header::length() + datagram_length);
  ip.Emit(at);
  at += ip::Ipv4Header::length();
  udp::UdpHeader{port, kEchoPort, datagram_length, 0}.Emit(at);
  std::copy_n(pattern.At(port), size, at + udp::UdpHeader::length());
  const Sum16 sum = PseudoHeaderSum(kPeer, kOurs, ip::protocol::kUdp, datagram_length) +
                    SumBytes({at, datagram_length});
  sum.StoreComplement(at + 6);
  frame.resize(std::max<size_t>(frame.size(), 60));  // Ethernet's shortest, without its checksum
  return frame;
}

absl::Status WriteDatagrams(const EchoOptions& o) {
  auto file = driver::PcapFile::Create(o.file);
  if (!file.ok()) return file.status();
  const Pattern pattern;
  driver::PcapBuffer buffer(*std::move(file), Duration(0));
  PacketPool pool(1);
  for (uint64_t i = 0; i < o.common.conns; ++i) {
    const auto frame = Datagram(pattern, o.common.size, static_cast<uint16_t>(kFirstPort + i));
    PacketBuf packet = pool.Allocate();
    std::copy(frame.begin(), frame.end(), packet.Append(frame.size()));
    buffer.Add(Instant(), *packet.head());
  }
  buffer.Flush();
  if (buffer.lost() > 0) return absl::InternalError("it cannot be written");
  return absl::OkStatus();
}

class UdpEcho {
 public:
  explicit UdpEcho(const EchoOptions& options) : options_(options) {}

  // A status: exit with it.
  std::optional<int> Open();
  int Run();

 private:
  std::optional<int> OpenDevice();
  std::optional<int> OpenStack();
  // Whether this is what the file has of that port.
  bool IsOne(std::span<const uint8_t> bytes, uint16_t port) const {
    return bytes.size() == options_.common.size &&
           std::memcmp(bytes.data(), pattern_.At(port), bytes.size()) == 0;
  }
  void Turn();
  Result Totals();
  void Spin(Instant end) {
    while (clock_.Now() < end) {
      for (int i = 0; i < 16; ++i) Turn();
    }
  }

  const EchoOptions options_;
  RealClock clock_;
  const Pattern pattern_;
  std::optional<driver::dpdk::Eal> eal_;
  std::unique_ptr<driver::Device> device_;
  std::unique_ptr<stack::Stack> stack_;
  uint64_t echoed_ = 0;
  uint64_t bytes_ = 0;
  uint64_t errors_ = 0;
};

std::optional<int> UdpEcho::OpenDevice() {
  auto arguments = driver::dpdk::SplitArguments(options_.eal);
  if (!arguments.ok()) return Refuse("eal", options_.eal, "expected arguments as for a shell");
  auto eal = driver::dpdk::EalBuilder().Raw(*std::move(arguments)).Start();
  if (!eal.ok()) return Refuse("eal", options_.eal, std::string(eal.status().message()));
  eal_ = *std::move(eal);
  std::string uri = "dpdk:net_pcap0,infinite_rx=1,rx_pcap=" + options_.file;
  if (!options_.out.empty()) uri += ",tx_pcap=" + options_.out;
  auto device = driver::OpenDevice(uri);
  if (!device.ok()) return Refuse("file", options_.file, std::string(device.status().message()));
  device_ = *std::move(device);
  return std::nullopt;
}

std::optional<int> UdpEcho::OpenStack() {
  stack::StackOptions options;
  options.batch = options_.common.batch;
  stack_ = std::make_unique<stack::Stack>(options, clock_.Now());
  stack::InterfaceOptions interface;
  interface.mac = kOurMac;
  interface.addresses = {{kOurs, 24}};
  interface.neighbors = {{kPeer, kPeerMac}};
  const absl::Status status = stack_->AddInterface(device_->queue(0), device_->info(), interface);
  if (!status.ok())
    return Refuse("batch", std::to_string(options.batch), std::string(status.message()));
  udp::UdpSocket* const socket = stack_->udp().Open({});
  if (stack_->udp().Bind(*socket, {kOurs, kEchoPort}) != udp::BindResult::kOk) {
    return Refuse("file", options_.file, "the stack does not bind the port of its datagrams");
  }
  return std::nullopt;
}

std::optional<int> UdpEcho::Open() {
  if (std::optional<int> status = OpenDevice()) return status;
  return OpenStack();
}

void UdpEcho::Turn() {
  const Instant now = clock_.Now();
  stack_->Receive(now);
  while (udp::UdpSocket* const socket = stack_->udp().NextReady()) {
    udp::Datagram datagram;
    while (socket->Receive(datagram)) {
      const PacketHead& payload = *datagram.payload.head();
      const std::span<const uint8_t> bytes(payload.data, payload.length);
      const auto sent = stack_->udp().Send(*socket, bytes, datagram.from, now);
      if (sent == stack::UdpSendResult::kOk && IsOne(bytes, datagram.from.port)) {
        ++echoed_;
        bytes_ += bytes.size();
      } else {
        ++errors_;
      }
    }
  }
  stack_->Transmit(now);
}

Result UdpEcho::Totals() {
  Result r;
  r.frames_fwd = device_->queue(0).stats().rx_packets;
  r.frames_back = device_->queue(0).stats().tx_packets;
  r.transactions = r.frames_back;
  r.bytes = bytes_;
  r.errors = errors_;
  r.allocs = AllocationsOnThisThread();
  r.cpu_seconds = ThreadCpuSeconds();
  return r;
}

int UdpEcho::Run() {
  Spin(clock_.Now() + std::chrono::milliseconds(100));
  const Result before = Totals();
  const Instant begin = clock_.Now();
  Spin(begin +
       std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options_.common.secs)));
  Result r = Totals();
  r.seconds = std::chrono::duration<double>(clock_.Now() - begin).count();
  // Every datagram that came was one of ours, and has its answer on the wire.
  r.errors += r.frames_fwd - echoed_ + (echoed_ - r.frames_back);
  r.frames_fwd -= before.frames_fwd;
  r.frames_back -= before.frames_back;
  r.transactions -= before.transactions;
  r.bytes -= before.bytes;
  r.allocs -= before.allocs;
  r.cpu_seconds -= before.cpu_seconds;
  return PrintResult(Program::kUdpEcho, options_.common, r);
}

int Main(int argc, char** argv) {
  EchoOptions options;
  if (const std::optional<int> status = Parse(argc, argv, options)) return *status;
  if (options.file.empty()) return Refuse("file", "", "expected a file's name");
  if (const absl::Status status = WriteDatagrams(options); !status.ok()) {
    return Refuse("file", options.file, std::string(status.message()));
  }
  if (options.only_write) return 0;
  UdpEcho echo(options);
  if (const std::optional<int> status = echo.Open()) return *status;
  return echo.Run();
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
