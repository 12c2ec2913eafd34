#include "driver/registry.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/check.h"
#include "core/packet.h"

namespace corelane::driver {
namespace {

struct Plugin {
  std::string_view usage;
  OpenFunction open;
};

// Written by static initialisers only, so never while anyone reads it.
std::map<std::string_view, Plugin>& Plugins() {
  static auto* plugins = new std::map<std::string_view, Plugin>;
  return *plugins;
}

}  // namespace

RegisterDevice::RegisterDevice(std::string_view scheme, std::string_view usage, OpenFunction open) {
  const bool inserted = Plugins().emplace(scheme, Plugin{usage, open}).second;
  CL_CHECK(inserted);
}

absl::StatusOr<std::unique_ptr<Device>> OpenDevice(std::string_view text,
                                                   const OpenOptions& options) {
  absl::StatusOr<DeviceUri> uri = DeviceUri::Parse(text);
  if (!uri.ok()) return uri.status();
  const auto plugin = Plugins().find(uri->scheme);
  if (plugin == Plugins().end()) {
    std::string known;
    for (const auto& [scheme, unused] : Plugins()) {
      known += (known.empty() ? "" : ", ") + std::string(scheme);
    }
    return absl::NotFoundError("\"" + uri->ToString() + "\": scheme \"" + uri->scheme +
                               "\" is unknown; this program " +
                               (known.empty() ? "has no device linked in" : "knows: " + known));
  }
  return plugin->second.open(*uri, options);
}

std::vector<std::string> DeviceUsages() {
  std::vector<std::string> usages;
  for (const auto& [scheme, plugin] : Plugins()) usages.emplace_back(plugin.usage);
  return usages;
}

OpenOptions TakeCommonOptions(OptionReader& reader, const OpenOptions& standard,
                              uint16_t max_queues, uint16_t max_mtu) {
  // RFC 8200 §5: no link of IPv6 has an MTU below 1280; IPv4 alone needs 68 (RFC 791).
  constexpr uint16_t kMinMtu = 68;
  OpenOptions taken = standard;
  taken.queues = static_cast<uint16_t>(reader.Unsigned("queues", standard.queues, 1, max_queues));
  taken.mtu = static_cast<uint16_t>(reader.Unsigned("mtu", standard.mtu, kMinMtu, max_mtu));
  taken.pool_packets =
      static_cast<uint32_t>(reader.Unsigned("pool", standard.pool_packets, 16, 1 << 24));
  taken.mac = reader.Mac("mac", standard.mac);
  if (taken.queues > max_queues) {
    reader.Refuse("queues", std::to_string(taken.queues),
                  "at most " + std::to_string(max_queues) + " on this device");
  }
  if (taken.mtu < kMinMtu || taken.mtu > max_mtu) {
    reader.Refuse("mtu", std::to_string(taken.mtu),
                  "from " + std::to_string(kMinMtu) + " to " + std::to_string(max_mtu));
  }
  return taken;
}

size_t DataRoomFor(uint16_t mtu) {
  constexpr size_t kEthernetAndVlan = 18;
  const size_t needed = PacketPool::kDefaultHeadroom + mtu + kEthernetAndVlan;
  return std::max(PacketPool::kDefaultDataRoom, (needed + 63) / 64 * 64);
}

}  // namespace corelane::driver
