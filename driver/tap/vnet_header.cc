#include "driver/tap/vnet_header.h"

#include <array>
#include <cstring>

#include "core/bytes.h"
#include "core/checksum.h"

namespace corelane::driver::internal {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kCwr = 0x80;  // TCP flag (RFC 3168 §6.1.2)

// Where in its header a transport protocol keeps the checksum.
uint16_t ChecksumOffset(uint8_t protocol) {
  if (protocol == kTcp) return 16;
  if (protocol == kUdp) return 6;
  return 2;  // ICMP and ICMPv6
}

void CompleteIpv4Checksum(PacketBuf& packet) {
  constexpr size_t kMinHeader = 20;
  if (packet->block != nullptr || packet.size() < packet->l3_offset + kMinHeader) return;
  uint8_t* header = packet.data() + packet->l3_offset;
  const size_t length = size_t{header[0]} % 16 * 4;
  if (length < kMinHeader || packet.size() < packet->l3_offset + length) return;
  StoreBe16(header + 10, 0);
  SumBytes({header, length}).StoreComplement(header + 10);
  packet->l3_checksum = ChecksumState::kGood;
}

// The byte at an offset of the packet, or 0 behind its end.
uint8_t ByteAt(const PacketBuf& packet, size_t offset) {
  uint8_t byte = 0;
  if (offset < packet.packet_size()) packet.CopyOut(offset, {&byte, 1});
  return byte;
}

}  // namespace

VnetHeader ToVnetHeader(PacketBuf& packet) {
  VnetHeader header{};
  PacketHead& head = *packet.head();
  if (head.l3_checksum == ChecksumState::kPartial) CompleteIpv4Checksum(packet);
  if (head.l4_checksum == ChecksumState::kPartial) {
    header.flags = VnetHeader::kNeedsChecksum;
    header.csum_start = head.l4_offset;
    header.csum_offset = ChecksumOffset(head.l4_protocol);
  }
  // A packet that fits one frame anyway is no GSO packet to the kernel.
  if (head.segment_size == 0 || head.packet_length - head.payload_offset <= head.segment_size) {
    return header;
  }
  const bool v6 = ByteAt(packet, head.l3_offset) >> 4 == 6;
  header.gso_type = v6 ? VnetHeader::kGsoTcpV6 : VnetHeader::kGsoTcpV4;
  if ((ByteAt(packet, head.l4_offset + size_t{13}) & kCwr) != 0) {
    header.gso_type |= VnetHeader::kGsoEcn;
  }
  header.gso_size = head.segment_size;
  header.hdr_len = head.payload_offset;
  return header;
}

bool ApplyVnetHeader(const VnetHeader& header, PacketBuf& packet) {
  if ((header.flags & (VnetHeader::kNeedsChecksum | VnetHeader::kDataValid)) != 0) {
    // NEEDS_CSUM: the bytes never left this machine, and their checksum was never completed.
    packet->l4_checksum = ChecksumState::kGood;
  }
  const uint8_t type = header.gso_type & static_cast<uint8_t>(~VnetHeader::kGsoEcn);
  if (type == VnetHeader::kGsoNone) return true;
  if (type != VnetHeader::kGsoTcpV4 && type != VnetHeader::kGsoTcpV6) return false;
  if (header.gso_size == 0 || (header.flags & VnetHeader::kNeedsChecksum) == 0) return false;
  const size_t tcp = header.csum_start;
  const size_t payload_offset = tcp + size_t{ByteAt(packet, tcp + 12)} / 16 * 4;
  if (payload_offset < tcp + 20 || payload_offset >= packet.packet_size()) return false;
  const size_t payload = packet.packet_size() - payload_offset;
  const size_t count = (payload + header.gso_size - 1) / header.gso_size;
  if (count < 2) return true;
  packet->segment_size = header.gso_size;
  packet->segment_count = static_cast<uint16_t>(count);
  return true;
}

}  // namespace corelane::driver::internal
