#include "examples/stack_stats.h"

#include <utility>

namespace corelane::examples {
namespace {

ConnectionSnapshot Describe(const stack::TcpSocket& socket, Instant now) {
  const tcp::Connection& c = socket.connection();
  ConnectionSnapshot s;
  s.local = socket.local().ToString();
  s.remote = socket.remote().ToString();
  s.state = ToString(c.state());
  s.srtt_us = static_cast<uint64_t>(ToMicroseconds(c.rtt().srtt()));
  s.rttvar_us = static_cast<uint64_t>(ToMicroseconds(c.rtt().rttvar()));
  s.cwnd = c.congestion().cwnd();
  s.bytes_in = c.bytes_in();
  s.bytes_out = c.bytes_out();
  s.retransmits = c.retransmits();
  s.age_ms = static_cast<uint64_t>(ToMilliseconds(now - socket.created()));
  return s;
}

InterfaceSnapshot Describe(stack::Interface& interface) {
  const driver::QueueStats& q = interface.queue().stats();
  InterfaceSnapshot s;
  s.name = interface.info().name;
  s.rx_packets = q.rx_packets;
  s.tx_packets = q.tx_packets;
  s.rx_bytes = q.rx_bytes;
  s.tx_bytes = q.tx_bytes;
  s.rx_drops = q.rx_dropped;
  s.tx_drops = q.tx_dropped;
  return s;
}

}  // namespace

StackStats::StackStats(std::string device_uri, runtime::Worker& worker, stack::Stack* stack)
    : device_uri_(std::move(device_uri)), worker_(worker), stack_(stack), start_(worker.now()) {}

StatsSnapshot StackStats::Snapshot() {
  const Instant now = worker_.now();
  StatsSnapshot s;
  s.device_uri = device_uri_;
  s.device_name = "kernel sockets";
  s.uptime_ms = static_cast<uint64_t>(ToMilliseconds(now - start_));
  s.turns = worker_.counters().turns.value();
  if (stack_ == nullptr) return s;
  for (size_t i = 0; i < stack_->network().interfaces(); ++i) {
    s.interfaces.push_back(Describe(stack_->network().interface(i)));
    if (i == 0) s.device_name = s.interfaces[0].name;
  }
  for (size_t i = 1; i < ip::kDropReasons; ++i) {
    const auto reason = static_cast<ip::DropReason>(i);
    const uint64_t count = stack_->network().drops().value(reason);
    if (count > 0) s.drops.emplace_back(std::string(ToString(reason)), count);
  }
  const tcp::Counters& c = stack_->tcp().counters();
  s.tcp.active_opens = c.active_opens.value();
  s.tcp.passive_opens = c.passive_opens.value();
  s.tcp.segments_in = c.segments_in.value();
  s.tcp.segments_out = c.segments_out.value();
  s.tcp.retransmits = c.retransmitted_segments.value();
  s.tcp.resets = c.resets_in.value() + c.resets_out.value();
  s.tcp.established = stack_->tcp().sockets();
  stack_->tcp().ForEachSocket([&](const stack::TcpSocket& socket) {
    if (s.connections.size() < kMaxShownConnections) {
      s.connections.push_back(Describe(socket, now));
    }
  });
  return s;
}

}  // namespace corelane::examples
