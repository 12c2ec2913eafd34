// Port: an Ethernet port of DPDK, configured and started.
//
//   absl::StatusOr<Port> port = Port::Open(port_id, PortConfig{.queues = 4}, pools);
//
// Setting up is for one thread; afterwards each queue pair belongs to the thread that polls it, and
// link state and statistics may be read by any.

#ifndef CORELANE_DRIVER_DPDK_PORT_H_
#define CORELANE_DRIVER_DPDK_PORT_H_

#include <rte_ethdev.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/mac_address.h"
#include "driver/dpdk/mempool.h"

namespace corelane::driver::dpdk {

struct PortConfig {
  uint16_t queues = 1;  // receive and transmit
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  uint16_t mtu = 1500;
  // RTE_ETH_RX_OFFLOAD_..., RTE_ETH_TX_OFFLOAD_...: wanted; the port does those that it can.
  uint64_t rx_offloads = 0;
  uint64_t tx_offloads = 0;
  // RTE_ETH_RSS_...: of what a packet's queue is chosen; 0: no RSS.
  uint64_t rss_hash = 0;
  std::vector<uint8_t> rss_key;  // empty: the device's own
  bool promiscuous = false;
  // Frames to any group are heard: IPv6 needs some, which many a NIC would keep from it. Where the
  // port has no such switch it becomes promiscuous, if it can.
  bool all_multicast = true;
  bool rx_interrupts = false;  // wanted: see RxInterrupt
};

// What spreads received packets over the queues.
struct RssHash {
  uint64_t functions = 0;  // RTE_ETH_RSS_...
  std::vector<uint8_t> key;
};

struct LinkState {
  bool up = false;
  bool full_duplex = false;
  uint32_t megabits = 0;  // RTE_ETH_SPEED_NUM_UNKNOWN where the device does not say
};

class Port {
 public:
  // Configures, sets up queue i with pools[i] (as many as queues, which outlive the port) and
  // starts. Errors name the port, the setting, the value and what would be right.
  static absl::StatusOr<Port> Open(uint16_t id, const PortConfig& config,
                                   std::span<const std::unique_ptr<Mempool>> pools);
  Port(Port&& other) noexcept : id_(std::exchange(other.id_, kNone)), config_(other.config_) {}
  Port& operator=(Port&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(config_, other.config_);
    return *this;
  }
  // Stops and closes: mbufs that its queues hold go back to their pools.
  ~Port();

  // Every port that DPDK knows, by name.
  static std::optional<uint16_t> Find(std::string_view name);

  uint16_t id() const { return id_; }
  std::string name() const;
  // With what was wanted and could not be had taken off.
  const PortConfig& config() const { return config_; }
  rte_eth_dev_info info() const;
  std::string driver() const { return info().driver_name; }
  MacAddress mac() const;
  int socket() const { return rte_eth_dev_socket_id(id_); }

  LinkState link() const;
  absl::Status SetLink(bool up);
  // Unimplemented: the port cannot.
  absl::Status SetMac(const MacAddress& mac);
  absl::Status SetPromiscuous(bool on);
  absl::Status SetAllMulticast(bool on);
  absl::Status SetMtu(uint16_t mtu);
  // The indirection table: a queue for each value of the hash's low bits. NotFound: the port has
  // none that can be read or set.
  absl::StatusOr<std::vector<uint16_t>> Reta() const;
  absl::Status SetReta(std::span<const uint16_t> queues);
  // NotFound: the port has none that can be read. SetRss() without a key keeps the one it has.
  absl::StatusOr<RssHash> Rss() const;
  absl::Status SetRss(const RssHash& rss);

  rte_eth_stats stats() const;
  // The device's own counters, by its names for them.
  std::vector<std::pair<std::string, uint64_t>> xstats() const;

 private:
  static constexpr uint16_t kNone = RTE_MAX_ETHPORTS;
  Port(uint16_t id, const PortConfig& config) : id_(id), config_(config) {}

  absl::Status Configure(const rte_eth_dev_info& info);
  absl::Status SetUpQueues(const rte_eth_dev_info& info,
                           std::span<const std::unique_ptr<Mempool>> pools);
  absl::Status Start();
  void InsistOnKey();
  absl::Status Error(std::string_view what, int result) const;

  uint16_t id_;
  PortConfig config_;
};

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_PORT_H_
