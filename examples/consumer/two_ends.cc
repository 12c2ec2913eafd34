// Opens both ends of an in-process wire by URI, sends a frame from one and receives it at the
// other.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "core/packet.h"
#include "core/time.h"
#include "driver/device.h"
#include "driver/registry.h"

using corelane::Instant;
using corelane::PacketBuf;
using corelane::driver::Device;
using corelane::driver::OpenDevice;

namespace {

constexpr std::string_view kPayload = "hello over the ring";

// An Ethernet frame with the payload, in a packet of the device's own; a null one when it has none.
PacketBuf MakeFrame(Device& from, const Device& to) {
  std::array<PacketBuf, 1> packets;
  if (from.queue(0).AllocateBurst(packets) != 1) return PacketBuf();
  uint8_t* frame = packets[0].Append(14 + kPayload.size());
  to.info().mac.CopyTo(frame);
  from.info().mac.CopyTo(frame + 6);
  frame[12] = 0x88;  // IEEE 802 local experimental EtherType 1
  frame[13] = 0xb5;
  std::ranges::copy(kPayload, frame + 14);
  return std::move(packets[0]);
}

}  // namespace

int main() {
  auto a = OpenDevice("ring:wire");
  auto b = OpenDevice("ring:wire");
  for (const auto* end : {&a, &b}) {
    if (!end->ok()) {
      std::fprintf(stderr, "two_ends: %s\n", end->status().ToString().c_str());
      return 1;
    }
  }
  const Instant now{};
  std::array<PacketBuf, 1> burst = {MakeFrame(**a, **b)};
  if (!burst[0] || (*a)->queue(0).TransmitBurst(now, burst) != 1 ||
      (*b)->queue(0).ReceiveBurst(now, burst) != 1) {
    std::fprintf(stderr, "two_ends: the frame did not cross\n");
    return 1;
  }
  const std::string_view text(reinterpret_cast<const char*>(burst[0].data()), burst[0].size());
  std::printf("%.*s\n", static_cast<int>(text.size() - 14), text.data() + 14);
  burst[0].Reset();
  return text.substr(14) == kPayload ? 0 : 1;
}
