#include "testing/segment_matchers.h"

#include <sstream>
#include <utility>

#include "arp/ethernet.h"
#include "core/bytes.h"
#include "core/checksum.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"
#include "udp/udp_header.h"

namespace corelane::testing {
namespace {

using ::testing::Eq;
using ::testing::Field;
using ::testing::Matcher;
using ::testing::ResultOf;

void ParseTransport(std::span<const uint8_t> bytes, ParsedFrame& out) {
  const bool sum_is_good =
      (PseudoHeaderSum(out.src, out.dst, out.protocol, static_cast<uint32_t>(bytes.size())) +
       SumBytes(bytes))
          .IsValid();
  if (out.protocol == ip::protocol::kTcp) {
    const auto header = tcp::HeaderView::Parse(bytes);
    if (!header) {
      out.problem = "TCP header cut off";
      return;
    }
    const auto payload = bytes.subspan(header->header_length());
    if (!tcp::ParseSegment(*header, static_cast<uint32_t>(payload.size()), out.tcp)) {
      out.problem = "bad TCP option";
    }
    out.src_port = header->source_port();
    out.dst_port = header->destination_port();
    out.payload.assign(payload.begin(), payload.end());
    if (!sum_is_good) out.problem = "bad TCP checksum";
  } else if (out.protocol == ip::protocol::kUdp) {
    const auto header = udp::UdpHeaderView::Parse(bytes, bytes.size());
    if (!header) {
      out.problem = "bad UDP length";
      return;
    }
    out.src_port = header->src_port();
    out.dst_port = header->dst_port();
    const auto payload = bytes.subspan(udp::kUdpHeaderLength);
    out.payload.assign(payload.begin(), payload.end());
    const bool none = out.src.is_v4() && !header->has_checksum();
    if (!none && !sum_is_good) out.problem = "bad UDP checksum";
  } else if (out.is_icmp()) {
    if (bytes.size() < 8) {
      out.problem = "ICMP message cut off";
      return;
    }
    out.icmp_type = bytes[0];
    out.icmp_code = bytes[1];
    out.icmp_rest = LoadBe32(&bytes[4]);
    out.payload.assign(bytes.begin() + 8, bytes.end());
    const bool good = out.protocol == ip::protocol::kIcmp ? SumBytes(bytes).IsValid() : sum_is_good;
    if (!good) out.problem = "bad ICMP checksum";
  }
}

void ParseV4(std::span<const uint8_t> packet, ParsedFrame& out) {
  const auto view = ip::Ipv4View::Parse(packet);
  if (!view) {
    out.problem = "bad IPv4 header";
    return;
  }
  out.is_ip = true;
  out.src = view->src();
  out.dst = view->dst();
  out.ttl = view->ttl();
  out.protocol = view->protocol();
  out.ecn = view->ecn();
  out.dont_fragment = view->dont_fragment();
  out.fragment = view->is_fragment();
  out.fragment_offset = view->fragment_offset();
  out.more_fragments = view->more_fragments();
  out.ip_length = view->total_length();
  if (view->total_length() > packet.size()) {
    out.problem = "IPv4 packet cut off";
  } else if (!view->HasValidChecksum()) {
    out.problem = "bad IPv4 checksum";
  } else if (out.fragment) {
    out.payload.assign(view->payload().begin(), view->payload().end());
  } else {
    ParseTransport(view->payload(), out);
  }
}

void ParseV6(std::span<const uint8_t> packet, ParsedFrame& out) {
  const auto view = ip::Ipv6View::Parse(packet);
  if (!view) {
    out.problem = "bad IPv6 header";
    return;
  }
  out.is_ip = true;
  out.src = view->src();
  out.dst = view->dst();
  out.ttl = view->hop_limit();
  out.protocol = view->next_header();
  out.ecn = view->ecn();
  out.dont_fragment = true;
  out.ip_length = ip::Ipv6View::kLength + view->payload_length();
  if (out.ip_length > packet.size()) {
    out.problem = "IPv6 packet cut off";
    return;
  }
  std::span<const uint8_t> payload = view->payload();
  if (out.protocol == ip::protocol::kFragment) {
    const auto header = ip::Ipv6FragmentHeader::Parse(payload);
    if (!header) {
      out.problem = "fragment header cut off";
      return;
    }
    out.fragment = true;
    out.fragment_offset = header->fragment_offset;
    out.more_fragments = header->more_fragments;
    out.protocol = header->next_header;
    payload = payload.subspan(ip::Ipv6FragmentHeader::kLength);
    out.payload.assign(payload.begin(), payload.end());
    return;
  }
  ParseTransport(payload, out);
}

void ParseArp(std::span<const uint8_t> packet, ParsedFrame& out) {
  const auto view = arp::ArpView::Parse(packet);
  if (!view) {
    out.problem = "bad ARP packet";
    return;
  }
  out.arp_operation = view->operation();
  out.arp_sender = view->sender_ip();
  out.arp_target = view->target_ip();
  out.arp_sender_mac = view->sender_mac();
}

std::string FlagNames(uint8_t flags) {
  static constexpr const char* kNames[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
  std::string text;
  for (int i = 0; i < 8; ++i) {
    if ((flags >> i & 1) == 0) continue;
    if (!text.empty()) text += ',';
    text += kNames[i];
  }
  return text.empty() ? "no flags" : text;
}

void DescribeTcp(const ParsedFrame& f, std::ostream& os) {
  os << Endpoint{f.src, f.src_port}.ToString() << " > " << Endpoint{f.dst, f.dst_port}.ToString()
     << ' ' << FlagNames(f.tcp.flags) << " seq " << f.tcp.seq.value() << " ack "
     << f.tcp.ack.value() << " win " << f.tcp.window << " len " << f.payload.size();
  if (f.tcp.mss != 0) os << " mss " << f.tcp.mss;
  if (f.tcp.window_scale >= 0) os << " wscale " << int{f.tcp.window_scale};
  for (int i = 0; i < f.tcp.sack_count; ++i) {
    os << " sack " << f.tcp.sack[i].begin.value() << '-' << f.tcp.sack[i].end.value();
  }
}

// A matcher of one number of a frame, by a projection.
template <class T, class F>
FrameMatcher Project(const char* name, F projection, const Matcher<T>& matcher) {
  return ResultOf(
      name, [projection](const ParsedFrame& f) -> T { return static_cast<T>(projection(f)); },
      matcher);
}

}  // namespace

ParsedFrame ParseFrame(std::span<const uint8_t> frame) {
  ParsedFrame out;
  const auto ethernet = arp::EthernetView::Parse(frame);
  if (!ethernet) {
    out.problem = frame.empty() ? "no frame" : "Ethernet header cut off";
    return out;
  }
  out.src_mac = ethernet->source();
  out.dst_mac = ethernet->destination();
  out.ether_type = ethernet->ether_type();
  const auto packet = frame.subspan(ethernet->length());
  switch (out.ether_type) {
    case arp::ether_type::kIpv4:
      ParseV4(packet, out);
      break;
    case arp::ether_type::kIpv6:
      ParseV6(packet, out);
      break;
    case arp::ether_type::kArp:
      ParseArp(packet, out);
      break;
    default:
      out.problem = "unknown EtherType";
  }
  return out;
}

std::string Describe(const ParsedFrame& f) {
  std::ostringstream os;
  if (!f.problem.empty()) os << '(' << f.problem << ") ";
  if (f.is_tcp()) {
    DescribeTcp(f, os);
  } else if (f.is_udp()) {
    os << Endpoint{f.src, f.src_port}.ToString() << " > " << Endpoint{f.dst, f.dst_port}.ToString()
       << " UDP len " << f.payload.size();
  } else if (f.is_icmp()) {
    os << f.src.ToString() << " > " << f.dst.ToString() << " ICMP type " << int{f.icmp_type}
       << " code " << int{f.icmp_code} << " rest " << f.icmp_rest;
  } else if (f.is_ip) {
    os << f.src.ToString() << " > " << f.dst.ToString() << " protocol " << int{f.protocol};
    if (f.fragment) os << " fragment at " << f.fragment_offset << (f.more_fragments ? "+" : "");
  } else if (f.is_arp()) {
    os << "ARP " << (f.arp_operation == 1 ? "request " : "reply ") << f.arp_sender.ToString()
       << " for " << f.arp_target.ToString();
  } else {
    os << "EtherType " << f.ether_type;
  }
  return os.str();
}

std::string Describe(std::span<const uint8_t> frame) { return Describe(ParseFrame(frame)); }

namespace internal {

bool IsKindMatcher::MatchAndExplain(const Bytes& frame,
                                    ::testing::MatchResultListener* listener) const {
  const ParsedFrame parsed = ParseFrame(frame);
  *listener << "which is " << Describe(parsed);
  if (!parsed.problem.empty()) return false;
  const bool kind = kind_ == Kind::kTcp    ? parsed.is_tcp()
                    : kind_ == Kind::kUdp  ? parsed.is_udp()
                    : kind_ == Kind::kIcmp ? parsed.is_icmp()
                                           : parsed.is_arp();
  if (!kind) return false;
  for (const FrameMatcher& field : fields_) {
    if (field.Matches(parsed)) continue;
    if (listener->IsInterested()) {
      *listener << ", whose ";
      field.DescribeNegationTo(listener->stream());
    }
    return false;
  }
  return true;
}

void IsKindMatcher::DescribeTo(std::ostream* os) const {
  static constexpr const char* kNames[] = {"a TCP segment", "a UDP datagram", "an ICMP message",
                                           "an ARP packet"};
  *os << "is " << kNames[static_cast<size_t>(kind_)];
  for (const FrameMatcher& field : fields_) {
    *os << ", ";
    field.DescribeTo(os);
  }
}

void IsKindMatcher::DescribeNegationTo(std::ostream* os) const {
  *os << "not: ";
  DescribeTo(os);
}

}  // namespace internal

FrameMatcher ToMac(const MacAddress& mac) {
  return Project<std::string>(
      "MAC destination", [](const auto& f) { return f.dst_mac.ToString(); },
      Matcher<std::string>(mac.ToString()));
}
FrameMatcher From(const IpAddress& address) {
  return Project<std::string>(
      "source", [](const auto& f) { return f.src.ToString(); },
      Matcher<std::string>(address.ToString()));
}
FrameMatcher To(const IpAddress& address) {
  return Project<std::string>(
      "destination", [](const auto& f) { return f.dst.ToString(); },
      Matcher<std::string>(address.ToString()));
}
FrameMatcher From(const Endpoint& endpoint) {
  return Project<std::string>(
      "source", [](const auto& f) { return Endpoint{f.src, f.src_port}.ToString(); },
      Matcher<std::string>(endpoint.ToString()));
}
FrameMatcher To(const Endpoint& endpoint) {
  return Project<std::string>(
      "destination", [](const auto& f) { return Endpoint{f.dst, f.dst_port}.ToString(); },
      Matcher<std::string>(endpoint.ToString()));
}
FrameMatcher Ttl(uint8_t ttl) { return Field("TTL", &ParsedFrame::ttl, Eq(ttl)); }
FrameMatcher DontFragment() {
  return Field("don't-fragment bit", &ParsedFrame::dont_fragment, Eq(true));
}
FrameMatcher IpLength(Matcher<size_t> length) {
  return Field("IP length", &ParsedFrame::ip_length, std::move(length));
}
FrameMatcher Payload(std::string_view text) { return Payload(Bytes(text.begin(), text.end())); }
FrameMatcher Payload(const Bytes& bytes) {
  return Field("payload", &ParsedFrame::payload, Eq(bytes));
}
FrameMatcher PayloadSize(Matcher<size_t> size) {
  return Project<size_t>("payload's size", [](const auto& f) { return f.payload.size(); }, size);
}
FrameMatcher Flags(uint8_t flags) {
  const auto relevant = static_cast<uint8_t>((flags & tcp::kPsh) != 0 ? 0xff : ~tcp::kPsh);
  return Project<std::string>(
      "flags",
      [relevant](const auto& f) { return FlagNames(static_cast<uint8_t>(f.tcp.flags & relevant)); },
      Matcher<std::string>(FlagNames(flags)));
}
FrameMatcher Seq(Matcher<uint32_t> seq) {
  return Project<uint32_t>("SEG.SEQ", [](const auto& f) { return f.tcp.seq.value(); }, seq);
}
FrameMatcher Ack(Matcher<uint32_t> ack) {
  return Project<uint32_t>("SEG.ACK", [](const auto& f) { return f.tcp.ack.value(); }, ack);
}
FrameMatcher Window(Matcher<uint16_t> window) {
  return Project<uint16_t>("SEG.WND", [](const auto& f) { return f.tcp.window; }, window);
}
FrameMatcher Mss(Matcher<uint16_t> mss) {
  return Project<uint16_t>("MSS", [](const auto& f) { return f.tcp.mss; }, mss);
}
FrameMatcher WindowScale(Matcher<int> shift) {
  return Project<int>("window scale", [](const auto& f) { return f.tcp.window_scale; }, shift);
}
FrameMatcher SackPermitted(bool permitted) {
  return Project<bool>(
      "SACK permitted", [](const auto& f) { return f.tcp.sack_permitted; },
      Matcher<bool>(permitted));
}
FrameMatcher HasTimestamps(bool has) {
  return Project<bool>(
      "timestamps", [](const auto& f) { return f.tcp.has_timestamps; }, Matcher<bool>(has));
}
FrameMatcher TimestampEcho(Matcher<uint32_t> echo) {
  return Project<uint32_t>("TSecr", [](const auto& f) { return f.tcp.timestamps.echo; }, echo);
}
FrameMatcher SackBlocks(std::vector<std::pair<uint32_t, uint32_t>> blocks) {
  using Blocks = std::vector<std::pair<uint32_t, uint32_t>>;
  return Project<Blocks>(
      "SACK blocks",
      [](const auto& f) {
        Blocks found;
        for (int i = 0; i < f.tcp.sack_count; ++i) {
          found.emplace_back(f.tcp.sack[i].begin.value(), f.tcp.sack[i].end.value());
        }
        return found;
      },
      Matcher<Blocks>(blocks));
}
FrameMatcher IcmpRest(Matcher<uint32_t> rest) {
  return Field("ICMP's second word", &ParsedFrame::icmp_rest, std::move(rest));
}
FrameMatcher ArpSender(const IpAddress& address, const MacAddress& mac) {
  return Project<std::string>(
      "ARP sender",
      [](const auto& f) { return f.arp_sender.ToString() + " " + f.arp_sender_mac.ToString(); },
      Matcher<std::string>(address.ToString() + " " + mac.ToString()));
}
FrameMatcher ArpTarget(const IpAddress& address) {
  return Project<std::string>(
      "ARP target", [](const auto& f) { return f.arp_target.ToString(); },
      Matcher<std::string>(address.ToString()));
}

}  // namespace corelane::testing
