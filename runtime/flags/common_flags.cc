#include "runtime/flags/common_flags.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace corelane::runtime {
namespace {

using Mistake = FlagParser::Mistake;

// What would be right.
constexpr char kAddress[] = "a host's ADDR/LEN such as 10.77.0.2/24 or fd77::2/64";
constexpr char kGateway[] = "a host's address such as 10.77.0.1 or fd77::1";
constexpr char kNeighbor[] = "ADDR=MAC of a host such as 10.77.0.1=02:00:00:00:00:01";
constexpr char kVlan[] =
    "an id from 1 to 4094, alone or with a priority from 0 to 7, such as 7 or 7:3";

// A list flag: the first value that is given replaces the defaults.
template <typename T>
Value List(std::vector<T>* target, std::string placeholder, std::string expected,
           std::optional<T> (*parse)(std::string_view), std::string (*print)(const T&)) {
  std::string standard;
  for (const T& element : *target) standard += (standard.empty() ? "" : " ") + print(element);
  auto replaced = std::make_shared<bool>(false);
  return {std::move(placeholder), std::move(expected), std::move(standard),
          [target, parse, replaced](std::string_view text) {
            const std::optional<T> element = parse(text);
            if (!element) return false;
            if (!std::exchange(*replaced, true)) target->clear();
            target->push_back(*element);
            return true;
          }};
}

bool IsUnicast(const IpAddress& address) {
  return !address.IsUnspecified() && !address.IsMulticast() && !address.IsBroadcast() &&
         !address.IsLoopback();
}

// The network's own address or its broadcast address (RFC 1122 §3.2.1.3); a prefix of 31 bits has
// neither (RFC 3021).
bool NamesTheNetwork(const IpPrefix& prefix) {
  if (!prefix.address.is_v4() || prefix.length >= 31) return false;
  const uint32_t host_bits = prefix.address.v4().value() & (0xffffffffu >> prefix.length);
  return host_bits == 0 || host_bits == 0xffffffffu >> prefix.length;
}

bool IsHost(const IpPrefix& prefix) {
  return prefix.length > 0 && prefix.length <= prefix.address.bit_length() &&
         IsUnicast(prefix.address) && !NamesTheNetwork(prefix);
}

bool IsNeighbor(const StaticNeighbor& neighbor) {
  return IsUnicast(neighbor.address) && !neighbor.mac.IsMulticast() && !neighbor.mac.IsZero();
}

std::optional<IpPrefix> ParseAddress(std::string_view text) {
  const auto prefix = IpPrefix::Parse(text);
  return prefix && IsHost(*prefix) ? prefix : std::nullopt;
}

std::optional<IpAddress> ParseGateway(std::string_view text) {
  const auto address = IpAddress::Parse(text);
  return address && IsUnicast(*address) ? address : std::nullopt;
}

std::optional<StaticNeighbor> ParseNeighbor(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::Parse(text.substr(0, equals));
  const auto mac = MacAddress::Parse(text.substr(equals + 1));
  if (!address || !mac || !IsNeighbor({*address, *mac})) return std::nullopt;
  return StaticNeighbor{*address, *mac};
}

std::string Print(const IpPrefix& prefix) { return prefix.ToString(); }
std::string Print(const IpAddress& address) { return address.ToString(); }
std::string Print(const StaticNeighbor& neighbor) {
  return neighbor.address.ToString() + "=" + neighbor.mac.ToString();
}

std::string Quote(std::string_view text) { return "value '" + std::string(text) + "'"; }

// "SCHEME:..."
Value Device(std::string* target) {
  Value value = Text(target, "URI");
  value.expected = "SCHEME:DETAILS such as ring:, tap:corelane0 or kernel:";
  value.read = [target](std::string_view text) {
    const size_t colon = text.find(':');
    if (colon == 0 || colon == std::string_view::npos || text[0] < 'a' || text[0] > 'z') {
      return false;
    }
    *target = text;
    return true;
  };
  return value;
}

Value VlanTag(std::optional<Vlan>* target) {
  Value value;
  value.placeholder = "ID[:PRIORITY]";
  value.expected = kVlan;
  if (target->has_value()) value.standard = (*target)->ToString();
  value.read = [target](std::string_view text) {
    const auto vlan = Vlan::Parse(text);
    if (!vlan) return false;
    *target = vlan;
    return true;
  };
  return value;
}

std::optional<Mistake> CheckKernel(const FlagParser& parser, const CommonFlags& common) {
  if (!common.on_kernel()) return std::nullopt;
  if (common.device != "kernel:")
    return Mistake{"--device", "value '" + common.device + "'", "kernel: alone, it has no options"};
  for (const char* flag : {"--address", "--gateway", "--neighbor", "--vlan", "--capture"}) {
    if (!parser.WasGiven(flag)) continue;
    return Mistake{flag, "cannot go with --device " + common.device,
                   "a device that carries frames, such as ring: or tap:NAME"};
  }
  return std::nullopt;
}

std::optional<Mistake> CheckAddresses(const CommonFlags& common) {
  for (size_t i = 0; i < common.addresses.size(); ++i) {
    if (!IsHost(common.addresses[i])) {
      return Mistake{"--address", Quote(common.addresses[i].ToString()), kAddress};
    }
    for (size_t j = 0; j < i; ++j) {
      if (common.addresses[i].address != common.addresses[j].address) continue;
      return Mistake{"--address", Quote(common.addresses[i].ToString()) + " is there twice",
                     "each address once"};
    }
  }
  return std::nullopt;
}

std::optional<Mistake> CheckGateways(const CommonFlags& common) {
  for (size_t i = 0; i < common.gateways.size(); ++i) {
    const IpAddress& gateway = common.gateways[i];
    const std::string quoted = Quote(gateway.ToString());
    if (!IsUnicast(gateway)) return Mistake{"--gateway", quoted, kGateway};
    if (IsOwn(common, gateway)) {
      return Mistake{"--gateway", quoted + " is an --address of this host", "another host's"};
    }
    if (!InReach(common, gateway)) {
      return Mistake{"--gateway", quoted + " is in the network of no --address",
                     "an address in one of them"};
    }
    for (size_t j = 0; j < i; ++j) {
      if (common.gateways[j].is_v4() != gateway.is_v4()) continue;
      return Mistake{"--gateway", quoted + " is the second of its family",
                     "at most one for IPv4 and one for IPv6"};
    }
  }
  return std::nullopt;
}

std::optional<Mistake> CheckNeighbors(const CommonFlags& common) {
  for (size_t i = 0; i < common.neighbors.size(); ++i) {
    const StaticNeighbor& neighbor = common.neighbors[i];
    const std::string quoted = Quote(Print(neighbor));
    if (!IsNeighbor(neighbor)) return Mistake{"--neighbor", quoted, kNeighbor};
    if (IsOwn(common, neighbor.address)) {
      return Mistake{"--neighbor", quoted + " is an --address of this host", "another host's"};
    }
    if (!InReach(common, neighbor.address)) {
      return Mistake{"--neighbor", quoted + " is in the network of no --address",
                     "an address in one of them"};
    }
    for (size_t j = 0; j < i; ++j) {
      if (common.neighbors[j].address != neighbor.address) continue;
      return Mistake{"--neighbor", quoted + " is the second for its address", "each address once"};
    }
  }
  return std::nullopt;
}

std::optional<Mistake> CheckVlan(const CommonFlags& common) {
  if (!common.vlan || common.vlan->IsValid()) return std::nullopt;
  return Mistake{"--vlan", Quote(common.vlan->ToString()), kVlan};
}

std::optional<Mistake> CheckSeconds(const CommonFlags& common) {
  if (!common.seconds || (*common.seconds > Duration::zero() && *common.seconds <= kMaxSeconds)) {
    return std::nullopt;
  }
  const double given = std::chrono::duration<double>(*common.seconds).count();
  std::optional<Duration> none;
  return Mistake{"--seconds", Quote(PrintDecimal(given)), Seconds(&none).expected};
}

std::optional<Mistake> CheckListen(const FlagParser& parser, const CommonFlags& common) {
  const std::string_view scheme = common.device_scheme();
  if (!common.listen || !parser.WasGiven("--listen") || scheme == "kernel" || scheme == "ring") {
    return std::nullopt;
  }
  const Endpoint& listen = *common.listen;
  if (listen.port == 0) {
    return Mistake{"--listen", Quote(listen.ToString()), "a port from 1 to 65535"};
  }
  if (!listen.address.IsUnspecified() && !listen.address.IsLoopback() &&
      !IsOwn(common, listen.address)) {
    return Mistake{"--listen", Quote(listen.ToString()) + " is no --address of this host",
                   "one of them, or 0.0.0.0:PORT for all"};
  }
  return std::nullopt;
}

// Defaults are made for the default addresses.
void DropUnreachableDefaults(const FlagParser& parser, CommonFlags& common) {
  if (!parser.WasGiven("--address")) return;
  if (!parser.WasGiven("--gateway")) {
    std::erase_if(common.gateways, [&](const IpAddress& gateway) {
      return IsOwn(common, gateway) || !InReach(common, gateway);
    });
  }
  if (!parser.WasGiven("--neighbor")) {
    std::erase_if(common.neighbors, [&](const StaticNeighbor& neighbor) {
      return IsOwn(common, neighbor.address) || !InReach(common, neighbor.address);
    });
  }
}

std::optional<Mistake> CheckTogether(const FlagParser& parser, CommonFlags& common) {
  DropUnreachableDefaults(parser, common);
  if (auto mistake = CheckKernel(parser, common)) return mistake;
  if (auto mistake = CheckCommon(common)) return mistake;
  return CheckListen(parser, common);
}

}  // namespace

bool InReach(const CommonFlags& common, const IpAddress& address) {
  return (address.is_v6() && address.IsLinkLocal()) ||
         std::ranges::any_of(common.addresses,
                             [&](const IpPrefix& prefix) { return prefix.Contains(address); });
}

bool IsOwn(const CommonFlags& common, const IpAddress& address) {
  return std::ranges::find(common.addresses, address, &IpPrefix::address) != common.addresses.end();
}

std::optional<Mistake> CheckCommon(const CommonFlags& common) {
  if (auto mistake = CheckAddresses(common)) return mistake;
  if (auto mistake = CheckGateways(common)) return mistake;
  if (auto mistake = CheckNeighbors(common)) return mistake;
  if (auto mistake = CheckVlan(common)) return mistake;
  return CheckSeconds(common);
}

void AddCommonFlags(FlagParser& parser, CommonFlags& common) {
  parser.AddFlag("--device", Device(&common.device), "the device or transport to run on");
  parser.AddRepeatedFlag(
      "--address", List<IpPrefix>(&common.addresses, "ADDR/LEN", kAddress, &ParseAddress, &Print),
      "an address of the stack, with its network");
  parser.AddRepeatedFlag("--gateway",
                         List<IpAddress>(&common.gateways, "ADDR", kGateway, &ParseGateway, &Print),
                         "where packets for other networks go");
  parser.AddRepeatedFlag(
      "--neighbor",
      List<StaticNeighbor>(&common.neighbors, "ADDR=MAC", kNeighbor, &ParseNeighbor, &Print),
      "a neighbor that needs no address resolution");
  parser.AddFlag(
      "--vlan", VlanTag(&common.vlan),
      "the VLAN of the device's link that the stack is on, and what its frames' tags say "
      "of their priority");
  parser.AddFlag("--listen", SocketAddress(&common.listen),
                 "where to accept connections: the kernel's side on ring: and kernel:, the port on "
                 "--address on other devices");
  parser.AddFlag("--seconds", Seconds(&common.seconds),
                 "stops after so long, counted from the printed address");
  Value capture = Text(&common.capture, "FILE");
  capture.expected = "the name of a file to write";
  parser.AddFlag("--capture", std::move(capture), "writes what crosses the wire as pcap");
  parser.AddCheck([&parser, &common] { return CheckTogether(parser, common); });
}

}  // namespace corelane::runtime
