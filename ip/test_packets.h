// Packets for tests of this folder.

#ifndef CORELANE_IP_TEST_PACKETS_H_
#define CORELANE_IP_TEST_PACKETS_H_

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

#include "core/packet.h"
#include "ip/ingress.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::ip {

inline PacketBuf MakePacket(PacketPool& pool, std::span<const uint8_t> bytes) {
  PacketBuf packet = pool.Allocate();
  if (!bytes.empty()) std::memcpy(packet.Append(bytes.size()), bytes.data(), bytes.size());
  return packet;
}

inline std::vector<uint8_t> Bytes(const PacketBuf& packet) {
  std::vector<uint8_t> bytes(packet.packet_size());
  packet.CopyOut(0, bytes);
  return bytes;
}

// n bytes that depend on their position.
inline std::vector<uint8_t> Pattern(size_t n, size_t offset = 0) {
  std::vector<uint8_t> bytes(n);
  for (size_t i = 0; i < n; ++i)
    bytes[i] = static_cast<uint8_t>((offset + i) * 7 + (offset + i) / 256);
  return bytes;
}

// The header with its total length set, and the payload.
inline std::vector<uint8_t> Ipv4Bytes(Ipv4Header header, std::span<const uint8_t> payload) {
  header.total_length = static_cast<uint16_t>(Ipv4Header::length() + payload.size());
  std::vector<uint8_t> bytes(header.total_length);
  header.Emit(bytes.data());
  std::copy(payload.begin(), payload.end(), bytes.begin() + Ipv4Header::length());
  return bytes;
}

inline std::vector<uint8_t> Ipv6Bytes(Ipv6Header header, std::span<const uint8_t> payload) {
  header.payload_length = static_cast<uint16_t>(payload.size());
  std::vector<uint8_t> bytes(Ipv6Header::length() + payload.size());
  header.Emit(bytes.data());
  std::copy(payload.begin(), payload.end(), bytes.begin() + Ipv6Header::length());
  return bytes;
}

inline DropReason Parse(const PacketBuf& packet, IpIngress& ip) {
  return packet.data()[0] >> 4 == 6 ? ParseIpv6(packet.bytes(), packet.packet_size(), ip)
                                    : ParseIpv4(packet.bytes(), packet.packet_size(), false, ip);
}

inline const Ipv6Address kHostA6{0x2001'0db8'0000'0000, 0xa};
inline const Ipv6Address kHostB6{0x2001'0db8'0000'0000, 0xb};
inline constexpr Ipv4Address kHostA4{10, 0, 0, 1};
inline constexpr Ipv4Address kHostB4{10, 0, 0, 2};

}  // namespace corelane::ip

#endif  // CORELANE_IP_TEST_PACKETS_H_
