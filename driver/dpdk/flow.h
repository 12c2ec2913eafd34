// Flow rules: what a port does by itself with packets of certain flows (rte_flow).
//
//   FlowMatch match{.protocol = 6, .destination = server, .destination_port = 80};
//   absl::StatusOr<FlowRule> rule = FlowRule::Create(port, match, FlowToQueue{.queue = 2});
//
// Which rules a port takes is its driver's affair: Check() asks, and what is refused is an error
// that says which part of the rule it was. Rules are made and destroyed on the thread that set the
// port up.

#ifndef CORELANE_DRIVER_DPDK_FLOW_H_
#define CORELANE_DRIVER_DPDK_FLOW_H_

#include <rte_flow.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ip_address.h"
#include "driver/dpdk/port.h"

namespace corelane::driver::dpdk {

// A five-tuple as received packets carry it, in which anything may be left open. The family is that
// of the addresses; 0.0.0.0 and :: stand for every address of theirs.
struct FlowMatch {
  uint8_t protocol = 0;  // IANA number: 6 (TCP) or 17 (UDP); 0: any, which leaves the ports open
  IpAddress source;
  uint16_t source_port = 0;  // 0: any
  IpAddress destination;
  uint16_t destination_port = 0;

  // "tcp 10.0.0.1:* -> *:80"
  std::string ToString() const;
  bool is_v4() const;
};

struct FlowToQueue {
  uint16_t queue = 0;
};
struct FlowDrop {};
// The packets' mbufs carry the number (hash.fdir.hi, with RTE_MBUF_F_RX_FDIR_ID).
struct FlowMark {
  uint32_t mark = 0;
  std::optional<uint16_t> queue;  // none: where they would have gone
};
using FlowAction = std::variant<FlowToQueue, FlowDrop, FlowMark>;

struct FlowOptions {
  uint32_t group = 0;
  uint32_t priority = 0;  // 0 is the highest
};

// A rule in DPDK's terms. The members refer to each other: it stays where it is.
class FlowArguments {
 public:
  FlowArguments(const FlowMatch& match, const FlowAction& action, const FlowOptions& options);
  FlowArguments(const FlowArguments&) = delete;
  FlowArguments& operator=(const FlowArguments&) = delete;

  const rte_flow_attr& attributes() const { return attributes_; }
  // END is the last.
  const std::array<rte_flow_item, 4>& pattern() const { return pattern_; }
  const std::array<rte_flow_action, 3>& actions() const { return actions_; }

  // "item IPv4": which part `cause`, of an rte_flow_error, points at; empty: none.
  std::string PartOf(const void* cause) const;

 private:
  void SetNetwork(const FlowMatch& match);
  void SetTransport(const FlowMatch& match);
  void SetActions(const FlowAction& action);

  rte_flow_attr attributes_{};
  std::array<rte_flow_item, 4> pattern_{};
  std::array<rte_flow_action, 3> actions_{};
  struct Headers {
    rte_flow_item_ipv4 ipv4{};
    rte_flow_item_ipv6 ipv6{};
    rte_flow_item_tcp tcp{};
    rte_flow_item_udp udp{};
  };
  Headers spec_;
  Headers mask_;
  rte_flow_action_queue queue_{};
  rte_flow_action_mark mark_{};
};

// A rule of a port, gone with its owner, who goes before the port.
class FlowRule {
 public:
  // InvalidArgument: a rule that no port could take, or a part that this one's driver has not;
  // Unimplemented: the driver has no such rules; AlreadyExists: there is a rule for that.
  static absl::StatusOr<FlowRule> Create(const Port& port, const FlowMatch& match,
                                         const FlowAction& action, const FlowOptions& options = {});
  // Whether the port would take it, as far as it can tell before.
  static absl::Status Check(const Port& port, const FlowMatch& match, const FlowAction& action,
                            const FlowOptions& options = {});
  FlowRule(FlowRule&& other) noexcept
      : port_(other.port_), flow_(std::exchange(other.flow_, nullptr)) {}
  FlowRule& operator=(FlowRule&& other) noexcept {
    std::swap(port_, other.port_);
    std::swap(flow_, other.flow_);
    return *this;
  }
  ~FlowRule();

 private:
  FlowRule(uint16_t port, rte_flow* flow) : port_(port), flow_(flow) {}

  uint16_t port_;
  rte_flow* flow_;
};

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_FLOW_H_
