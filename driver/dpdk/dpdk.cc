#include "driver/dpdk/dpdk.h"

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "driver/dpdk/dpdk_queue.h"
#include "driver/dpdk/eal.h"
#include "driver/dpdk/mempool.h"
#include "driver/dpdk/pmd.h"
#include "driver/dpdk/port.h"
#include "driver/dpdk/text.h"

namespace corelane::driver {
namespace dpdk {
namespace {

constexpr uint16_t kMaxMtu = 9600;
constexpr uint16_t kMaxTxSegments = 64;  // payload by reference is copied, so any number will do

// A URI taken apart.
struct Target {
  PmdRequest request;
  OpenOptions options;
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  std::string eal;
  Bus bus = Bus::kVdev;
};

absl::StatusOr<Target> ReadUri(const DeviceUri& uri, const OpenOptions& standard) {
  static constexpr std::array kOwn = {"queues", "mtu", "mac", "pool", "rxd", "txd", "eal"};
  DeviceUri own = uri;
  Target target;
  std::erase_if(own.options, [&](const DeviceOption& option) {
    const bool ours = std::find(kOwn.begin(), kOwn.end(), option.key) != kOwn.end();
    if (!ours) target.request.options.push_back(option);
    return !ours;
  });
  target.request.name = uri.target;
  target.bus = BusOf(uri.target);
  if (uri.target.empty()) {
    return absl::InvalidArgumentError(Cat("\"", uri.ToString(),
                                          "\": names no device; write dpdk:net_tap0,iface=x for a "
                                          "virtual one, dpdk:0000:41:00.0 for a NIC"));
  }
  const Pmd& pmd = FindPmd(uri.target);
  OptionReader reader(own);
  target.options = TakeCommonOptions(reader, standard, pmd.max_queues, kMaxMtu);
  target.rx_descriptors = static_cast<uint16_t>(reader.Unsigned("rxd", 1024, 32, 32768));
  target.tx_descriptors = static_cast<uint16_t>(reader.Unsigned("txd", 1024, 32, 32768));
  target.eal = reader.String("eal", "");
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  target.request.queues = target.options.queues;
  target.request.mtu = target.options.mtu;
  target.request.mac = target.options.mac;
  return target;
}

// What DPDK gives to the driver.
absl::StatusOr<std::string> ArgumentsOf(const PmdRequest& request, const Pmd& pmd) {
  if (pmd.arguments == nullptr) return ToDevargs(request.options);
  const absl::StatusOr<std::vector<DeviceOption>> arguments = pmd.arguments(request);
  if (!arguments.ok()) return arguments.status();
  return ToDevargs(*arguments);
}

// Starts the EAL for the first device, unless the program has.
absl::Status NeedEal(const Target& target) {
  static std::mutex mutex;
  static std::optional<Eal> eal;
  const std::lock_guard lock(mutex);
  if (Eal::IsRunning()) {
    if (target.eal.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(Cat("dpdk:", target.request.name, ": eal: value '",
                                             target.eal,
                                             "': expected none, for the EAL is running already"));
  }
  EalBuilder builder;
  // A virtual device that `eal` names has its arguments there.
  if (target.bus != Bus::kVdev || target.eal.empty()) {
    const auto arguments = ArgumentsOf(target.request, FindPmd(target.request.name));
    if (!arguments.ok()) return arguments.status();
    if (target.bus != Bus::kVdev) {
      builder.Allow(Cat(target.request.name, arguments->empty() ? "" : ",", *arguments));
    }
  }
  absl::StatusOr<std::vector<std::string>> raw = SplitArguments(target.eal);
  if (!raw.ok()) return raw.status();
  absl::StatusOr<Eal> started = builder.Raw(*std::move(raw)).Start();
  if (!started.ok()) return started.status();
  eal = *std::move(started);
  return absl::OkStatus();
}

// The port of a device, which goes with its owner: for as long as DPDK has probed a device it makes
// no second port of it.
class PortOwner {
 public:
  static absl::StatusOr<PortOwner> Make(const Target& target, const Pmd& pmd) {
    const PmdRequest& request = target.request;
    if (pmd.create != nullptr) {
      const absl::StatusOr<uint16_t> id = pmd.create(request);
      if (!id.ok()) return id.status();
      return PortOwner(*id, pmd.destroyed);
    }
    if (const std::optional<uint16_t> id = Port::Find(request.name)) return Take(*id, target);
    const absl::StatusOr<std::string> arguments = ArgumentsOf(request, pmd);
    if (!arguments.ok()) return arguments.status();
    const char* const bus = BusName(target.bus);
    const int result = rte_eal_hotplug_add(bus, request.name.c_str(), arguments->c_str());
    if (result == 0) {
      if (const auto id = Port::Find(request.name)) return PortOwner(*id, nullptr);
      rte_eal_hotplug_remove(bus, request.name.c_str());
    }
    const std::string why = result != 0 ? rte_strerror(-result) : "no port came of it";
    if (target.bus != Bus::kVdev) return NoNic(target, pmd, why);
    return absl::InternalError(
        Cat("dpdk:", request.name, ": DPDK does not create it with '", *arguments, "': ", why));
  }
  PortOwner(PortOwner&& other) noexcept
      : id_(other.id_),
        device_(std::exchange(other.device_, nullptr)),
        destroyed_(other.destroyed_) {}
  PortOwner& operator=(PortOwner&&) = delete;
  ~PortOwner() {
    if (device_ == nullptr) return;
    if (!HasOtherPorts()) rte_dev_remove(device_);
    if (destroyed_ != nullptr) destroyed_(id_);
  }

  uint16_t id() const { return id_; }

 private:
  static const char* BusName(Bus bus) {
    return bus == Bus::kVdev ? "vdev" : bus == Bus::kPci ? "pci" : "vmbus";
  }

  // A device that the EAL has probed when it started.
  static absl::StatusOr<PortOwner> Take(uint16_t id, const Target& target) {
    const PmdRequest& request = target.request;
    if (target.bus == Bus::kVdev && !request.options.empty()) {
      return absl::AlreadyExistsError(Cat("dpdk:", request.name, ": options: value '",
                                          ToDevargs(request.options),
                                          "': expected none, for the device is there already"));
    }
    rte_eth_dev_owner owner{};
    if (rte_eth_dev_owner_get(id, &owner) == 0 && owner.id != RTE_ETH_DEV_NO_OWNER) {
      return absl::AlreadyExistsError(Cat("dpdk:", request.name, ": is open already"));
    }
    return PortOwner(id, nullptr);
  }

  static absl::Status NoNic(const Target& target, const Pmd& pmd, std::string_view why) {
    std::string_view hint =
        pmd.needs.empty() ? "is it bound to vfio-pci, and its driver installed?" : pmd.needs;
    if (target.bus == Bus::kPci && rte_eal_has_pci() == 0) {
      hint = "the EAL runs with --no-pci: leave that out of its arguments";
    }
    return absl::NotFoundError(Cat("dpdk:", target.request.name,
                                   ": DPDK found no device of this address on the ",
                                   BusName(target.bus), " bus: ", hint, " (", why, ")"));
  }

  PortOwner(uint16_t id, void (*destroyed)(uint16_t)) : id_(id), destroyed_(destroyed) {
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(id, &info) == 0) device_ = info.device;
  }

  bool HasOtherPorts() const {
    for (uint16_t port = 0;; ++port) {
      port = rte_eth_find_next_of(port, device_);
      if (port >= RTE_MAX_ETHPORTS) return false;
      if (port != id_) return true;
    }
  }

  uint16_t id_;
  rte_device* device_ = nullptr;
  void (*destroyed_)(uint16_t);
};

// A locally administered address that depends on the name alone (FNV-1a).
MacAddress MacFor(std::string_view name) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  const std::array<uint8_t, 6> bytes = {0x02,
                                        0xc1,
                                        static_cast<uint8_t>(hash >> 24),
                                        static_cast<uint8_t>(hash >> 16),
                                        static_cast<uint8_t>(hash >> 8),
                                        static_cast<uint8_t>(hash)};
  return MacAddress::FromBytes(bytes.data());
}

constexpr uint64_t kRxL4Checksum = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
constexpr uint64_t kTxL4Checksum = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr uint64_t kTso = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
                          kTxL4Checksum | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

// The functions that hash a protocol's ports, of both families.
constexpr uint64_t kTcpPorts = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
constexpr uint64_t kUdpPorts = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;

// Some devices want more bytes than software uses; these are for longer inputs than ours.
std::vector<uint8_t> KeyFor(const rte_eth_dev_info& info, const Toeplitz::Key& key) {
  std::vector<uint8_t> out(info.hash_key_size != 0 ? info.hash_key_size : key.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = key[i % key.size()];
  return out;
}

PortConfig ConfigFor(const Target& target, const Pmd& pmd, uint16_t id) {
  PortConfig config;
  config.queues = target.options.queues;
  config.rx_descriptors = target.rx_descriptors;
  config.tx_descriptors = target.tx_descriptors;
  config.mtu = target.options.mtu;
  config.rx_offloads = (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | kRxL4Checksum |
                        RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_VLAN_STRIP) &
                       pmd.rx_offloads;
  config.tx_offloads = kTso & pmd.tx_offloads;
  if (pmd.inserts_vlan) config.tx_offloads |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
  config.rx_interrupts = pmd.rx_interrupts;
  config.rss_hash = RTE_ETH_RSS_IP;
  if (target.options.rss_ports.tcp) config.rss_hash |= RTE_ETH_RSS_TCP;
  if (target.options.rss_ports.udp) config.rss_hash |= RTE_ETH_RSS_UDP;
  rte_eth_dev_info info{};
  if (target.options.rss_key && rte_eth_dev_info_get(id, &info) == 0) {
    config.rss_key = KeyFor(info, *target.options.rss_key);
  }
  return config;
}

// Each by itself: a virtual NIC knows no IPv4 checksums, and where it was asked for TCP's, frames
// come without them from its neighbors (virtio 1.1 §5.1.6.4.1).
RxOffloads ReceivedOf(const PortConfig& config) {
  return {.l3_checksum = (config.rx_offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0,
          .l4_checksum = (config.rx_offloads & kRxL4Checksum) != 0,
          .hash = (config.rx_offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0 && config.queues > 1};
}

Capabilities CapabilitiesOf(const PortConfig& config, const rte_eth_dev_info& info) {
  const auto has = [](uint64_t offloads, uint64_t all) { return (offloads & all) == all; };
  Capabilities out;
  const RxOffloads received = ReceivedOf(config);
  out.rx_checksum = received.l3_checksum || received.l4_checksum;
  out.flow_hash = received.hash;
  out.vlan_strip = has(config.rx_offloads, RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
  out.tx_checksum_ipv4 = has(config.tx_offloads, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
  out.tx_checksum_l4 = has(config.tx_offloads, kTxL4Checksum);
  out.copies_references = true;
  out.vlan_insert = has(config.tx_offloads, RTE_ETH_TX_OFFLOAD_VLAN_INSERT);
  out.tso = has(config.tx_offloads, kTso);
  const bool gathers = has(config.tx_offloads, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  const auto bounded = [gathers](uint16_t most) {
    return !gathers ? uint16_t{1} : most == 0 ? kMaxTxSegments : std::min(most, kMaxTxSegments);
  };
  // DPDK counts those of a frame, and those of a packet that becomes many.
  out.max_tx_segments = bounded(info.tx_desc_lim.nb_mtu_seg_max);
  if (out.tso) {
    out.max_tso_size = 65535 - 128;
    out.max_tso_segments = bounded(info.tx_desc_lim.nb_seg_max);
  }
  return out;
}

// Mbufs that a queue's descriptors may hold, and what lies ready between it and the stack.
uint32_t HeldByDevice(uint32_t descriptors, const Pmd& pmd) {
  return std::max(descriptors, pmd.held) + 128;
}

// A large pool serves device and stack; a small one is the stack's alone. A mempool holds best one
// less than a power of two.
uint32_t MbufsFor(const Target& target, const Pmd& pmd) {
  const uint32_t packets = target.options.pool_packets;
  const uint32_t device = HeldByDevice(target.rx_descriptors + target.tx_descriptors, pmd);
  if (packets < 3 * device) return packets + device;
  return std::has_single_bit(packets) ? packets - 1 : packets;
}

// Bytes of an mbuf's room, of which the driver uses enough for a frame.
uint32_t RoomFor(const Target& target, const Pmd& pmd) {
  const auto least = static_cast<uint32_t>(DataRoomFor(target.options.mtu) - Mempool::kHeadroom);
  const uint32_t multiple = pmd.room_multiple;
  return Mempool::kHeadroom + (least + multiple - 1) / multiple * multiple;
}

// A NIC's is that of the driver which DPDK has chosen for it.
const Pmd& PmdOf(const Target& target, uint16_t port) {
  rte_eth_dev_info info{};
  const bool is_nic = target.bus != Bus::kVdev && rte_eth_dev_info_get(port, &info) == 0;
  return FindPmd(is_nic ? info.driver_name : target.request.name);
}

// Counts the devices that are open. While there is none, no thread uses a mempool of theirs: the
// time to look whether a retired one can go.
class OpenDevice {
 public:
  OpenDevice() {
    const std::lock_guard lock(mutex());
    if (count()++ == 0) Mempool::FreeRetired();
  }
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;
  ~OpenDevice() {
    const std::lock_guard lock(mutex());
    if (--count() == 0) Mempool::FreeRetired();
  }

 private:
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }
  static size_t& count() {
    static size_t count = 0;
    return count;
  }
};

class DpdkDevice final : public Device {
 public:
  static absl::StatusOr<std::unique_ptr<Device>> Open(const Target& target) {
    absl::StatusOr<PortOwner> owner = PortOwner::Make(target, FindPmd(target.request.name));
    if (!owner.ok()) return owner.status();
    const Pmd& pmd = PmdOf(target, owner->id());
    auto device = std::unique_ptr<DpdkDevice>(new DpdkDevice(*std::move(owner)));
    Target adjusted = target;
    // What the port makes of the numbers of descriptors; where it says nothing they stay.
    std::ignore = rte_eth_dev_adjust_nb_rx_tx_desc(device->owner_->id(), &adjusted.rx_descriptors,
                                                   &adjusted.tx_descriptors);
    if (absl::Status status = device->SetUp(adjusted, pmd); !status.ok()) return status;
    return device;
  }
  ~DpdkDevice() override {
    queues_.clear();
    port_.reset();
    owner_.reset();
    for (auto& pool : pools_) Mempool::Retire(std::move(pool));
  }

  const DeviceInfo& info() const override { return info_; }
  DeviceQueue& queue(size_t index) override { return *queues_[index]; }
  std::optional<LinkStatus> link() const override {
    const LinkState state = port_->link();
    const bool known = state.megabits != RTE_ETH_SPEED_NUM_UNKNOWN;
    return LinkStatus{.up = state.up,
                      .bits_per_second = known ? uint64_t{state.megabits} * 1000000 : 0};
  }
  // What cannot be read is not known to be so: software steers then.
  std::optional<RssInfo> rss() const override {
    const auto hash = port_->Rss();
    const auto table = port_->Reta();
    if (!hash.ok() || !table.ok() || hash->functions == 0) return std::nullopt;
    const auto has = [&](uint64_t functions) { return (hash->functions & functions) == functions; };
    return RssInfo{
        .key = hash->key, .table = *table, .ports = {.tcp = has(kTcpPorts), .udp = has(kUdpPorts)}};
  }
  bool SetRssTable(std::span<const uint16_t> table) override { return port_->SetReta(table).ok(); }
  void ReadCounters(CounterSink& sink) const override {
    for (const auto& [name, value] : port_->xstats()) sink.OnCounter(name, value);
  }

 private:
  explicit DpdkDevice(PortOwner owner) : owner_(std::move(owner)) {}

  absl::Status MakePools(const Target& target, const Pmd& pmd) {
    MempoolConfig config;
    config.mbufs = MbufsFor(target, pmd);
    config.data_room = RoomFor(target, pmd);
    config.socket = rte_eth_dev_socket_id(owner_->id());
    for (uint16_t i = 0; i < target.options.queues; ++i) {
      absl::StatusOr<std::unique_ptr<Mempool>> pool = Mempool::Create(config);
      if (!pool.ok()) {
        return absl::Status(
            pool.status().code(),
            Cat("dpdk:", target.request.name, ": pool: value '", target.options.pool_packets,
                "' for each of ", target.options.queues, " queues: expected as many as DPDK has ",
                "memory for (without hugepages: eal='-m MEGABYTES'): ",
                std::string(pool.status().message())));
      }
      pools_.push_back(*std::move(pool));
    }
    return absl::OkStatus();
  }

  absl::Status SetUp(const Target& target, const Pmd& pmd) {
    const uint16_t id = owner_->id();
    if (absl::Status status = MakePools(target, pmd); !status.ok()) return status;
    absl::StatusOr<Port> port = Port::Open(id, ConfigFor(target, pmd, id), pools_);
    if (!port.ok()) return port.status();
    port_ = *std::move(port);
    // What the driver has left over in this thread's caches is other threads' too.
    for (const auto& pool : pools_) pool->FlushCache();
    info_.name = Cat("dpdk:", target.request.name);
    info_.mtu = target.options.mtu;
    info_.queues = target.options.queues;
    info_.capabilities = CapabilitiesOf(port_->config(), port_->info());
    if (absl::Status status = SetMac(target, pmd); !status.ok()) return status;
    const uint32_t descriptors = port_->config().rx_descriptors + port_->config().tx_descriptors;
    const uint32_t held = HeldByDevice(descriptors, pmd);
    if (held >= pools_[0]->mbufs()) {
      return absl::InvalidArgumentError(Cat("dpdk:", target.request.name, ": pool: value '",
                                            target.options.pool_packets, "': expected more than ",
                                            held, ", which the device's ", descriptors,
                                            " descriptors of a queue may hold"));
    }
    for (uint16_t i = 0; i < info_.queues; ++i) {
      const QueueConfig config{.packets = pools_[i]->mbufs() - held,
                               .rx = ReceivedOf(port_->config()),
                               .nap = pmd.nap,
                               .rx_interrupts = port_->config().rx_interrupts,
                               .link_wants_asking = pmd.link_wants_asking};
      queues_.push_back(std::make_unique<DpdkQueue>(id, i, *pools_[i], info_, config));
    }
    return absl::OkStatus();
  }

  // The address asked for, else the port's own, else one made of the name. A port that cannot
  // change its address hears everything instead.
  absl::Status SetMac(const Target& target, const Pmd& pmd) {
    const MacAddress own = port_->mac();
    const bool has_own = own != MacAddress() && !own.IsMulticast();
    if (!target.options.mac || pmd.mac_is_argument) {
      info_.mac = has_own ? own : MacFor(port_->name());
    } else {
      info_.mac = *target.options.mac;
    }
    if (info_.mac == own) return absl::OkStatus();
    absl::Status status = port_->SetMac(info_.mac);
    if (absl::IsUnimplemented(status)) status = port_->SetPromiscuous(true);
    return absl::IsUnimplemented(status) ? absl::OkStatus() : status;
  }

  OpenDevice open_;
  std::vector<std::unique_ptr<Mempool>> pools_;
  std::optional<PortOwner> owner_;
  std::optional<Port> port_;
  std::vector<std::unique_ptr<DpdkQueue>> queues_;
  DeviceInfo info_;
};

}  // namespace
}  // namespace dpdk

absl::StatusOr<std::unique_ptr<Device>> OpenDpdk(const DeviceUri& uri, const OpenOptions& options) {
  const absl::StatusOr<dpdk::Target> target = dpdk::ReadUri(uri, options);
  if (!target.ok()) return target.status();
  if (absl::Status status = dpdk::NeedEal(*target); !status.ok()) return status;
  return dpdk::DpdkDevice::Open(*target);
}

namespace {
const RegisterDevice kRegister(
    "dpdk",
    "dpdk:NAME[,queues=1][,mtu=1500][,mac=MAC][,pool=8192][,rxd=1024][,txd=1024][,eal=ARGS]"
    "[,key=value]...: the driver's own options",
    &OpenDpdk);
}  // namespace

}  // namespace corelane::driver
