// The virtio-net header that stands before a frame on a TAP descriptor (virtio 1.2 §5.1.6), and
// what of a packet's head it carries. Private to the plugin.
//
//   0      1       2          4          6             8               10
//   | flags| gso   | hdr_len  | gso_size | csum_start  | csum_offset   |   in the machine's order

#ifndef CORELANE_DRIVER_TAP_VNET_HEADER_H_
#define CORELANE_DRIVER_TAP_VNET_HEADER_H_

#include <cstdint>

#include "core/packet.h"

namespace corelane::driver::internal {

// The kernel's own header does not compile as C++.
struct VnetHeader {
  static constexpr uint8_t kNeedsChecksum = 1;  // flags
  static constexpr uint8_t kDataValid = 2;
  static constexpr uint8_t kGsoNone = 0;  // gso_type
  static constexpr uint8_t kGsoTcpV4 = 1;
  static constexpr uint8_t kGsoTcpV6 = 4;
  static constexpr uint8_t kGsoEcn = 0x80;  // on top of the type

  uint8_t flags = 0;
  uint8_t gso_type = kGsoNone;
  uint16_t hdr_len = 0;   // bytes of all headers
  uint16_t gso_size = 0;  // payload bytes of one frame
  uint16_t csum_start = 0;
  uint16_t csum_offset = 0;  // from csum_start
};
static_assert(sizeof(VnetHeader) == 10);

// For sending: what is left to the kernel. Completes an IPv4 header checksum that is marked
// kPartial in the packet itself, since the kernel does not.
VnetHeader ToVnetHeader(PacketBuf& packet);

// For receiving: sets checksum state, segment size and count. False: the header contradicts the
// packet, which is to be dropped.
bool ApplyVnetHeader(const VnetHeader& header, PacketBuf& packet);

}  // namespace corelane::driver::internal

#endif  // CORELANE_DRIVER_TAP_VNET_HEADER_H_
