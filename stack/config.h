// Settings of a stack and of its interfaces.

#ifndef CORELANE_STACK_CONFIG_H_
#define CORELANE_STACK_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/ip_address.h"
#include "core/mac_address.h"
#include "core/vlan.h"
#include "tcp/options.h"

namespace corelane::stack {

struct StackOptions {
  StackOptions() {}

  // Secrets, ports and jitter come from this seed. A program takes it from the system's random
  // source; tests fix it.
  uint64_t seed = 1;
  // Of initial sequence numbers and ephemeral ports; the lanes of one program share it. None: of
  // `seed`.
  std::optional<uint64_t> secret_seed;

  size_t max_tcp_sockets = 65536;
  size_t max_time_wait = 65536;
  // Sockets that were closed by their owner and wait for the peer; more are reset (the oldest
  // first).
  size_t max_orphans = 8192;
  // Payload memory of the send queues: blocks of 2 KiB, taken from the system as needed.
  size_t max_blocks = 262144;
  // Packets for ARP, ICMP, fragments and copies.
  size_t control_packets = 2048;

  // Packets received at most per interface and turn, and the largest transmit burst.
  size_t batch = 32;
  // Frames that one turn may send per interface, in batches.
  size_t transmit_batches = 8;

  // RFC 6335 §6 calls 49152-65535 dynamic; like other systems we take a larger share, to reuse each
  // later.
  uint16_t first_ephemeral_port = 32768;
  uint16_t last_ephemeral_port = 60999;

  uint32_t icmp_errors_per_second = 1000;
  uint32_t icmp_error_burst = 50;
  uint32_t resets_per_second = 10000;

  tcp::Options tcp;  // of sockets that bring none of their own
};

struct InterfaceOptions {
  InterfaceOptions() {}

  std::vector<IpPrefix> addresses;                          // each with the length of its network
  std::vector<IpAddress> gateways;                          // default routes
  std::vector<std::pair<IpPrefix, IpAddress>> routes;       // networks behind other gateways
  std::vector<std::pair<IpAddress, MacAddress>> neighbors;  // static entries
  std::optional<MacAddress> mac;                            // the device's, unless given
  // The network of the link that the interface is on: frames of no other one are taken, and all
  // that it sends is tagged, by the device where that can. None: frames have no tag.
  std::optional<Vlan> vlan;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_CONFIG_H_
