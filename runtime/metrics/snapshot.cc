#include "runtime/metrics/snapshot.h"

#include <algorithm>

namespace corelane::runtime {
namespace {

PoolSnapshot Describe(const PacketPool& pool) {
  return {pool.max_packets(), pool.in_use(), pool.peak(), pool.exhausted()};
}

InterfaceSnapshot Describe(stack::Interface& interface) {
  const driver::DeviceQueue& queue = interface.queue();
  InterfaceSnapshot s;
  s.name = interface.info().name;
  s.mac = interface.mac().ToString();
  s.mtu = interface.mtu();
  s.queue = queue.stats();
  s.backlog = interface.pending();
  if (queue.pool() != nullptr) s.pool = Describe(*queue.pool());
  return s;
}

// Two queues of one device in a stack need different names.
void AddInterface(InterfaceSnapshot interface, std::vector<InterfaceSnapshot>& to) {
  const auto taken = [&](const InterfaceSnapshot& other) { return other.name == interface.name; };
  if (std::any_of(to.begin(), to.end(), taken)) interface.name += "#" + std::to_string(to.size());
  to.push_back(std::move(interface));
}

ConnectionClass& ClassOf(const tcp::Connection& connection, std::vector<ConnectionClass>& classes) {
  const bool inbound = connection.passive();
  uint16_t port = inbound ? connection.ports().local : uint16_t{0};
  const auto before = [](const ConnectionClass& c, const std::pair<bool, uint16_t>& key) {
    return std::pair(c.inbound, c.port) < key;
  };
  const auto find = [&] {
    return std::lower_bound(classes.begin(), classes.end(), std::pair(inbound, port), before);
  };
  auto at = find();
  const auto is_it = [&] {
    return at != classes.end() && at->inbound == inbound && at->port == port;
  };
  if (!is_it() && inbound && classes.size() >= LaneReader::kMaxClasses) {
    port = 0;
    at = find();
  }
  if (is_it()) return *at;
  ConnectionClass made;
  made.inbound = inbound;
  made.port = port;
  return *classes.insert(at, made);
}

void Count(const stack::TcpSocket& socket, StackSnapshot& to) {
  const tcp::Connection& connection = socket.connection();
  ++to.tcp_states[static_cast<size_t>(connection.state())];
  if (!connection.established_once()) return;
  ConnectionClass& c = ClassOf(connection, to.classes);
  ++c.connections;
  c.send_queue_bytes += connection.unacknowledged_bytes();
  c.receive_queue_bytes += connection.readable_bytes();
  if (connection.rtt().has_sample()) c.rtt.Record(connection.rtt().srtt());
}

}  // namespace

void ReadWorkerCounters(const WorkerCounters& counters, LaneSnapshot& snapshot) {
  snapshot.turns = counters.turns.value();
  snapshot.handlers = counters.handlers.value();
  snapshot.sleeps = counters.sleeps.value();
  snapshot.busy_turns = counters.busy_turns.Read();
}

bool LaneReader::Step() {
  const auto stacks = lane_.worker->stacks();
  if (!snapshot_.up) {
    snapshot_.up = true;
    for (size_t i = 0; i < stacks.size(); ++i) ReadStack(*stacks[i], i);
  }
  if (stack_ < snapshot_.stacks.size()) {
    if (ReadSockets(stacks[stack_]->tcp(), snapshot_.stacks[stack_])) {
      ++stack_;
      buckets_ = 0;
    }
    if (stack_ < snapshot_.stacks.size()) return false;
  }
  ReadWorkerCounters(lane_.worker->counters(), snapshot_);
  return true;
}

void LaneReader::ReadStack(stack::Stack& stack, size_t index) {
  StackSnapshot& s = snapshot_.stacks.emplace_back();
  s.name = index < lane_.stacks.size() ? lane_.stacks[index] : std::to_string(index);
  s.turns = stack.turns();
  stack::Network& network = stack.network();
  for (size_t i = 0; i < network.interfaces(); ++i) {
    AddInterface(Describe(network.interface(i)), s.interfaces);
  }
  s.network = internal::ReadAll(network.counters(), internal::kNetworkCounters);
  s.udp = internal::ReadAll(stack.udp().counters(), internal::kUdpCounters);
  for (size_t i = 1; i < ip::kDropReasons; ++i) {
    s.drops[i] = network.drops().value(static_cast<ip::DropReason>(i));
  }
  s.neighbor = internal::ReadAll(network.neighbors().stats(), internal::kNeighborCounters);
  s.neighbors = network.neighbors().size();
  if (network.lane() != nullptr) {
    s.lane = internal::ReadAll(network.lane()->counters(), internal::kLaneCounters);
  }
  s.udp_sockets = stack.udp().sockets();
  s.control_pool = Describe(network.control_pool());
  stack::TcpLayer& tcp = stack.tcp();
  s.tcp = internal::ReadAll(tcp.counters(), internal::kTcpCounters);
  s.orphans = tcp.orphans();
  const BlockPool& blocks = tcp.blocks();
  s.block_pool = {blocks.max_blocks(), blocks.in_use(), blocks.peak(), blocks.exhausted()};
  tcp.ForEachListener([&](const stack::TcpListener& listener) {
    s.listeners.push_back({listener.local().ToString(), listener.backlog(), listener.embryonic(),
                           listener.accept_queue()});
  });
}

bool LaneReader::ReadSockets(const stack::TcpLayer& tcp, StackSnapshot& to) {
  if (tcp.socket_buckets() != buckets_) {  // the first piece, or the table grew: from the start
    buckets_ = tcp.socket_buckets();
    next_bucket_ = 0;
    to.tcp_states = {};
    to.classes.clear();
    to.classes.emplace_back();  // outbound
  }
  const size_t n = std::min(kBucketsPerStep, buckets_ - next_bucket_);
  tcp.ForEachSocketIn(next_bucket_, n, [&](const stack::TcpSocket& socket) { Count(socket, to); });
  next_bucket_ += n;
  if (next_bucket_ < buckets_) return false;
  to.tcp_states[static_cast<size_t>(tcp::State::kTimeWait)] += tcp.time_wait();
  return true;
}

}  // namespace corelane::runtime
