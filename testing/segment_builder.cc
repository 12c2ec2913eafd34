#include "testing/segment_builder.h"

#include <algorithm>
#include <utility>

#include "arp/arp_packet.h"
#include "arp/ethernet.h"
#include "core/bytes.h"
#include "core/check.h"
#include "core/checksum.h"
#include "ip/icmpv4.h"
#include "ip/icmpv6.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/ndp.h"
#include "ip/protocol.h"
#include "udp/udp_header.h"

namespace corelane::testing {
namespace {

constexpr size_t kEthernet = arp::EthernetView::kUntaggedLength;

void Append(Bytes& to, std::span<const uint8_t> from) {
  to.insert(to.end(), from.begin(), from.end());
}

uint16_t TransportChecksum(const Route& route, uint8_t protocol, std::span<const uint8_t> bytes) {
  const Sum16 sum =
      PseudoHeaderSum(route.src, route.dst, protocol, static_cast<uint32_t>(bytes.size())) +
      SumBytes(bytes);
  uint8_t field[2];
  sum.StoreComplement(field);
  return LoadBe16(field);
}

Bytes Ipv4Packet(const Route& route, uint8_t protocol, std::span<const uint8_t> payload,
                 const IpFields& fields) {
  CL_CHECK(fields.options.size() % 4 == 0);
  const size_t header_length = ip::Ipv4Header::length() + fields.options.size();
  ip::Ipv4Header header{.src = route.src.v4(), .dst = route.dst.v4(), .protocol = protocol};
  header.ttl = fields.ttl;
  header.ecn = fields.ecn;
  header.identification = static_cast<uint16_t>(fields.identification);
  header.dont_fragment = fields.dont_fragment;
  header.more_fragments = fields.more_fragments;
  header.fragment_offset = fields.fragment_offset;
  header.total_length =
      fields.length.value_or(static_cast<uint16_t>(header_length + payload.size()));
  Bytes packet(ip::Ipv4Header::length());
  header.Emit(packet.data());
  packet[0] = static_cast<uint8_t>(0x40 | header_length / 4);
  Append(packet, fields.options);
  StoreBe16(&packet[10], 0);
  SumBytes(packet).StoreComplement(&packet[10]);
  if (fields.header_checksum) StoreBe16(&packet[10], *fields.header_checksum);
  Append(packet, payload);
  return packet;
}

Bytes Ipv6Packet(const Route& route, uint8_t protocol, std::span<const uint8_t> payload,
                 const IpFields& fields) {
  const bool fragment = fields.more_fragments || fields.fragment_offset != 0;
  Bytes extensions = fields.extensions;
  if (fragment) {
    Bytes header(ip::Ipv6FragmentHeader::length());
    ip::Ipv6FragmentHeader{protocol, fields.fragment_offset, fields.more_fragments,
                           fields.identification}
        .Emit(header.data());
    Append(extensions, header);
  }
  ip::Ipv6Header header{.src = route.src.v6(), .dst = route.dst.v6(), .next_header = protocol};
  if (fragment) header.next_header = ip::protocol::kFragment;
  if (!fields.extensions.empty()) header.next_header = fields.first_extension;
  header.hop_limit = fields.ttl;
  header.ecn = fields.ecn;
  header.payload_length =
      fields.length.value_or(static_cast<uint16_t>(extensions.size() + payload.size()));
  Bytes packet(ip::Ipv6Header::length());
  header.Emit(packet.data());
  Append(packet, extensions);
  Append(packet, payload);
  return packet;
}

template <class Message>
Bytes NdpFrame(const MacAddress& src_mac, const MacAddress& dst_mac, const Ipv6Address& src,
               const Ipv6Address& dst, const Message& message, uint8_t hop_limit) {
  Bytes body(message.length());
  message.Emit(body.data(), src, dst);
  IpFields fields;
  fields.ttl = hop_limit;
  return IpFrame({src_mac, dst_mac, src, dst}, ip::protocol::kIcmpv6, body, fields);
}

}  // namespace

Bytes Pattern(size_t n, uint64_t stream, uint64_t from) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = PatternByte(stream, from + i);
  return bytes;
}

Bytes EthernetFrame(const MacAddress& src, const MacAddress& dst, uint16_t ether_type,
                    std::span<const uint8_t> payload) {
  Bytes frame(kEthernet);
  arp::EthernetHeader{.destination = dst, .source = src, .ether_type = ether_type}.Emit(
      frame.data());
  Append(frame, payload);
  return frame;
}

Bytes IpPacket(const Route& route, uint8_t protocol, std::span<const uint8_t> payload,
               const IpFields& fields) {
  CL_CHECK(route.src.is_v4() == route.dst.is_v4());
  return route.src.is_v4() ? Ipv4Packet(route, protocol, payload, fields)
                           : Ipv6Packet(route, protocol, payload, fields);
}

Bytes IpFrame(const Route& route, uint8_t protocol, std::span<const uint8_t> payload,
              const IpFields& fields) {
  return EthernetFrame(route.src_mac, route.dst_mac,
                       route.src.is_v4() ? arp::ether_type::kIpv4 : arp::ether_type::kIpv6,
                       IpPacket(route, protocol, payload, fields));
}

std::span<const uint8_t> IpOf(const Bytes& frame) { return std::span(frame).subspan(kEthernet); }

std::vector<Bytes> FragmentFrame(const Bytes& frame, size_t mtu, uint32_t identification) {
  const auto ethernet = arp::EthernetView::Parse(frame);
  const std::span<const uint8_t> packet = IpOf(frame);
  const bool v4 = ethernet->ether_type() == arp::ether_type::kIpv4;
  Route route{ethernet->source(), ethernet->destination(), {}, {}};
  IpFields fields;
  fields.dont_fragment = false;
  fields.identification = identification;
  uint8_t protocol;
  std::span<const uint8_t> payload;
  if (v4) {
    const auto view = ip::Ipv4View::Parse(packet);
    route.src = view->src();
    route.dst = view->dst();
    fields.ttl = view->ttl();
    protocol = view->protocol();
    payload = view->payload();
  } else {
    const auto view = ip::Ipv6View::Parse(packet);
    route.src = view->src();
    route.dst = view->dst();
    fields.ttl = view->hop_limit();
    protocol = view->next_header();
    payload = view->payload();
  }
  const size_t step = (mtu - (v4 ? 20 : 48)) / 8 * 8;
  std::vector<Bytes> fragments;
  for (size_t at = 0; at < payload.size(); at += step) {
    const size_t n = std::min(step, payload.size() - at);
    fields.fragment_offset = static_cast<uint32_t>(at);
    fields.more_fragments = at + n < payload.size();
    fragments.push_back(IpFrame(route, protocol, payload.subspan(at, n), fields));
  }
  return fragments;
}

// --- TCP ---

Tcp::Tcp(const Route& route, uint16_t src_port, uint16_t dst_port) : route_(route) {
  header_.source_port = src_port;
  header_.destination_port = dst_port;
  header_.window = 65535;
}

Tcp& Tcp::Flags(uint8_t flags) {
  header_.flags = flags;
  return *this;
}

Tcp& Tcp::Seq(uint32_t seq) {
  header_.seq = tcp::SeqNum(seq);
  return *this;
}

Tcp& Tcp::Ack(uint32_t ack) {
  header_.ack = tcp::SeqNum(ack);
  header_.flags |= tcp::kAck;
  return *this;
}

Tcp& Tcp::Window(uint16_t window) {
  header_.window = window;
  return *this;
}

Tcp& Tcp::Payload(std::span<const uint8_t> payload) {
  payload_.assign(payload.begin(), payload.end());
  return *this;
}

Tcp& Tcp::Payload(std::string_view text) {
  payload_.assign(text.begin(), text.end());
  return *this;
}

Tcp& Tcp::Mss(uint16_t mss) {
  options_.mss = mss;
  return *this;
}

Tcp& Tcp::WindowScale(uint8_t shift) {
  options_.window_scale = static_cast<int8_t>(shift);
  return *this;
}

Tcp& Tcp::SackPermitted() {
  options_.sack_permitted = true;
  return *this;
}

Tcp& Tcp::Timestamps(uint32_t value, uint32_t echo) {
  options_.has_timestamps = true;
  options_.timestamps = {value, echo};
  return *this;
}

Tcp& Tcp::Sack(uint32_t begin, uint32_t end) {
  CL_CHECK(options_.sack_count < tcp::kMaxSackBlocks);
  options_.sack[options_.sack_count++] = {tcp::SeqNum(begin), tcp::SeqNum(end)};
  return *this;
}

Tcp& Tcp::RawOptions(Bytes options) {
  options.resize((options.size() + 3) / 4 * 4);
  raw_options_ = std::move(options);
  return *this;
}

Tcp& Tcp::DataOffset(uint8_t words) {
  data_offset_ = words;
  return *this;
}

Tcp& Tcp::Checksum(uint16_t checksum) {
  checksum_ = checksum;
  return *this;
}

Tcp& Tcp::Urgent(uint16_t pointer) {
  urgent_ = pointer;
  header_.flags |= tcp::kUrg;
  return *this;
}

Tcp& Tcp::Ip(const IpFields& fields) {
  ip_ = fields;
  return *this;
}

Bytes Tcp::Segment() const {
  const tcp::OutgoingOptions options = raw_options_ ? tcp::OutgoingOptions() : options_;
  Bytes segment(tcp::kMinHeaderLength + options.length());
  tcp::EmitHeader(header_, options, segment.data());
  if (raw_options_) {
    Append(segment, *raw_options_);
    segment[12] = static_cast<uint8_t>(segment.size() / 4 << 4);
  }
  if (data_offset_) segment[12] = static_cast<uint8_t>(*data_offset_ << 4);
  StoreBe16(&segment[18], urgent_);
  Append(segment, payload_);
  StoreBe16(&segment[16],
            checksum_.value_or(TransportChecksum(route_, tcp::kProtocolNumber, segment)));
  return segment;
}

Bytes Tcp::Frame() const { return IpFrame(route_, tcp::kProtocolNumber, Segment(), ip_); }

// --- UDP and ICMP ---

Bytes UdpFrame(const Route& route, uint16_t src_port, uint16_t dst_port,
               std::span<const uint8_t> payload, const UdpFields& fields) {
  udp::UdpHeader header;
  header.src_port = src_port;
  header.dst_port = dst_port;
  header.datagram_length =
      fields.length.value_or(static_cast<uint16_t>(udp::UdpHeader::length() + payload.size()));
  Bytes datagram(udp::UdpHeader::length());
  header.Emit(datagram.data());
  Append(datagram, payload);
  const uint16_t computed = TransportChecksum(route, ip::protocol::kUdp, datagram);
  // RFC 768: a checksum of zero is sent as all ones.
  StoreBe16(&datagram[6], fields.checksum.value_or(computed == 0 ? 0xffff : computed));
  return IpFrame(route, ip::protocol::kUdp, datagram, fields.ip);
}

Bytes IcmpFrame(const Route& route, uint8_t type, uint8_t code, uint32_t rest,
                std::span<const uint8_t> body, const IcmpFields& fields) {
  Bytes message(8);
  message[0] = type;
  message[1] = code;
  StoreBe32(&message[4], rest);
  Append(message, body);
  const bool v4 = route.src.is_v4();
  if (v4) {
    SumBytes(message).StoreComplement(&message[2]);
  } else {
    StoreBe16(&message[2], TransportChecksum(route, ip::protocol::kIcmpv6, message));
  }
  if (fields.checksum) StoreBe16(&message[2], *fields.checksum);
  return IpFrame(route, v4 ? ip::protocol::kIcmp : ip::protocol::kIcmpv6, message, fields.ip);
}

Bytes EchoRequestFrame(const Route& route, uint16_t identifier, uint16_t sequence,
                       std::span<const uint8_t> data, const IcmpFields& fields) {
  const uint8_t type =
      route.src.is_v4() ? ip::icmpv4_type::kEchoRequest : ip::icmpv6_type::kEchoRequest;
  return IcmpFrame(route, type, 0, uint32_t{identifier} << 16 | sequence, data, fields);
}

Bytes PacketTooBigFrame(const Route& route, uint32_t mtu, const Bytes& refused) {
  const std::span<const uint8_t> packet = IpOf(refused);
  if (route.src.is_v4()) {
    // RFC 1812 §4.3.2.3: at most 576 bytes in all.
    return IcmpFrame(route, ip::icmpv4_type::kUnreachable,
                     ip::icmpv4_unreachable::kFragmentationNeeded, mtu & 0xffff,
                     packet.first(std::min<size_t>(packet.size(), 548)));
  }
  // RFC 4443 §2.4 (c): at most the minimum MTU in all.
  return IcmpFrame(route, ip::icmpv6_type::kPacketTooBig, 0, mtu,
                   packet.first(std::min<size_t>(packet.size(), 1232)));
}

Bytes UnreachableFrame(const Route& route, uint8_t code, const Bytes& refused) {
  const std::span<const uint8_t> packet = IpOf(refused);
  const uint8_t type =
      route.src.is_v4() ? ip::icmpv4_type::kUnreachable : ip::icmpv6_type::kUnreachable;
  return IcmpFrame(route, type, code, 0, packet.first(std::min<size_t>(packet.size(), 548)));
}

// --- address resolution ---

Bytes ArpRequestFrame(const Route& route) {
  Bytes packet(arp::ArpPacket::length());
  arp::ArpPacket{arp::arp_operation::kRequest, route.src_mac, route.src.v4(), MacAddress(),
                 route.dst.v4()}
      .Emit(packet.data());
  return EthernetFrame(route.src_mac, MacAddress::kBroadcast, arp::ether_type::kArp, packet);
}

Bytes ArpReplyFrame(const Route& route) {
  Bytes packet(arp::ArpPacket::length());
  arp::ArpPacket{arp::arp_operation::kReply, route.src_mac, route.src.v4(), route.dst_mac,
                 route.dst.v4()}
      .Emit(packet.data());
  return EthernetFrame(route.src_mac, route.dst_mac, arp::ether_type::kArp, packet);
}

Bytes NeighborSolicitationFrame(const Route& route, uint8_t hop_limit) {
  ip::NeighborSolicitation message;
  message.target = route.dst.v6();
  message.source_mac = route.src_mac;
  const Ipv6Address group = route.dst.v6().SolicitedNode();
  return NdpFrame(route.src_mac, arp::Ipv6MulticastMac(group.low()), route.src.v6(), group, message,
                  hop_limit);
}

Bytes NeighborAdvertisementFrame(const Route& route, uint8_t hop_limit) {
  ip::NeighborAdvertisement message;
  message.target = route.src.v6();
  message.solicited = true;
  message.override_flag = true;
  message.target_mac = route.src_mac;
  return NdpFrame(route.src_mac, route.dst_mac, route.src.v6(), route.dst.v6(), message, hop_limit);
}

}  // namespace corelane::testing
