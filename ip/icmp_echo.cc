#include "ip/icmp_echo.h"

#include <cstring>

#include "core/checksum.h"
#include "ip/icmpv4.h"
#include "ip/icmpv6.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::ip {
namespace {

Sum16 SumOfField(const uint8_t* field) {
  uint16_t raw;
  std::memcpy(&raw, field, 2);
  return Sum16::FromRaw(static_cast<uint16_t>(~raw));
}

}  // namespace

bool HasValidIcmpChecksum(const PacketBuf& packet, const IpIngress& ip) {
  if (packet->l4_checksum == ChecksumState::kGood) return true;
  if (packet->l4_checksum == ChecksumState::kBad || ip.payload_length < Icmpv4View::kHeaderLength ||
      packet.packet_size() < ip.packet_length())
    return false;
  Sum16 sum = SumPacket(packet, ip.header_length, ip.payload_length);
  if (!ip.is_v4()) sum += PseudoHeaderSum(ip.src, ip.dst, protocol::kIcmpv6, ip.payload_length);
  return sum.IsValid();
}

bool MakeEchoReply(PacketBuf& packet, const IpIngress& ip, const IpAddress& source,
                   PacketPool& pool) {
  const bool v4 = ip.is_v4();
  const uint8_t request = v4 ? icmpv4_type::kEchoRequest : icmpv6_type::kEchoRequest;
  const uint8_t reply = v4 ? icmpv4_type::kEchoReply : icmpv6_type::kEchoReply;
  const size_t header_length = v4 ? Ipv4Header::length() : Ipv6Header::length();
  if (ip.payload_length < Icmpv4View::kHeaderLength || packet.packet_size() < ip.packet_length())
    return false;
  uint8_t type_and_code[2];
  packet.CopyOut(ip.header_length, type_and_code);
  if (type_and_code[0] != request || type_and_code[1] != 0) return false;
  if (packet->block != nullptr && !packet.MakeWritable(pool)) return false;
  if (!packet.PullUp(size_t{ip.header_length} + Icmpv4View::kHeaderLength)) return false;

  packet.TrimBack(packet.packet_size() - ip.packet_length());
  packet.TrimFront(ip.header_length - header_length);
  uint8_t* p = packet.data();
  uint8_t* message = p + header_length;
  Sum16 sum = SumOfField(message + 2);
  sum -= Sum16::OfWord(static_cast<uint16_t>(request << 8));
  sum += Sum16::OfWord(static_cast<uint16_t>(reply << 8));
  message[0] = reply;
  if (v4) {
    Ipv4Header header{.src = source.v4(), .dst = ip.src.v4(), .protocol = protocol::kIcmp};
    header.dscp = ip.dscp;
    header.total_length = static_cast<uint16_t>(packet.packet_size());
    // Unique on the way back since the asker made it so on the way here (RFC 6864 §4.3).
    header.identification = static_cast<uint16_t>(ip.identification);
    header.Emit(p);
  } else {
    sum -= PseudoHeaderSum(ip.src, ip.dst, protocol::kIcmpv6, ip.payload_length);
    sum += PseudoHeaderSum(source, ip.src, protocol::kIcmpv6, ip.payload_length);
    Ipv6Header header{.src = source.v6(), .dst = ip.src.v6(), .next_header = protocol::kIcmpv6};
    header.dscp = ip.dscp;
    header.payload_length = static_cast<uint16_t>(ip.payload_length);
    header.Emit(p);
  }
  // Two zeros, and a difference of sums cannot tell them apart: a message of nothing but zeros sums
  // to 0, every other one to 0xffff (RFC 1624 §3).
  if (sum.raw() == 0 || sum.raw() == 0xffff) {
    std::memset(message + 2, 0, 2);
    sum = SumPacket(packet, header_length, ip.payload_length);
    if (!v4) sum += PseudoHeaderSum(source, ip.src, protocol::kIcmpv6, ip.payload_length);
  }
  sum.StoreComplement(message + 2);
  // RFC 1624 §3: a difference cannot tell the two zeros apart. All ones is good in either case; a
  // reply that is zero throughout (no identifier, no data) must not have 0.
  if (LoadBe16(message + 2) == 0) StoreBe16(message + 2, 0xffff);
  packet->flags = 0;
  packet->ecn = 0;
  packet->l3_checksum = ChecksumState::kNone;
  packet->l4_checksum = ChecksumState::kNone;
  return true;
}

}  // namespace corelane::ip
