// Builders of whole Ethernet frames, one line each.
//
//   const Route route = {.src_mac = peer, .dst_mac = us, .src = peer_ip, .dst = our_ip};
//   Bytes syn = Tcp(route, 4000, 80).Flags(tcp::kSyn).Seq(100).Mss(1460).Frame();
//   Bytes data = Tcp(route, 4000, 80).Seq(101).Ack(1).Payload("hello").Frame();
//
// Checksums and lengths are right unless a field says otherwise: a test of malformed input states
// what is wrong and nothing else.

#ifndef CORELANE_TESTING_SEGMENT_BUILDER_H_
#define CORELANE_TESTING_SEGMENT_BUILDER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "core/mac_address.h"
#include "tcp/segment.h"

namespace corelane::testing {

using Bytes = std::vector<uint8_t>;

// The byte at position `at` of the stream `stream`, and runs of them: what tests send, so that
// every byte tells where it belongs.
constexpr uint8_t PatternByte(uint64_t stream, uint64_t at) {
  return static_cast<uint8_t>(((at + 1) * 0x9e3779b97f4a7c15u + stream * 0xbf58476d1ce4e5b9u) >>
                              56);
}
Bytes Pattern(size_t n, uint64_t stream = 0, uint64_t from = 0);

// Who speaks to whom.
struct Route {
  MacAddress src_mac;
  MacAddress dst_mac;
  IpAddress src;
  IpAddress dst;

  Route Reversed() const { return {dst_mac, src_mac, dst, src}; }
};

// What an IP header says beyond its addresses. Lengths and checksums are computed unless set.
struct IpFields {
  uint8_t ttl = 64;
  uint8_t ecn = 0;
  bool dont_fragment = true;  // IPv4
  bool more_fragments = false;
  uint32_t fragment_offset = 0;  // bytes
  uint32_t identification = 0;
  std::optional<uint16_t> length;           // total_length (IPv4) or payload_length (IPv6)
  std::optional<uint16_t> header_checksum;  // IPv4
  Bytes options;                            // IPv4, a multiple of four bytes
  Bytes extensions;  // IPv6, between the header and the payload; their chain begins with
                     // first_extension and must end in the protocol
  uint8_t first_extension = 0;
};

Bytes EthernetFrame(const MacAddress& src, const MacAddress& dst, uint16_t ether_type,
                    std::span<const uint8_t> payload);
// The IP packet of route.src and route.dst around `payload`. IPv6 fragments get their header where
// fragment_offset or more_fragments is set.
Bytes IpPacket(const Route& route, uint8_t protocol, std::span<const uint8_t> payload,
               const IpFields& fields = {});
Bytes IpFrame(const Route& route, uint8_t protocol, std::span<const uint8_t> payload,
              const IpFields& fields = {});
// The frame's IP packet without its Ethernet header.
std::span<const uint8_t> IpOf(const Bytes& frame);
// Cuts the IP packet of `frame` (without extension headers) into fragments of at most `mtu` bytes.
std::vector<Bytes> FragmentFrame(const Bytes& frame, size_t mtu, uint32_t identification);

class Tcp {
 public:
  Tcp(const Route& route, uint16_t src_port, uint16_t dst_port);

  Tcp& Flags(uint8_t flags);
  Tcp& Seq(uint32_t seq);
  // Sets the ACK flag as well.
  Tcp& Ack(uint32_t ack);
  Tcp& Window(uint16_t window);
  Tcp& Payload(std::span<const uint8_t> payload);
  Tcp& Payload(std::string_view text);
  // Options, in the order of RFC 9293 and 7323; padding is added.
  Tcp& Mss(uint16_t mss);
  Tcp& WindowScale(uint8_t shift);
  Tcp& SackPermitted();
  Tcp& Timestamps(uint32_t value, uint32_t echo);
  Tcp& Sack(uint32_t begin, uint32_t end);
  // Instead of all options above; padded to a multiple of four with zeros.
  Tcp& RawOptions(Bytes options);
  // In words of four bytes; what the header claims.
  Tcp& DataOffset(uint8_t words);
  Tcp& Checksum(uint16_t checksum);
  Tcp& Urgent(uint16_t pointer);
  Tcp& Ip(const IpFields& fields);

  // The TCP header and payload alone.
  Bytes Segment() const;
  Bytes Frame() const;
  operator Bytes() const { return Frame(); }  // NOLINT(google-explicit-constructor)

 private:
  Route route_;
  tcp::OutgoingHeader header_;
  tcp::OutgoingOptions options_;
  std::optional<Bytes> raw_options_;
  std::optional<uint8_t> data_offset_;
  std::optional<uint16_t> checksum_;
  uint16_t urgent_ = 0;
  Bytes payload_;
  IpFields ip_;
};

struct UdpFields {
  std::optional<uint16_t> length;
  std::optional<uint16_t> checksum;
  IpFields ip;
};
Bytes UdpFrame(const Route& route, uint16_t src_port, uint16_t dst_port,
               std::span<const uint8_t> payload, const UdpFields& fields = {});

// ICMP or ICMPv6 by the route's family. body: what follows the first eight bytes.
struct IcmpFields {
  std::optional<uint16_t> checksum;
  IpFields ip;
};
Bytes IcmpFrame(const Route& route, uint8_t type, uint8_t code, uint32_t rest,
                std::span<const uint8_t> body, const IcmpFields& fields = {});
Bytes EchoRequestFrame(const Route& route, uint16_t identifier, uint16_t sequence,
                       std::span<const uint8_t> data, const IcmpFields& fields = {});
// "Fragmentation needed" or "packet too big" about the frame that could not pass.
Bytes PacketTooBigFrame(const Route& route, uint32_t mtu, const Bytes& refused);
// Destination unreachable; code of the route's family.
Bytes UnreachableFrame(const Route& route, uint8_t code, const Bytes& refused);

Bytes ArpRequestFrame(const Route& route);
Bytes ArpReplyFrame(const Route& route);
// For route.dst, from route.src, to the solicited-node group.
Bytes NeighborSolicitationFrame(const Route& route, uint8_t hop_limit = 255);
// Solicited and override, for route.src.
Bytes NeighborAdvertisementFrame(const Route& route, uint8_t hop_limit = 255);

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_SEGMENT_BUILDER_H_
