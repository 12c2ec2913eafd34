#include <vector>

#include "benchmark/benchmark.h"
#include "ip/ingress.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::ip {
namespace {

std::vector<uint8_t> V4Packet() {
  std::vector<uint8_t> bytes(1500);
  Ipv4Header header{.src = Ipv4Address(10, 0, 0, 2), .dst = Ipv4Address(10, 0, 0, 1)};
  header.protocol = protocol::kTcp;
  header.total_length = 1500;
  header.Emit(bytes.data());
  return bytes;
}

void BM_ParseIpv4(benchmark::State& state) {
  const std::vector<uint8_t> bytes = V4Packet();
  IpIngress ip;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ParseIpv4(bytes, bytes.size(), false, ip));
    benchmark::DoNotOptimize(ip);
  }
}
BENCHMARK(BM_ParseIpv4);

void BM_ParseIpv6(benchmark::State& state) {
  std::vector<uint8_t> bytes(1500);
  Ipv6Header header{.src = Ipv6Address(0x20010db800000000, 2),
                    .dst = Ipv6Address(0x20010db800000000, 1),
                    .next_header = protocol::kTcp};
  header.payload_length = 1460;
  header.Emit(bytes.data());
  IpIngress ip;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ParseIpv6(bytes, bytes.size(), ip));
    benchmark::DoNotOptimize(ip);
  }
}
BENCHMARK(BM_ParseIpv6);

void BM_EmitIpv4(benchmark::State& state) {
  uint8_t bytes[20];
  Ipv4Header header{.src = Ipv4Address(10, 0, 0, 2), .dst = Ipv4Address(10, 0, 0, 1)};
  for (auto _ : state) {
    benchmark::DoNotOptimize(header);
    header.Emit(bytes);
    benchmark::DoNotOptimize(bytes);
  }
}
BENCHMARK(BM_EmitIpv4);

}  // namespace
}  // namespace corelane::ip
