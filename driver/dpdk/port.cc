#include "driver/dpdk/port.h"

#include <rte_errno.h>
#include <rte_ether.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

constexpr size_t kHashKeyLength = 40;

absl::Status BadSetting(std::string_view port, std::string_view name, std::string_view value,
                        std::string_view right) {
  return absl::InvalidArgumentError(
      Cat("port ", port, ": ", name, ": value '", value, "': expected ", right));
}

std::string NameOf(uint16_t id) {
  std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
  return rte_eth_dev_get_name_by_port(id, name.data()) == 0 ? name.data() : Cat(id);
}

size_t KeyLength(const rte_eth_dev_info& info) {
  return info.hash_key_size != 0 ? info.hash_key_size : kHashKeyLength;
}

// An empty key stands for the device's own.
absl::Status CheckKey(std::string_view port, std::span<const uint8_t> key,
                      const rte_eth_dev_info& info) {
  const size_t right = KeyLength(info);
  if (key.empty() || key.size() == right) return absl::OkStatus();
  return BadSetting(port, "RSS key", Cat(key.size(), " bytes"), Cat(right, " bytes"));
}

absl::Status Check(uint16_t id, const PortConfig& config, size_t pools,
                   const rte_eth_dev_info& info) {
  const std::string port = NameOf(id);
  const uint16_t most = std::min(info.max_rx_queues, info.max_tx_queues);
  if (config.queues == 0 || config.queues > most) {
    return BadSetting(port, "queues", Cat(config.queues), Cat("1 to ", most));
  }
  if (pools != config.queues) {
    return BadSetting(port, "pools", Cat(pools), Cat("one for each of ", config.queues, " queues"));
  }
  if (config.mtu < info.min_mtu || config.mtu > info.max_mtu) {
    return BadSetting(port, "mtu", Cat(config.mtu), Cat(info.min_mtu, " to ", info.max_mtu));
  }
  return CheckKey(port, config.rss_key, info);
}

}  // namespace

absl::Status Port::Error(std::string_view what, int result) const {
  return absl::InternalError(Cat("port ", name(), ": ", what, ": ", rte_strerror(-result)));
}

std::optional<uint16_t> Port::Find(std::string_view name) {
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(std::string(name).c_str(), &id) != 0) return std::nullopt;
  return id;
}

absl::StatusOr<Port> Port::Open(uint16_t id, const PortConfig& config,
                                std::span<const std::unique_ptr<Mempool>> pools) {
  rte_eth_dev_info info;
  if (!rte_eth_dev_is_valid_port(id) || rte_eth_dev_info_get(id, &info) != 0) {
    return absl::NotFoundError(Cat("port ", id, ": DPDK has no such port"));
  }
  if (absl::Status status = Check(id, config, pools.size(), info); !status.ok()) return status;
  // DPDK forgets the owner when the port is closed.
  rte_eth_dev_owner owner{.name = "corelane"};
  if (rte_eth_dev_owner_new(&owner.id) != 0 || rte_eth_dev_owner_set(id, &owner) != 0) {
    return absl::AlreadyExistsError(Cat("port ", NameOf(id), ": is open already"));
  }
  Port port(id, config);
  absl::Status status = port.Configure(info);
  if (status.ok()) status = port.SetUpQueues(info, pools);
  if (status.ok()) status = port.Start();
  if (!status.ok()) return status;
  return port;
}

absl::Status Port::Configure(const rte_eth_dev_info& info) {
  config_.rx_offloads &= info.rx_offload_capa;
  config_.tx_offloads &= info.tx_offload_capa;
  config_.rss_hash &= info.flow_type_rss_offloads;
  rte_eth_conf conf{};
  conf.rxmode.mtu = config_.mtu;
  conf.rxmode.offloads = config_.rx_offloads;
  conf.txmode.offloads = config_.tx_offloads;
  if (config_.queues > 1 && config_.rss_hash != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = config_.rss_hash;
    if (!config_.rss_key.empty()) {
      conf.rx_adv_conf.rss_conf.rss_key = config_.rss_key.data();
      conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<uint8_t>(config_.rss_key.size());
    }
  }
  conf.intr_conf.rxq = config_.rx_interrupts ? 1 : 0;
  int result = rte_eth_dev_configure(id_, config_.queues, config_.queues, &conf);
  if (result != 0 && config_.rx_interrupts) {
    config_.rx_interrupts = false;
    conf.intr_conf.rxq = 0;
    result = rte_eth_dev_configure(id_, config_.queues, config_.queues, &conf);
  }
  if (result != 0) return Error(Cat("configuration with ", config_.queues, " queues"), result);
  result = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &config_.rx_descriptors, &config_.tx_descriptors);
  if (result != 0 && result != -ENOTSUP) return Error("descriptors", result);
  return absl::OkStatus();
}

absl::Status Port::SetUpQueues(const rte_eth_dev_info& info,
                               std::span<const std::unique_ptr<Mempool>> pools) {
  const int device = rte_eth_dev_socket_id(id_);
  const auto socket = static_cast<unsigned>(device);
  rte_eth_rxconf rx = info.default_rxconf;
  rx.offloads = config_.rx_offloads;
  rte_eth_txconf tx = info.default_txconf;
  tx.offloads = config_.tx_offloads;
  for (uint16_t i = 0; i < config_.queues; ++i) {
    int result =
        rte_eth_rx_queue_setup(id_, i, config_.rx_descriptors, socket, &rx, pools[i]->get());
    if (result != 0) {
      return Error(Cat("receive queue ", i, " of ", config_.rx_descriptors, " descriptors"),
                   result);
    }
    result = rte_eth_tx_queue_setup(id_, i, config_.tx_descriptors, socket, &tx);
    if (result != 0) {
      return Error(Cat("transmit queue ", i, " of ", config_.tx_descriptors, " descriptors"),
                   result);
    }
  }
  return absl::OkStatus();
}

absl::Status Port::Start() {
  const int result = rte_eth_dev_start(id_);
  if (result != 0) return Error("start", result);
  InsistOnKey();
  // Some drivers take the wish and have none.
  if (config_.rx_interrupts) {
    config_.rx_interrupts = rte_eth_dev_rx_intr_ctl_q_get_fd(id_, 0) >= 0;
  }
  // Who can be neither hears what its device lets through, as all did without the wish.
  if (config_.all_multicast && !SetAllMulticast(true).ok()) {
    config_.all_multicast = SetPromiscuous(true).ok();
  }
  if (config_.promiscuous) {
    // A device without the switch hears everything, or never will.
    if (absl::Status status = SetPromiscuous(true);
        !status.ok() && !absl::IsUnimplemented(status)) {
      return status;
    }
  }
  return absl::OkStatus();
}

// Some drivers ignore the key that they are configured with, but take it from a port that runs. Who
// does neither spreads packets by a key of its own, which Rss() tells.
void Port::InsistOnKey() {
  if (config_.queues < 2 || config_.rss_hash == 0 || config_.rss_key.empty()) return;
  const absl::StatusOr<RssHash> has = Rss();
  if (!has.ok() || has->key == config_.rss_key) return;
  std::ignore = SetRss({.functions = config_.rss_hash, .key = config_.rss_key});
}

Port::~Port() {
  if (id_ == kNone) return;
  rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
}

std::string Port::name() const { return NameOf(id_); }

rte_eth_dev_info Port::info() const {
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(id_, &info);
  return info;
}

MacAddress Port::mac() const {
  rte_ether_addr address{};
  rte_eth_macaddr_get(id_, &address);
  return MacAddress::FromBytes(address.addr_bytes);
}

LinkState Port::link() const {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(id_, &link) != 0) return LinkState();
  return {.up = link.link_status == RTE_ETH_LINK_UP,
          .full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX,
          .megabits = link.link_speed};
}

namespace {

absl::Status Supported(std::string_view port, std::string_view what, int result) {
  if (result == 0) return absl::OkStatus();
  const std::string message = Cat("port ", port, ": ", what, ": ", rte_strerror(-result));
  return result == -ENOTSUP ? absl::UnimplementedError(message) : absl::InternalError(message);
}

}  // namespace

absl::Status Port::SetLink(bool up) {
  const int result = up ? rte_eth_dev_set_link_up(id_) : rte_eth_dev_set_link_down(id_);
  return Supported(name(), up ? "link up" : "link down", result);
}

absl::Status Port::SetMac(const MacAddress& mac) {
  rte_ether_addr address;
  mac.CopyTo(address.addr_bytes);
  return Supported(name(), Cat("MAC address ", mac.ToString()),
                   rte_eth_dev_default_mac_addr_set(id_, &address));
}

absl::Status Port::SetPromiscuous(bool on) {
  const int result = on ? rte_eth_promiscuous_enable(id_) : rte_eth_promiscuous_disable(id_);
  return Supported(name(), "promiscuous mode", result);
}

absl::Status Port::SetAllMulticast(bool on) {
  const int result = on ? rte_eth_allmulticast_enable(id_) : rte_eth_allmulticast_disable(id_);
  return Supported(name(), "all-multicast mode", result);
}

absl::Status Port::SetMtu(uint16_t mtu) {
  const int result = rte_eth_dev_set_mtu(id_, mtu);
  if (result == 0) config_.mtu = mtu;
  return Supported(name(), Cat("mtu ", mtu), result);
}

absl::StatusOr<std::vector<uint16_t>> Port::Reta() const {
  const uint16_t size = info().reta_size;
  if (size == 0) return absl::NotFoundError(Cat("port ", name(), ": it has no indirection table"));
  std::vector<rte_eth_rss_reta_entry64> groups((size + 63) / 64);
  for (auto& group : groups) group.mask = UINT64_MAX;
  const int result = rte_eth_dev_rss_reta_query(id_, groups.data(), size);
  if (result != 0) {
    return absl::NotFoundError(
        Cat("port ", name(), ": indirection table: ", rte_strerror(-result)));
  }
  std::vector<uint16_t> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = groups[i / 64].reta[i % 64];
  return out;
}

absl::Status Port::SetReta(std::span<const uint16_t> queues) {
  const uint16_t size = info().reta_size;
  if (size == 0) return absl::NotFoundError(Cat("port ", name(), ": it has no indirection table"));
  if (queues.size() != size) {
    return BadSetting(name(), "indirection table", Cat(queues.size(), " entries"),
                      Cat(size, " entries"));
  }
  std::vector<rte_eth_rss_reta_entry64> groups((size + 63) / 64);
  for (size_t i = 0; i < size; ++i) {
    if (queues[i] >= config_.queues) {
      return BadSetting(name(), Cat("indirection table, entry ", i), Cat(queues[i]),
                        Cat("a queue below ", config_.queues));
    }
    groups[i / 64].mask |= uint64_t{1} << i % 64;
    groups[i / 64].reta[i % 64] = queues[i];
  }
  return Supported(name(), "indirection table",
                   rte_eth_dev_rss_reta_update(id_, groups.data(), size));
}

absl::StatusOr<RssHash> Port::Rss() const {
  RssHash out;
  out.key.resize(KeyLength(info()));
  rte_eth_rss_conf conf{
      .rss_key = out.key.data(), .rss_key_len = static_cast<uint8_t>(out.key.size()), .rss_hf = 0};
  const int result = rte_eth_dev_rss_hash_conf_get(id_, &conf);
  if (result != 0) {
    return absl::NotFoundError(Cat("port ", name(), ": RSS hash: ", rte_strerror(-result)));
  }
  out.functions = conf.rss_hf;
  return out;
}

absl::Status Port::SetRss(const RssHash& rss) {
  const rte_eth_dev_info limits = info();
  if (absl::Status status = CheckKey(name(), rss.key, limits); !status.ok()) return status;
  if ((rss.functions & ~limits.flow_type_rss_offloads) != 0) {
    return BadSetting(name(), "RSS functions", Hex(rss.functions),
                      Cat("some of ", Hex(limits.flow_type_rss_offloads)));
  }
  std::vector<uint8_t> key = rss.key;
  rte_eth_rss_conf conf{.rss_key = key.empty() ? nullptr : key.data(),
                        .rss_key_len = static_cast<uint8_t>(key.size()),
                        .rss_hf = rss.functions};
  return Supported(name(), "RSS hash", rte_eth_dev_rss_hash_update(id_, &conf));
}

rte_eth_stats Port::stats() const {
  rte_eth_stats stats{};
  rte_eth_stats_get(id_, &stats);
  return stats;
}

std::vector<std::pair<std::string, uint64_t>> Port::xstats() const {
  const int count = rte_eth_xstats_get_names(id_, nullptr, 0);
  if (count <= 0) return {};
  std::vector<rte_eth_xstat_name> names(static_cast<size_t>(count));
  std::vector<rte_eth_xstat> values(names.size());
  const auto n = static_cast<unsigned>(count);
  if (rte_eth_xstats_get_names(id_, names.data(), n) != count ||
      rte_eth_xstats_get(id_, values.data(), n) != count) {
    return {};
  }
  std::vector<std::pair<std::string, uint64_t>> out;
  for (const rte_eth_xstat& value : values) out.emplace_back(names[value.id].name, value.value);
  return out;
}

}  // namespace corelane::driver::dpdk
