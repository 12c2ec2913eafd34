#include "runtime/metrics/families.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_type.h>

#include <algorithm>

namespace corelane::runtime {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  void Add(const char* name, const char* help, MetricType type) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
  }
  // A sample of the family that was added last.
  void Sample(Labels labels, double value) {
    MetricFamily& family = families_.back();
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family.type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family.metric.push_back(std::move(metric));
  }
  template <int kFirst, int kLast>
  void Histogram(Labels labels, const Log2Counts<kFirst, kLast>& counts) {
    ClientMetric metric;
    metric.label = std::move(labels);
    uint64_t total = 0;
    for (size_t i = 0; i < counts.kBounds; ++i) {
      total += counts.counts[i];
      const double bound = static_cast<double>(counts.UpperBound(i).count()) / 1e9;
      metric.histogram.bucket.push_back({total, bound});
    }
    metric.histogram.sample_count = total + counts.counts[counts.kBounds];
    metric.histogram.sample_sum = static_cast<double>(counts.sum) / 1e9;
    families_.back().metric.push_back(std::move(metric));
  }
  std::vector<MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

template <class Number>
double Value(Number number) {
  return static_cast<double>(number);
}

Labels With(Labels labels, const char* name, std::string value) {
  labels.push_back({name, std::move(value)});
  return labels;
}

// A snapshot of all lanes, and the loops over it.
class Exporter {
 public:
  Exporter(std::span<const LaneSnapshot> lanes, std::span<const PortSnapshot> ports)
      : lanes_(lanes), ports_(ports) {}

  std::vector<MetricFamily> Export() {
    Lanes();
    Queues();
    Ports();
    Network();
    Tcp();
    Listeners();
    Classes();
    Pools();
    return families_.Take();
  }

 private:
  void Counter(const char* name, const char* help) {
    families_.Add(name, help, MetricType::Counter);
  }
  void Gauge(const char* name, const char* help) { families_.Add(name, help, MetricType::Gauge); }
  void Sample(Labels labels, double value) { families_.Sample(std::move(labels), value); }

  // f(const LaneSnapshot&, labels)
  template <class F>
  void EachLane(F&& f) {
    for (const LaneSnapshot& lane : lanes_) f(lane, Labels{{"lane", lane.name}});
  }
  // f(const StackSnapshot&, labels)
  template <class F>
  void EachStack(F&& f) {
    EachLane([&](const LaneSnapshot& lane, const Labels& labels) {
      for (const StackSnapshot& stack : lane.stacks) f(stack, With(labels, "stack", stack.name));
    });
  }
  // f(const InterfaceSnapshot&, labels)
  template <class F>
  void EachInterface(F&& f) {
    EachStack([&](const StackSnapshot& stack, const Labels& labels) {
      for (const InterfaceSnapshot& i : stack.interfaces) f(i, With(labels, "interface", i.name));
    });
  }
  // f(const ConnectionClass&, labels)
  template <class F>
  void EachClass(F&& f) {
    EachStack([&](const StackSnapshot& stack, const Labels& labels) {
      for (const ConnectionClass& c : stack.classes) {
        std::string port = c.port != 0 ? std::to_string(c.port) : c.inbound ? "other" : "any";
        f(c,
          With(With(labels, "class", c.inbound ? "inbound" : "outbound"), "port", std::move(port)));
      }
    });
  }
  // A family for each line of a table of counters; `numbers` are a member of StackSnapshot.
  template <class Table, class Numbers>
  void StackCounters(const Table& table, Numbers StackSnapshot::* numbers) {
    for (size_t i = 0; i < table.size(); ++i) {
      Counter(table[i].name, table[i].help);
      EachStack([&](const StackSnapshot& stack, Labels labels) {
        Sample(std::move(labels), Value((stack.*numbers)[i]));
      });
    }
  }
  // One for a member of each stack.
  template <class Number>
  void StackGauge(const char* name, const char* help, Number StackSnapshot::* number) {
    Gauge(name, help);
    EachStack([&](const StackSnapshot& stack, Labels labels) {
      Sample(std::move(labels), Value(stack.*number));
    });
  }

  void Lanes() {
    Gauge("corelane_lane_up", "1 where the lane answered in time, else 0.");
    EachLane([&](const LaneSnapshot& lane, Labels l) { Sample(std::move(l), lane.up ? 1 : 0); });
    const auto counter = [&](const char* name, const char* help, uint64_t LaneSnapshot::* number) {
      Counter(name, help);
      EachLane([&](const LaneSnapshot& lane, Labels l) { Sample(l, Value(lane.*number)); });
    };
    counter("corelane_worker_turns_total", "Turns of the worker.", &LaneSnapshot::turns);
    counter("corelane_worker_handlers_total", "Handlers that the worker ran.",
            &LaneSnapshot::handlers);
    counter("corelane_worker_sleeps_total", "Times that the worker, with nothing to do, slept.",
            &LaneSnapshot::sleeps);
    families_.Add("corelane_worker_busy_turn_duration_seconds",
                  "How long turns with something to do took.", MetricType::Histogram);
    EachLane([&](const LaneSnapshot& lane, Labels l) {
      families_.Histogram(std::move(l), lane.busy_turns);
    });
  }

  void Queues() {
    for (const auto& entry : internal::kQueueCounters) {
      Counter(entry.name, entry.help);
      EachInterface([&](const InterfaceSnapshot& i, Labels labels) {
        Sample(std::move(labels), Value(i.queue.*entry.field));
      });
    }
    Gauge("corelane_queue_backlog_packets", "Frames that wait for the device's queue.");
    EachInterface([&](const InterfaceSnapshot& i, Labels labels) {
      Sample(std::move(labels), Value(i.backlog));
    });
    Gauge("corelane_interface_mtu_bytes", "Longest IP packet that the interface sends.");
    EachInterface([&](const InterfaceSnapshot& i, Labels labels) {
      Sample(std::move(labels), Value(i.mtu));
    });
    Gauge("corelane_interface_info", "1, with the interface's description as labels.");
    EachInterface([&](const InterfaceSnapshot& i, Labels labels) {
      Sample(With(std::move(labels), "mac", i.mac), 1);
    });
  }

  void Ports() {
    Gauge("corelane_port_link_up", "1 where the port's link is up, else 0.");
    for (const PortSnapshot& port : ports_) {
      if (port.link) Sample({{"device", port.name}}, port.link->up ? 1 : 0);
    }
    Gauge("corelane_port_link_speed_bytes_per_second",
          "Speed of the port's link, where the device knows it.");
    for (const PortSnapshot& port : ports_) {
      if (!port.link || port.link->bits_per_second == 0) continue;
      Sample({{"device", port.name}}, Value(port.link->bits_per_second) / 8);
    }
    Counter("corelane_port_xstats_total",
            "What the port counts itself, by the device's own names (DPDK's xstats).");
    for (const PortSnapshot& port : ports_) {
      for (const auto& [name, value] : port.counters) {
        Sample({{"device", port.name}, {"counter", name}}, Value(value));
      }
    }
  }

  void Network() {
    Counter("corelane_stack_turns_total", "Turns of the stack.");
    EachStack([&](const StackSnapshot& s, Labels l) { Sample(std::move(l), Value(s.turns)); });
    StackCounters(internal::kNetworkCounters, &StackSnapshot::network);
    StackCounters(internal::kLaneCounters, &StackSnapshot::lane);
    StackCounters(internal::kNeighborCounters, &StackSnapshot::neighbor);
    StackCounters(internal::kUdpCounters, &StackSnapshot::udp);
    Counter("corelane_dropped_packets_total",
            "Packets received, or to be sent, that were not passed on.");
    EachStack([&](const StackSnapshot& stack, const Labels& labels) {
      for (size_t i = 1; i < ip::kDropReasons; ++i) {
        std::string reason(ToString(static_cast<ip::DropReason>(i)));
        Sample(With(labels, "reason", std::move(reason)), Value(stack.drops[i]));
      }
    });
    StackGauge("corelane_neighbors", "Entries of the neighbor cache.", &StackSnapshot::neighbors);
    StackGauge("corelane_udp_sockets", "Open UDP sockets.", &StackSnapshot::udp_sockets);
  }

  void Tcp() {
    StackCounters(internal::kTcpCounters, &StackSnapshot::tcp);
    Gauge("corelane_tcp_sockets", "TCP connections by state (RFC 9293).");
    EachStack([&](const StackSnapshot& stack, const Labels& labels) {
      for (size_t i = 1; i < kTcpStates; ++i) {  // a closed connection is none
        Sample(With(labels, "state", ToString(static_cast<tcp::State>(i))),
               Value(stack.tcp_states[i]));
      }
    });
    StackGauge("corelane_tcp_orphans",
               "Connections that the application has left and that are still closing.",
               &StackSnapshot::orphans);
  }

  void Listeners() {
    const auto gauge = [&](const char* name, const char* help, size_t ListenerSnapshot::* number) {
      Gauge(name, help);
      EachStack([&](const StackSnapshot& stack, const Labels& labels) {
        for (const ListenerSnapshot& listener : stack.listeners) {
          Sample(With(labels, "listener", listener.local), Value(listener.*number));
        }
      });
    };
    gauge("corelane_tcp_listener_backlog", "Connections that may be in SYN-RECEIVED at once.",
          &ListenerSnapshot::backlog);
    gauge("corelane_tcp_listener_half_open", "Connections in SYN-RECEIVED.",
          &ListenerSnapshot::embryonic);
    gauge("corelane_tcp_listener_accept_queue", "Connections that wait to be accepted.",
          &ListenerSnapshot::accept_queue);
  }

  void Classes() {
    const auto gauge = [&](const char* name, const char* help, auto ConnectionClass::* number) {
      Gauge(name, help);
      EachClass([&](const ConnectionClass& c, Labels labels) {
        Sample(std::move(labels), Value(c.*number));
      });
    };
    gauge("corelane_tcp_connections",
          "Open connections by class: inbound ones by the listener's port, and outbound ones.",
          &ConnectionClass::connections);
    gauge("corelane_tcp_send_queue_bytes", "Bytes written and not acknowledged yet.",
          &ConnectionClass::send_queue_bytes);
    gauge("corelane_tcp_receive_queue_bytes", "Bytes received in order and not read yet.",
          &ConnectionClass::receive_queue_bytes);
    families_.Add("corelane_tcp_rtt_seconds",
                  "Smoothed round-trip times of the connections that are open now: its counts fall "
                  "when they close, so it is used without rate().",
                  MetricType::Histogram);
    EachClass([&](const ConnectionClass& c, Labels labels) {
      families_.Histogram(std::move(labels), c.rtt);
    });
  }

  // f(const PoolSnapshot&, labels)
  template <class F>
  void EachPool(F&& f) {
    EachStack([&](const StackSnapshot& stack, const Labels& labels) {
      f(stack.control_pool, With(labels, "pool", "control"));
      f(stack.block_pool, With(labels, "pool", "blocks"));
    });
    EachInterface([&](const InterfaceSnapshot& i, const Labels& labels) {
      if (i.pool) f(*i.pool, With(labels, "pool", "device"));
    });
  }

  void Pools() {
    Gauge("corelane_pool_size",
          "Packets of a pool, or blocks of the send queues' memory (pool=\"blocks\").");
    EachPool([&](const PoolSnapshot& p, Labels l) { Sample(std::move(l), Value(p.size)); });
    Gauge("corelane_pool_free", "Packets or blocks of a pool that are not in use.");
    // A device may receive more than its pool would give out.
    EachPool([&](const PoolSnapshot& p, Labels l) {
      Sample(std::move(l), Value(p.size - std::min(p.size, p.in_use)));
    });
    Gauge("corelane_pool_free_low_water", "The fewest that were ever free.");
    EachPool([&](const PoolSnapshot& p, Labels l) {
      Sample(std::move(l), Value(p.size - std::min(p.size, p.peak)));
    });
    Counter("corelane_pool_refused_allocations_total", "Allocations refused by an empty pool.");
    EachPool([&](const PoolSnapshot& p, Labels l) { Sample(std::move(l), Value(p.exhausted)); });
  }

  std::span<const LaneSnapshot> lanes_;
  std::span<const PortSnapshot> ports_;
  Families families_;
};

}  // namespace

std::vector<MetricFamily> ToFamilies(std::span<const LaneSnapshot> lanes,
                                     std::span<const PortSnapshot> ports) {
  return Exporter(lanes, ports).Export();
}

}  // namespace corelane::runtime
