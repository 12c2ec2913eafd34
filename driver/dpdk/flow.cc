#include "driver/dpdk/flow.h"

#include <rte_byteorder.h>
#include <rte_errno.h>

#include <algorithm>
#include <string_view>

#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

std::string ProtocolName(uint8_t protocol) {
  if (protocol == kTcp) return "tcp";
  if (protocol == kUdp) return "udp";
  return protocol == 0 ? "ip" : Cat("protocol ", protocol);
}

std::string EndName(const IpAddress& address, uint16_t port) {
  std::string text = address.IsUnspecified() ? "*" : address.ToString();
  if (address.is_v6() && !address.IsUnspecified()) text = Cat("[", text, "]");
  return Cat(text, ":", port == 0 ? "*" : Cat(port));
}

std::string ActionName(const FlowAction& action) {
  if (const auto* to = std::get_if<FlowToQueue>(&action)) return Cat("to queue ", to->queue);
  const auto* mark = std::get_if<FlowMark>(&action);
  if (mark == nullptr) return "dropped";
  return Cat("marked ", mark->mark, mark->queue ? Cat(", to queue ", *mark->queue) : "");
}

std::optional<uint16_t> QueueOf(const FlowAction& action) {
  if (const auto* to = std::get_if<FlowToQueue>(&action)) return to->queue;
  if (const auto* mark = std::get_if<FlowMark>(&action)) return mark->queue;
  return std::nullopt;
}

// What no port could take.
absl::Status CheckRule(const Port& port, const FlowMatch& match, const FlowAction& action) {
  const auto bad = [&](std::string_view name, std::string_view value, std::string_view right) {
    return absl::InvalidArgumentError(
        Cat("port ", port.name(), ": flow ", name, ": value '", value, "': expected ", right));
  };
  const bool both = !match.source.IsUnspecified() && !match.destination.IsUnspecified();
  if (both && match.source.is_v4() != match.destination.is_v4()) {
    return bad("addresses", match.ToString(), "both of one family");
  }
  if (match.protocol != 0 && match.protocol != kTcp && match.protocol != kUdp) {
    return bad("protocol", Cat(match.protocol), "6 (TCP), 17 (UDP) or 0 (any)");
  }
  if (match.protocol == 0 && (match.source_port != 0 || match.destination_port != 0)) {
    return bad("ports", match.ToString(), "none, or a protocol that has some");
  }
  const std::optional<uint16_t> queue = QueueOf(action);
  if (queue && *queue >= port.config().queues) {
    return bad("queue", Cat(*queue), Cat("a queue below ", port.config().queues));
  }
  return absl::OkStatus();
}

absl::Status Refused(const Port& port, const FlowMatch& match, const FlowAction& action,
                     const FlowArguments& arguments, int error, const rte_flow_error& cause) {
  const std::string part = arguments.PartOf(cause.cause);
  const std::string_view said = cause.message != nullptr ? cause.message : "";
  const std::string message =
      Cat("port ", port.name(), ": flow ", match.ToString(), " ", ActionName(action),
          ": its driver, ", port.driver(), ", refuses ", part.empty() ? "it" : part, ": ", said,
          said.empty() ? "" : ": ", rte_strerror(error));
  if (error == ENOSYS || error == ENOTSUP) return absl::UnimplementedError(message);
  if (error == EEXIST) return absl::AlreadyExistsError(message);
  if (error == EINVAL) return absl::InvalidArgumentError(message);
  return absl::InternalError(message);
}

uint16_t AnyUnless(uint16_t port) { return port == 0 ? 0 : UINT16_MAX; }

template <class Ports>
void SetPorts(const FlowMatch& match, Ports& spec, Ports& mask) {
  spec.src_port = rte_cpu_to_be_16(match.source_port);
  spec.dst_port = rte_cpu_to_be_16(match.destination_port);
  mask.src_port = AnyUnless(match.source_port);
  mask.dst_port = AnyUnless(match.destination_port);
}

void SetAddress(const IpAddress& address, rte_be32_t& spec, rte_be32_t& mask) {
  if (address.IsUnspecified()) return;
  spec = rte_cpu_to_be_32(address.v4().value());
  mask = UINT32_MAX;
}

void SetAddress(const IpAddress& address, uint8_t (&spec)[16], uint8_t (&mask)[16]) {
  if (address.IsUnspecified()) return;
  const auto& bytes = address.v6().bytes();
  std::copy(bytes.begin(), bytes.end(), std::begin(spec));
  std::fill(std::begin(mask), std::end(mask), uint8_t{0xff});
}

std::string_view NameOf(rte_flow_item_type type) {
  switch (type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
      return "item Ethernet";
    case RTE_FLOW_ITEM_TYPE_IPV4:
      return "item IPv4";
    case RTE_FLOW_ITEM_TYPE_IPV6:
      return "item IPv6";
    case RTE_FLOW_ITEM_TYPE_TCP:
      return "item TCP";
    case RTE_FLOW_ITEM_TYPE_UDP:
      return "item UDP";
    default:
      return "the pattern's end";
  }
}

std::string_view NameOf(rte_flow_action_type type) {
  switch (type) {
    case RTE_FLOW_ACTION_TYPE_QUEUE:
      return "action queue";
    case RTE_FLOW_ACTION_TYPE_DROP:
      return "action drop";
    case RTE_FLOW_ACTION_TYPE_MARK:
      return "action mark";
    case RTE_FLOW_ACTION_TYPE_PASSTHRU:
      return "action pass";
    default:
      return "the actions' end";
  }
}

}  // namespace

bool FlowMatch::is_v4() const {
  return destination.IsUnspecified() && !source.IsUnspecified() ? source.is_v4()
         : source.IsUnspecified() && destination.IsUnspecified()
             ? source.is_v4() || destination.is_v4()
             : destination.is_v4();
}

std::string FlowMatch::ToString() const {
  return Cat(ProtocolName(protocol), " ", EndName(source, source_port), " -> ",
             EndName(destination, destination_port));
}

FlowArguments::FlowArguments(const FlowMatch& match, const FlowAction& action,
                             const FlowOptions& options) {
  attributes_.group = options.group;
  attributes_.priority = options.priority;
  attributes_.ingress = 1;
  pattern_[0].type = RTE_FLOW_ITEM_TYPE_ETH;
  SetNetwork(match);
  SetTransport(match);
  SetActions(action);
}

void FlowArguments::SetNetwork(const FlowMatch& match) {
  rte_flow_item& item = pattern_[1];
  if (match.is_v4()) {
    SetAddress(match.source, spec_.ipv4.hdr.src_addr, mask_.ipv4.hdr.src_addr);
    SetAddress(match.destination, spec_.ipv4.hdr.dst_addr, mask_.ipv4.hdr.dst_addr);
    item = {
        .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &spec_.ipv4, .last = nullptr, .mask = &mask_.ipv4};
  } else {
    SetAddress(match.source, spec_.ipv6.hdr.src_addr, mask_.ipv6.hdr.src_addr);
    SetAddress(match.destination, spec_.ipv6.hdr.dst_addr, mask_.ipv6.hdr.dst_addr);
    item = {
        .type = RTE_FLOW_ITEM_TYPE_IPV6, .spec = &spec_.ipv6, .last = nullptr, .mask = &mask_.ipv6};
  }
  // An item without a specification stands for every such header.
  if (match.source.IsUnspecified() && match.destination.IsUnspecified()) {
    item.spec = item.mask = nullptr;
  }
}

void FlowArguments::SetTransport(const FlowMatch& match) {
  rte_flow_item& item = pattern_[2];
  if (match.protocol == kTcp) {
    SetPorts(match, spec_.tcp.hdr, mask_.tcp.hdr);
    item = {
        .type = RTE_FLOW_ITEM_TYPE_TCP, .spec = &spec_.tcp, .last = nullptr, .mask = &mask_.tcp};
  } else if (match.protocol == kUdp) {
    SetPorts(match, spec_.udp.hdr, mask_.udp.hdr);
    item = {
        .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &spec_.udp, .last = nullptr, .mask = &mask_.udp};
  }
  if (match.source_port == 0 && match.destination_port == 0) item.spec = item.mask = nullptr;
}

void FlowArguments::SetActions(const FlowAction& action) {
  size_t n = 0;
  if (const auto* mark = std::get_if<FlowMark>(&action)) {
    mark_.id = mark->mark;
    actions_[n++] = {.type = RTE_FLOW_ACTION_TYPE_MARK, .conf = &mark_};
    if (!mark->queue) actions_[n++] = {.type = RTE_FLOW_ACTION_TYPE_PASSTHRU, .conf = nullptr};
  }
  if (std::holds_alternative<FlowDrop>(action)) {
    actions_[n++] = {.type = RTE_FLOW_ACTION_TYPE_DROP, .conf = nullptr};
  }
  if (const std::optional<uint16_t> queue = QueueOf(action)) {
    queue_.index = *queue;
    actions_[n++] = {.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue_};
  }
}

std::string FlowArguments::PartOf(const void* cause) const {
  if (cause == nullptr) return "";
  for (const rte_flow_item& item : pattern_) {
    if (cause == &item || (cause == item.spec || cause == item.mask)) {
      return std::string(NameOf(item.type));
    }
  }
  for (const rte_flow_action& action : actions_) {
    if (cause == &action || cause == action.conf) return std::string(NameOf(action.type));
  }
  return cause == &attributes_ ? "its group or priority" : "";
}

absl::Status FlowRule::Check(const Port& port, const FlowMatch& match, const FlowAction& action,
                             const FlowOptions& options) {
  if (absl::Status status = CheckRule(port, match, action); !status.ok()) return status;
  const FlowArguments arguments(match, action, options);
  rte_flow_error error{};
  const int result =
      rte_flow_validate(port.id(), &arguments.attributes(), arguments.pattern().data(),
                        arguments.actions().data(), &error);
  if (result == 0) return absl::OkStatus();
  return Refused(port, match, action, arguments, -result, error);
}

absl::StatusOr<FlowRule> FlowRule::Create(const Port& port, const FlowMatch& match,
                                          const FlowAction& action, const FlowOptions& options) {
  if (absl::Status status = CheckRule(port, match, action); !status.ok()) return status;
  const FlowArguments arguments(match, action, options);
  rte_flow_error error{};
  rte_flow* const flow =
      rte_flow_create(port.id(), &arguments.attributes(), arguments.pattern().data(),
                      arguments.actions().data(), &error);
  if (flow == nullptr) return Refused(port, match, action, arguments, rte_errno, error);
  return FlowRule(port.id(), flow);
}

FlowRule::~FlowRule() {
  rte_flow_error error{};
  if (flow_ != nullptr) rte_flow_destroy(port_, flow_, &error);
}

}  // namespace corelane::driver::dpdk
