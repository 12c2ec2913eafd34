// What the hot parts cost, one by one. bench/segment_cost.cc counts instructions of the last ones.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/one_stack.h"
#include "core/checksum.h"
#include "core/random.h"
#include "core/time.h"
#include "core/timer_wheel.h"
#include "ip/ingress.h"
#include "ip/ipv4.h"
#include "ip/protocol.h"
#include "tcp/flow_table.h"
#include "tcp/segment.h"

namespace corelane::bench {
namespace {

void BM_ParseIpv4(benchmark::State& state) {
  std::vector<uint8_t> bytes(1500);
  ip::Ipv4Header header{.src = Ipv4Address(10, 0, 0, 2), .dst = Ipv4Address(10, 0, 0, 1)};
  header.protocol = ip::protocol::kTcp;
  header.total_length = 1500;
  header.Emit(bytes.data());
  ip::IpIngress out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ip::ParseIpv4(bytes, bytes.size(), false, out));
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(BM_ParseIpv4);

void BM_ParseTcp(benchmark::State& state) {
  tcp::OutgoingOptions options;
  options.has_timestamps = true;
  std::vector<uint8_t> bytes(tcp::kMinHeaderLength + options.length());
  tcp::OutgoingHeader header;
  header.flags = tcp::kAck;
  tcp::EmitHeader(header, options, bytes.data());
  tcp::Segment segment;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes.data());
    const auto view = tcp::HeaderView::Parse(bytes);
    benchmark::DoNotOptimize(tcp::ParseSegment(*view, 1448, segment));
    benchmark::DoNotOptimize(segment);
  }
}
BENCHMARK(BM_ParseTcp);

struct Flow : tcp::FlowTableNode<Flow> {
  tcp::FourTuple key;
  const tcp::FourTuple& tuple() const { return key; }
};

// The hash of a tuple and its flow, flows in random order.
void BM_Demux(benchmark::State& state) {
  const auto n = static_cast<size_t>(state.range(0));
  tcp::FlowTable<Flow> table(FlowHashKey::FromSeed(1));
  std::vector<Flow> flows(n);
  Random random(1);
  for (size_t i = 0; i < n; ++i) {
    flows[i].key = {Ipv4Address(10, 0, 0, 1), Ipv4Address(static_cast<uint32_t>(random.Next64())),
                    80, static_cast<uint16_t>(1024 + i % 60000)};
    table.Insert(&flows[i]);
  }
  std::vector<tcp::FourTuple> keys(65536);
  for (tcp::FourTuple& key : keys) key = flows[random.Below(n)].key;
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.Find(keys[i++ % keys.size()]));
}
BENCHMARK(BM_Demux)->Arg(1)->Arg(1024)->Arg(65536);

// What a connection does when its deadline moves: cancel and arm.
void BM_TimerRearm(benchmark::State& state) {
  constexpr Instant kStart{std::chrono::seconds(1)};
  std::vector<TimerNode> nodes(static_cast<size_t>(state.range(0)));
  TimerWheel wheel(kStart);
  Random random(1);
  std::vector<Instant> deadlines(4096);
  for (Instant& d : deadlines) d = kStart + Duration(static_cast<int64_t>(random.Below(400000000)));
  size_t i = 0;
  for (TimerNode& node : nodes) wheel.Arm(node, deadlines[i++ % deadlines.size()]);
  i = 0;
  for (auto _ : state) {
    wheel.Arm(nodes[i % nodes.size()], deadlines[i % deadlines.size()]);
    ++i;
  }
}
BENCHMARK(BM_TimerRearm)->Arg(1)->Arg(1000)->Arg(100000);

void RunBytes(benchmark::State& state, auto&& body) {
  const auto n = static_cast<size_t>(state.range(0));
  std::vector<uint8_t> from(n, 0xa5);
  std::vector<uint8_t> to(n);
  for (auto _ : state) {
    benchmark::ClobberMemory();
    body(to.data(), std::span<const uint8_t>(from));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(n));
}
void BM_Checksum(benchmark::State& state) {
  RunBytes(state, [](uint8_t*, auto from) { benchmark::DoNotOptimize(SumBytes(from)); });
}
void BM_CopyAndChecksum(benchmark::State& state) {
  RunBytes(state, [](uint8_t* to, auto from) { benchmark::DoNotOptimize(CopyAndSum(to, from)); });
}
void BM_Memcpy(benchmark::State& state) {
  RunBytes(state, [](uint8_t* to, auto from) {
    std::memcpy(to, from.data(), from.size());
    benchmark::DoNotOptimize(to);
  });
}
BENCHMARK(BM_Checksum)->Arg(64)->Arg(512)->Arg(1448)->Arg(4096);
BENCHMARK(BM_CopyAndChecksum)->Arg(64)->Arg(512)->Arg(1448)->Arg(4096);
BENCHMARK(BM_Memcpy)->Arg(64)->Arg(512)->Arg(1448)->Arg(4096);

constexpr size_t kSegments = 256;  // prepared at a time, so that the clock costs nothing

// Data segments in, read by the application, ACK frames out; time of one segment. Arguments:
// payload, segments of a burst.
void BM_SegmentInToAckOut(benchmark::State& state) {
  const auto batch = static_cast<size_t>(state.range(1));
  ReceivePath path(static_cast<size_t>(state.range(0)), batch);
  const RealClock clock;
  size_t acks = 0;
  size_t segments = 0;
  const uint64_t read_before = path.bytes_read();
  for (auto _ : state) {
    path.Prepare(kSegments);
    const Instant begin = clock.Now();
    for (size_t i = 0; i < kSegments; i += batch) path.Turn();
    const Instant end = clock.Now();
    state.SetIterationTime(std::chrono::duration<double>(end - begin).count());
    acks += path.TakeAcks();
    segments += kSegments;
  }
  if (path.bytes_read() - read_before != segments * static_cast<size_t>(state.range(0))) {
    state.SkipWithError("bytes were lost");
  }
  state.SetItemsProcessed(static_cast<int64_t>(segments));
  state.counters["per_segment"] = benchmark::Counter(
      static_cast<double>(segments), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["segments_per_ack"] = static_cast<double>(segments) / static_cast<double>(acks);
}
BENCHMARK(BM_SegmentInToAckOut)->ArgsProduct({{64, 1448}, {1, 2, 8, 32}})->UseManualTime();

// A write of one segment and the turn that sends it; its acknowledgement is not in the time.
void BM_WriteToSegmentOut(benchmark::State& state) {
  constexpr size_t kWrites = 8;  // fewer than the initial window of ten (RFC 6928)
  SendPath path(static_cast<size_t>(state.range(0)));
  for (int i = 0; i < 100; ++i) {
    path.Turn();
    path.Acknowledge();
  }
  const RealClock clock;
  size_t sent = 0;
  size_t writes = 0;
  for (auto _ : state) {
    const Instant begin = clock.Now();
    for (size_t i = 0; i < kWrites; ++i) path.Turn();
    const Instant end = clock.Now();
    state.SetIterationTime(std::chrono::duration<double>(end - begin).count());
    sent += path.Acknowledge();
    writes += kWrites;
  }
  if (sent != writes) state.SkipWithError("a write did not become one segment");
  state.SetItemsProcessed(static_cast<int64_t>(writes));
  state.counters["per_segment"] = benchmark::Counter(
      static_cast<double>(writes), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_WriteToSegmentOut)->Arg(64)->Arg(1448)->UseManualTime();

void BM_IdleTurn(benchmark::State& state) {
  OneStack stack(32, false);
  for (auto _ : state) benchmark::DoNotOptimize(stack.subject().Poll(stack.Tick()));
}
BENCHMARK(BM_IdleTurn);

}  // namespace
}  // namespace corelane::bench
