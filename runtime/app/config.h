// AppConfig: one configuration from which App builds everything. Made in code, from flags
// (app/flags.h) or from a text file (app/textproto.h); all three mean the same and are checked the
// same.

#ifndef CORELANE_RUNTIME_APP_CONFIG_H_
#define CORELANE_RUNTIME_APP_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/ip_address.h"
#include "core/time.h"
#include "core/toeplitz.h"
#include "driver/device.h"
#include "runtime/flags/common_flags.h"
#include "stack/config.h"

namespace corelane::runtime {

// Where packets for a network go that is neither on the link nor behind `gateway`.
struct StaticRoute {
  IpPrefix prefix;  // its host bits are zero
  IpAddress gateway;

  // "10.8.0.0/16=10.0.0.254".
  static std::optional<StaticRoute> Parse(std::string_view text);
  std::string ToString() const;
  friend bool operator==(const StaticRoute&, const StaticRoute&) = default;
};

// `listen` of CommonFlags is the program's to use; after `seconds` the app stops.
struct AppConfig : CommonFlags {
  AppConfig() { device = "ring:app"; }

  static constexpr uint64_t kMaxBatch = 256;
  static constexpr size_t kMaxNeighbors = 1024;  // as many as a stack's neighbor table holds
  // Of each time but `seconds`, which may be as long as its flag takes.
  static constexpr Duration kMaxTime = std::chrono::hours(1);

  // Threads, each with its own stack and share of the flows, and its own queue of the device as far
  // as that has them: 1 to 64.
  uint64_t lanes = 1;
  // Each network once; gateways in reach of an address.
  std::vector<StaticRoute> routes;
  // The CPU of each lane, as many as lanes; empty: the system moves the threads.
  std::vector<size_t> cpus;
  // How flows are spread over the lanes, by the device where it can, else by software: the key of
  // the Toeplitz hash, none: the device's own or a symmetric one; and what is hashed besides
  // addresses. A device that keeps another key is refused; one that hashes less is taken as it is.
  std::optional<Toeplitz::Key> rss_key;
  driver::RssPorts rss_hash;
  // Packets of a receive or transmit burst: 1 to 256.
  uint64_t batch = 32;
  // Never sleeps: the lowest latency, for a whole core.
  bool busy_poll = false;
  // How long a lane looks for more before it sleeps.
  Duration idle_spin = std::chrono::microseconds(50);
  // How long connections may take to finish after a stop; what is left is closed then.
  Duration drain = std::chrono::seconds(5);
  // How often lane 0 looks whether flows should go to other lanes; 0: never.
  Duration rebalance = std::chrono::seconds(1);
  // --- further settings, which are made in code only ---
  // How long closed connections may take to be acknowledged.
  Duration linger = std::chrono::seconds(1);
  // Of each lane's stack; the seed is the system's.
  stack::StackOptions stack;
};

// What is wrong with it by itself, before anything is opened: names the field, the value and what
// would be right.
absl::Status Validate(const AppConfig& config);

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_CONFIG_H_
