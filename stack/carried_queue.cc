#include "stack/carried_queue.h"

#include "driver/registry.h"

namespace corelane::stack {
namespace {

// The carrier copies a frame into one of the device's packets anyway, so any number of pieces will
// do; what is longer than a frame would not fit.
driver::DeviceInfo InfoOf(driver::DeviceInfo info) {
  constexpr uint16_t kSegments = 64;
  info.capabilities.tso = false;
  info.capabilities.max_tso_size = 0;
  info.capabilities.max_tx_segments = kSegments;
  return info;
}

}  // namespace

CarriedQueue::CarriedQueue(Lane& lane, const driver::DeviceInfo& device, uint16_t interface,
                           size_t packets)
    : lane_(lane),
      info_(InfoOf(device)),
      limits_(info_),
      interface_(interface),
      pool_(new PacketPool(packets, driver::DataRoomFor(info_.mtu))) {}

size_t CarriedQueue::TransmitBurst(Instant, std::span<PacketBuf> in) {
  size_t taken = 0;
  while (taken < in.size()) {
    PacketBuf& packet = in[taken];
    const size_t size = packet.packet_size();
    if (!driver::CanSend(*packet.head(), limits_)) {
      ++stats_.tx_dropped;
      packet.Reset();
    } else if (lane_.SendByCarrier(interface_, in.subspan(taken, 1)) == 1) {
      ++stats_.tx_packets;
      stats_.tx_bytes += size;
    } else {
      ++stats_.tx_full;
      break;
    }
    ++taken;
  }
  return taken;
}

}  // namespace corelane::stack
