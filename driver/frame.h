// What every device does with a packet's head at its two edges: whether a packet can be sent at
// all, and what is known of it when it has been received.

#ifndef CORELANE_DRIVER_FRAME_H_
#define CORELANE_DRIVER_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/packet.h"
#include "driver/device.h"

namespace corelane::driver {

inline constexpr uint32_t kEthernetHeader = 14;
inline constexpr uint32_t kVlanTag = 4;
// A TCP/IP packet, headers included, is at most this long even with segmentation offload.
inline constexpr uint32_t kMaxTsoFrame = kEthernetHeader + kVlanTag + 65535;

// What a device can ever send.
struct TxLimits {
  uint32_t max_frame = 0;  // bytes of a frame without a VLAN tag
  uint32_t max_segments = 1;
  uint32_t max_tso_segments = 1;  // of a packet that is cut
  uint32_t max_tso_size = 0;      // 0: no segmentation offload

  TxLimits() = default;
  explicit TxLimits(const DeviceInfo& info)
      : max_frame(info.mtu + kEthernetHeader),
        max_segments(info.capabilities.MaxSegments(false)),
        max_tso_segments(info.capabilities.MaxSegments(true)),
        max_tso_size(info.capabilities.tso ? info.capabilities.max_tso_size : 0) {}

  uint32_t MaxSegments(const PacketHead& head) const {
    return head.segment_size != 0 ? max_tso_segments : max_segments;
  }
};

namespace internal {

// CanSend() for what is not an ordinary frame: a VLAN tag in the bytes, or a segment size.
inline bool CanSendUnusual(const PacketHead& head, const TxLimits& limits) {
  if (head.segment_size == 0) {
    // A tag in the frame comes on top of the MTU (IEEE 802.3 §3.2.7).
    return head.packet_length <= limits.max_frame + kVlanTag && head.length >= kEthernetHeader &&
           head.data[12] == 0x81 && head.data[13] == 0x00;
  }
  return limits.max_tso_size != 0 && head.payload_offset >= kEthernetHeader &&
         head.payload_offset < head.packet_length && head.packet_length <= kMaxTsoFrame &&
         head.packet_length - head.payload_offset <= limits.max_tso_size &&
         uint32_t{head.payload_offset} + head.segment_size <= limits.max_frame + kVlanTag;
}

}  // namespace internal

// Whether the length and the segment size of a packet are possible for the device; the number of
// segments is the caller's to look at, since it walks the chain anyway.
inline bool CanSend(const PacketHead& head, const TxLimits& limits) {
  if (head.packet_length < kEthernetHeader) return false;
  if (head.segment_size == 0 && head.packet_length <= limits.max_frame) [[likely]] {
    return true;
  }
  return internal::CanSendUnusual(head, limits);
}

// Turns the metadata of a packet as it was sent into what a receiver at the other end of an
// in-process wire may know. Only what the sender left to the device (kPartial) was done by the
// device, and is kGood; what the sender completed itself is unchecked. Data sums are the sender's
// knowledge and must not reach the receiver: the caller clears those of further segments.
inline void SentToReceived(PacketHead& head, bool rx_checksum) {
  const auto received = [rx_checksum](ChecksumState sent) {
    if (!rx_checksum) return ChecksumState::kNone;
    if (sent == ChecksumState::kPartial) return ChecksumState::kGood;
    return sent == ChecksumState::kBad ? ChecksumState::kBad : ChecksumState::kNone;
  };
  head.flags = 0;
  head.ecn = 0;
  head.l3_checksum = received(head.l3_checksum);
  head.l4_checksum = received(head.l4_checksum);
  head.segment_count = 1;
  if (head.segment_size != 0) [[unlikely]] {
    const uint32_t payload = head.packet_length - head.payload_offset;
    head.segment_count =
        static_cast<uint16_t>((payload + head.segment_size - 1) / head.segment_size);
    if (head.segment_count == 1) head.segment_size = 0;
  }
}

// Copies the bytes and the metadata of `packet` into packets of `pool`, chained where one room is
// too small. Null: the pool is exhausted.
PacketBuf CopyPacket(const PacketHead& packet, PacketPool& pool);

// Writes `bytes` into packets of `pool`. Null: the pool is exhausted.
PacketBuf PacketFromBytes(std::span<const uint8_t> bytes, PacketPool& pool);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_FRAME_H_
