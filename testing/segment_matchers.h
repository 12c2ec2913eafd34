// Composable matchers for frames.
//
//   EXPECT_THAT(frame, IsTcp(Flags(kSyn | kAck), Ack(101), Mss(1460)));
//   EXPECT_THAT(frame, IsTcp(From(server), Payload("hello")));
//   EXPECT_THAT(frame, IsIcmp(3, 3, From(address)));
//
// IsTcp, IsUdp, IsIcmp, IsArp and IsNdp also require that every length and checksum is right. A
// mismatch prints the frame in one line.

#ifndef CORELANE_TESTING_SEGMENT_MATCHERS_H_
#define CORELANE_TESTING_SEGMENT_MATCHERS_H_

#include <gmock/gmock.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "arp/arp_packet.h"
#include "core/ip_address.h"
#include "core/mac_address.h"
#include "tcp/segment.h"
#include "testing/segment_builder.h"

namespace corelane::testing {

// A frame taken apart. `problem` says what is wrong with it, empty when nothing is.
struct ParsedFrame {
  std::string problem;
  MacAddress src_mac;
  MacAddress dst_mac;
  uint16_t ether_type = 0;
  // IP
  bool is_ip = false;
  IpAddress src;
  IpAddress dst;
  uint8_t ttl = 0;
  uint8_t protocol = 0;
  uint8_t ecn = 0;
  bool dont_fragment = false;
  bool fragment = false;
  uint32_t fragment_offset = 0;
  bool more_fragments = false;
  size_t ip_length = 0;
  // TCP, UDP
  uint16_t src_port = 0;
  uint16_t dst_port = 0;
  tcp::Segment tcp;
  // ICMP, ICMPv6
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  uint32_t icmp_rest = 0;
  // ARP
  uint16_t arp_operation = 0;
  IpAddress arp_sender;
  IpAddress arp_target;
  MacAddress arp_sender_mac;
  Bytes payload;  // behind the transport header

  bool is_tcp() const { return is_ip && protocol == 6 && !fragment; }
  bool is_udp() const { return is_ip && protocol == 17 && !fragment; }
  bool is_icmp() const { return is_ip && (protocol == 1 || protocol == 58) && !fragment; }
  bool is_arp() const { return ether_type == 0x0806; }
};

ParsedFrame ParseFrame(std::span<const uint8_t> frame);
// "10.0.0.1:80 > 10.0.0.2:4000 SYN,ACK seq 1 ack 2 win 3 len 0".
std::string Describe(const ParsedFrame& frame);
std::string Describe(std::span<const uint8_t> frame);
inline void PrintTo(const ParsedFrame& frame, std::ostream* os) { *os << Describe(frame); }

using FrameMatcher = ::testing::Matcher<const ParsedFrame&>;

namespace internal {

// A frame of one kind that satisfies all of `fields`.
class IsKindMatcher {
 public:
  using is_gtest_matcher = void;
  enum class Kind : uint8_t { kTcp, kUdp, kIcmp, kArp };

  IsKindMatcher(Kind kind, std::vector<FrameMatcher> fields)
      : kind_(kind), fields_(std::move(fields)) {}
  bool MatchAndExplain(const Bytes& frame, ::testing::MatchResultListener* listener) const;
  void DescribeTo(std::ostream* os) const;
  void DescribeNegationTo(std::ostream* os) const;

 private:
  Kind kind_;
  std::vector<FrameMatcher> fields_;
};

}  // namespace internal

template <class... Fields>
auto IsTcp(const Fields&... fields) {
  return internal::IsKindMatcher(internal::IsKindMatcher::Kind::kTcp, {FrameMatcher(fields)...});
}
template <class... Fields>
auto IsUdp(const Fields&... fields) {
  return internal::IsKindMatcher(internal::IsKindMatcher::Kind::kUdp, {FrameMatcher(fields)...});
}
template <class... Fields>
auto IsArp(uint16_t operation, const Fields&... fields) {
  return internal::IsKindMatcher(
      internal::IsKindMatcher::Kind::kArp,
      {FrameMatcher(
           ::testing::Field("operation", &ParsedFrame::arp_operation, ::testing::Eq(operation))),
       FrameMatcher(fields)...});
}
// ICMP or ICMPv6.
template <class... Fields>
auto IsIcmp(uint8_t type, uint8_t code, const Fields&... fields) {
  return internal::IsKindMatcher(
      internal::IsKindMatcher::Kind::kIcmp,
      {FrameMatcher(::testing::Field("type", &ParsedFrame::icmp_type, ::testing::Eq(type))),
       FrameMatcher(::testing::Field("code", &ParsedFrame::icmp_code, ::testing::Eq(code))),
       FrameMatcher(fields)...});
}

// --- link and IP ---
FrameMatcher ToMac(const MacAddress& mac);
FrameMatcher From(const IpAddress& address);
FrameMatcher To(const IpAddress& address);
FrameMatcher From(const Endpoint& endpoint);
FrameMatcher To(const Endpoint& endpoint);
FrameMatcher Ttl(uint8_t ttl);
FrameMatcher DontFragment();
FrameMatcher IpLength(::testing::Matcher<size_t> length);

// --- transports ---
FrameMatcher Payload(std::string_view text);
FrameMatcher Payload(const Bytes& bytes);
FrameMatcher PayloadSize(::testing::Matcher<size_t> size);
// Exactly these flags; PSH is not looked at unless it is named.
FrameMatcher Flags(uint8_t flags);
FrameMatcher Seq(::testing::Matcher<uint32_t> seq);
FrameMatcher Ack(::testing::Matcher<uint32_t> ack);
FrameMatcher Window(::testing::Matcher<uint16_t> window);
FrameMatcher Mss(::testing::Matcher<uint16_t> mss);
FrameMatcher WindowScale(::testing::Matcher<int> shift);  // -1: absent
FrameMatcher SackPermitted(bool permitted = true);
FrameMatcher HasTimestamps(bool has = true);
FrameMatcher TimestampEcho(::testing::Matcher<uint32_t> echo);
// The blocks in order: pairs of begin and end.
FrameMatcher SackBlocks(std::vector<std::pair<uint32_t, uint32_t>> blocks);

// --- ICMP, ARP ---
FrameMatcher IcmpRest(::testing::Matcher<uint32_t> rest);
FrameMatcher ArpSender(const IpAddress& address, const MacAddress& mac);
FrameMatcher ArpTarget(const IpAddress& address);

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_SEGMENT_MATCHERS_H_
