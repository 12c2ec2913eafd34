#include "udp/udp_datagram.h"

#include <cstring>

#include "core/checksum.h"
#include "ip/protocol.h"
#include "udp/udp_header.h"

namespace corelane::udp {
namespace {

using ip::DropReason;

constexpr size_t kMaxPayloadV4 = 65535 - 20 - kUdpHeaderLength;
constexpr size_t kMaxPayloadV6 = 65535 - kUdpHeaderLength;
constexpr size_t kChecksumOffset = 6;

}  // namespace

DropReason ParseUdp(const PacketBuf& packet, const ip::IpIngress& ip, UdpIngress& udp) {
  if (packet.size() < ip.header_length || packet.packet_size() < ip.packet_length())
    return DropReason::kUdpMalformed;
  const auto view =
      UdpHeaderView::Parse(packet.bytes().subspan(ip.header_length), ip.payload_length);
  if (!view) return DropReason::kUdpMalformed;
  if (!view->has_checksum()) {
    if (!ip.is_v4()) return DropReason::kUdpNoChecksum;  // RFC 8200 §8.1
  } else if (packet->l4_checksum == ChecksumState::kBad) {
    return DropReason::kUdpBadChecksum;
  } else if (packet->l4_checksum != ChecksumState::kGood) {
    const Sum16 sum = PseudoHeaderSum(ip.src, ip.dst, ip::protocol::kUdp, view->length()) +
                      SumPacket(packet, ip.header_length, view->length());
    if (!sum.IsValid()) return DropReason::kUdpBadChecksum;
  }
  // RFC 768: a source port of 0 means that no answer is expected; a destination port is never 0.
  if (view->dst_port() == 0) return DropReason::kUdpMalformed;
  udp.src = {ip.src, view->src_port()};
  udp.dst = {ip.dst, view->dst_port()};
  udp.data_offset = static_cast<uint32_t>(ip.header_length + kUdpHeaderLength);
  udp.data_length = static_cast<uint32_t>(view->length() - kUdpHeaderLength);
  return DropReason::kNone;
}

bool BuildDatagram(PacketBuf& packet, const Endpoint& src, const Endpoint& dst,
                   UdpChecksum checksum) {
  const bool v4 = dst.address.is_v4();
  const size_t payload = packet.packet_size();
  if (payload > (v4 ? kMaxPayloadV4 : kMaxPayloadV6)) return false;
  const auto length = static_cast<uint16_t>(payload + kUdpHeaderLength);
  const bool none = checksum == UdpChecksum::kNone && v4;
  Sum16 data_sum;
  if (checksum != UdpChecksum::kPartial && !none) data_sum = SumPacket(packet, 0, payload);
  packet->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);

  uint8_t* header = packet.Prepend(kUdpHeaderLength);
  UdpHeader{src.port, dst.port, length, 0}.Emit(header);
  packet->l4_protocol = ip::protocol::kUdp;
  packet->l4_checksum = ChecksumState::kNone;
  if (none) return true;
  const Sum16 pseudo = PseudoHeaderSum(src.address, dst.address, ip::protocol::kUdp, length);
  if (checksum == UdpChecksum::kPartial) {
    const uint16_t raw = pseudo.raw();
    std::memcpy(header + kChecksumOffset, &raw, 2);
    packet->l4_checksum = ChecksumState::kPartial;
    return true;
  }
  const Sum16 sum = pseudo + SumBytes({header, kUdpHeaderLength}) + data_sum;
  sum.StoreComplement(header + kChecksumOffset);
  // RFC 768: a checksum that comes out as zero is sent as all ones.
  if (sum.IsValid()) StoreBe16(header + kChecksumOffset, 0xffff);
  return true;
}

}  // namespace corelane::udp
