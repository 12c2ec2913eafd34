#include "driver/ring/ring.h"

#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "driver/frame.h"
#include "driver/ring/wire.h"

namespace corelane::driver {
namespace internal {
namespace {

// A locally administered address that depends on nothing but the name and the end: 02, four bytes
// of the name's FNV-1a hash, the end.
MacAddress RingMac(std::string_view name, size_t end) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  const auto byte = [hash](int shift) { return static_cast<uint8_t>(hash >> shift); };
  return MacAddress(
      std::array<uint8_t, 6>{2, byte(24), byte(16), byte(8), byte(0), static_cast<uint8_t>(end)});
}

}  // namespace

DeviceInfo RingInfo(const RingOptions& options, size_t end) {
  DeviceInfo info;
  info.name = "ring:" + options.name;
  info.mac = RingMac(options.name, end);
  info.mtu = options.mtu;
  info.queues = options.queues;
  Capabilities& has = info.capabilities;
  has.tso = has.lro = options.segmentation_offload;
  has.tx_checksum_ipv4 = has.tx_checksum_l4 = has.rx_checksum =
      options.checksum_offload || options.segmentation_offload;
  has.max_tx_segments = options.max_segments;
  has.max_tso_size = options.segmentation_offload ? 65535 - 120 : 0;
  return info;
}

namespace {

// One end of a wire. The name is given back, where there is one, when the end goes.
class RingDevice final : public Device {
 public:
  RingDevice(std::shared_ptr<Wire> wire, DeviceInfo info, size_t end,
             std::shared_ptr<void> name_lease)
      : name_lease_(std::move(name_lease)), info_(std::move(info)) {
    for (size_t i = 0; i < info_.queues; ++i) queues_.push_back(wire->MakeQueue(end, i));
  }

  const DeviceInfo& info() const override { return info_; }
  DeviceQueue& queue(size_t index) override { return *queues_.at(index); }

 private:
  std::shared_ptr<void> name_lease_;
  DeviceInfo info_;
  std::vector<std::unique_ptr<DeviceQueue>> queues_;
};

std::shared_ptr<Wire> MakeWire(const RingOptions& options) {
  CL_CHECK(options.depth >= 1 && options.queues >= 1 && options.max_segments >= 1);
  CL_CHECK(options.pool_packets >= 1 && options.mtu >= 68);
  return options.threads ? MakeThreadedWire(options) : MakeLocalWire(options);
}

// A wire that was opened by name, and which of its ends are in use.
struct NamedWire {
  RingOptions options;
  std::shared_ptr<Wire> wire;
  bool used[2] = {false, false};
};

struct WireNames {
  std::mutex mutex;
  std::map<std::string, NamedWire> wires;
};

WireNames& Names() {
  static auto* names = new WireNames;
  return *names;
}

// What gives an end's name back when its device goes.
std::shared_ptr<void> Lease(const std::string& name, size_t end) {
  return std::shared_ptr<void>(nullptr, [name, end](void*) {
    std::shared_ptr<Wire> last;  // goes when the lock is free again
    const std::lock_guard lock(Names().mutex);
    const auto it = Names().wires.find(name);
    it->second.used[end] = false;
    if (it->second.used[1 - end]) return;
    last = std::move(it->second.wire);
    Names().wires.erase(it);
  });
}

// The options as the URI gives them; what it leaves out comes from `standard`.
absl::StatusOr<RingOptions> ParseRing(const DeviceUri& uri, const RingOptions& standard) {
  OptionReader reader(uri);
  OpenOptions common;
  common.queues = standard.queues;
  common.mtu = standard.mtu;
  common.pool_packets = standard.pool_packets;
  common = TakeCommonOptions(reader, common, 64, 65535 - 18);
  RingOptions ring = standard;
  ring.name = uri.target;
  ring.queues = common.queues;
  ring.mtu = common.mtu;
  ring.pool_packets = common.pool_packets;
  ring.depth = static_cast<uint32_t>(reader.Unsigned("depth", standard.depth, 1, 1 << 20));
  ring.max_segments =
      static_cast<uint16_t>(reader.Unsigned("segments", standard.max_segments, 1, 65535));
  ring.threads = reader.Bool("threads", standard.threads);
  ring.checksum_offload = reader.Bool("csum", standard.checksum_offload);
  ring.segmentation_offload = reader.Bool("tso", standard.segmentation_offload);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  if (uri.target.empty()) {
    return absl::InvalidArgumentError("\"" + uri.ToString() +
                                      "\": the wire has no name; write ring:NAME, such as ring:a");
  }
  return ring;
}

// The option by which a second opener contradicts the first, for people.
std::string Difference(const RingOptions& first, const RingOptions& second) {
  const auto differs = [](std::string_view key, uint64_t a, uint64_t b) {
    return std::string(key) + "=" + std::to_string(b) +
           " contradicts the other end, which was opened with " + std::string(key) + "=" +
           std::to_string(a) + "; name the same value or leave it out";
  };
  if (first.depth != second.depth) return differs("depth", first.depth, second.depth);
  if (first.mtu != second.mtu) return differs("mtu", first.mtu, second.mtu);
  if (first.queues != second.queues) return differs("queues", first.queues, second.queues);
  if (first.threads != second.threads) return differs("threads", first.threads, second.threads);
  if (first.pool_packets != second.pool_packets) {
    return differs("pool", first.pool_packets, second.pool_packets);
  }
  if (first.max_segments != second.max_segments) {
    return differs("segments", first.max_segments, second.max_segments);
  }
  if (first.checksum_offload != second.checksum_offload) {
    return differs("csum", first.checksum_offload, second.checksum_offload);
  }
  return differs("tso", first.segmentation_offload, second.segmentation_offload);
}

}  // namespace
}  // namespace internal

RingPair MakeRingPair(const RingOptions& options) {
  using namespace internal;
  const std::shared_ptr<Wire> wire = MakeWire(options);
  RingPair pair;
  pair.a = std::make_unique<RingDevice>(wire, RingInfo(options, 0), 0, nullptr);
  pair.b = std::make_unique<RingDevice>(wire, RingInfo(options, 1), 1, nullptr);
  return pair;
}

absl::StatusOr<std::unique_ptr<Device>> OpenRing(const DeviceUri& uri, const OpenOptions& options) {
  using namespace internal;
  RingOptions standard;
  standard.queues = options.queues;
  standard.mtu = options.mtu;
  standard.pool_packets = options.pool_packets;

  const std::lock_guard lock(Names().mutex);
  const auto found = Names().wires.find(uri.target);
  if (found != Names().wires.end()) standard = found->second.options;
  absl::StatusOr<RingOptions> ring = ParseRing(uri, standard);
  if (!ring.ok()) return ring.status();
  const std::string quoted = "\"" + uri.ToString() + "\": ";
  if (found == Names().wires.end()) {
    NamedWire named{.options = *ring, .wire = MakeWire(*ring)};
    Names().wires.emplace(uri.target, std::move(named));
  } else if (found->second.used[0] && found->second.used[1]) {
    return absl::AlreadyExistsError(quoted + "both ends of wire \"" + uri.target +
                                    "\" are open; choose another name, or close one end first");
  } else if (*ring != found->second.options) {
    return absl::InvalidArgumentError(quoted + Difference(found->second.options, *ring));
  }
  NamedWire& named = Names().wires[uri.target];
  const size_t end = named.used[0] ? 1 : 0;
  named.used[end] = true;
  DeviceInfo info = RingInfo(*ring, end);
  OptionReader reader(uri);
  if (const auto mac = reader.Mac("mac", options.mac)) info.mac = *mac;
  return std::make_unique<RingDevice>(named.wire, std::move(info), end, Lease(uri.target, end));
}

namespace {

const RegisterDevice kRegister("ring",
                               "ring:NAME[,depth=N][,mtu=N][,queues=N][,pool=N][,threads=1]"
                               "[,csum=1][,tso=1][,segments=N][,mac=MAC]",
                               &OpenRing);

}  // namespace
}  // namespace corelane::driver
