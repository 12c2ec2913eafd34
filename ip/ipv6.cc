#include "ip/ipv6.h"

#include "ip/icmpv6.h"

namespace corelane::ip {
namespace {

constexpr uint8_t kPad1 = 0;
constexpr uint8_t kPadN = 1;
constexpr uint8_t kRouterAlertOption = 5;

// One walk: what has been used of its bounds, and where it writes.
class Walk {
 public:
  Walk(std::span<const uint8_t> bytes, bool multicast, Ipv6Chain& chain)
      : bytes_(bytes), multicast_(multicast), chain_(chain) {}

  DropReason Run(uint8_t next, size_t offset, size_t next_offset) {
    for (int headers = 0; IsExtensionHeader(next); ++headers) {
      if (headers == kMaxExtensionHeaders) return DropReason::kIpv6TooManyExtensions;
      // RFC 8200 §4.1: hop-by-hop options only directly behind the fixed header.
      if (next == protocol::kHopByHop && offset != Ipv6View::kLength)
        return Problem(DropReason::kIpv6BadExtension, icmpv6_parameter_problem::kUnknownNextHeader,
                       next_offset);
      if (bytes_.size() < offset + 8) return DropReason::kIpTruncated;
      const uint8_t header = next;
      size_t length = 8 + size_t{8} * bytes_[offset + 1];
      if (header == protocol::kFragment) {
        length = Ipv6FragmentHeader::kLength;
        chain_.fragment_header = *Ipv6FragmentHeader::Parse(bytes_.subspan(offset));
        chain_.fragment_header_offset = static_cast<uint16_t>(offset);
        chain_.fragment_protocol_offset = static_cast<uint16_t>(next_offset);
      } else if (bytes_.size() < offset + length) {
        return DropReason::kIpTruncated;
      }
      if (const DropReason drop = Check(header, offset, length); drop != DropReason::kNone)
        return drop;
      next_offset = offset;
      next = bytes_[offset];
      offset += length;
      const Ipv6FragmentHeader& fragment = chain_.fragment_header;
      if (header == protocol::kFragment &&
          (fragment.fragment_offset != 0 || fragment.more_fragments)) {
        chain_.fragment = true;
        break;
      }
    }
    chain_.protocol = next;
    chain_.protocol_offset = static_cast<uint16_t>(next_offset);
    chain_.header_length = static_cast<uint16_t>(offset);
    return DropReason::kNone;
  }

 private:
  DropReason Problem(DropReason reason, uint8_t code, size_t pointer) {
    chain_.problem_code = code;
    chain_.problem_pointer = static_cast<uint16_t>(pointer);
    return reason;
  }

  DropReason Check(uint8_t header, size_t offset, size_t length) {
    switch (header) {
      case protocol::kRouting:
        // RFC 8200 §4.4: no routing type is understood; with no segments left the header is
        // ignored, else refused. Type 0 is one like any other (RFC 5095 §3).
        if (bytes_[offset + 3] == 0) return DropReason::kNone;
        return Problem(DropReason::kIpv6RoutingHeader, icmpv6_parameter_problem::kErroneousHeader,
                       offset + 2);
      case protocol::kHopByHop:
      case protocol::kDestinationOptions:
        return CheckOptions(offset + 2, offset + length);
      default:
        return DropReason::kNone;
    }
  }

  DropReason CheckOptions(size_t at, size_t end) {
    while (at < end) {
      if (bytes_[at] == kPad1) {
        ++at;
        continue;
      }
      if (++options_ > kMaxOptions) return DropReason::kIpv6TooManyExtensions;
      if (at + 2 > end || at + 2 + bytes_[at + 1] > end)
        return Problem(DropReason::kIpv6BadExtension, icmpv6_parameter_problem::kErroneousHeader,
                       at + 1 < end ? at + 1 : at);
      const uint8_t type = bytes_[at];
      if (type == kRouterAlertOption) {
        chain_.router_alert = true;
      } else if (type != kPadN && type >> 6 != 0) {
        return UnknownOption(type, at);
      }
      at += 2 + size_t{bytes_[at + 1]};
    }
    return DropReason::kNone;
  }

  // RFC 8200 §4.2: the two highest bits of an unknown option's type say what to do.
  DropReason UnknownOption(uint8_t type, size_t at) {
    const int action = type >> 6;
    if (action == 1 || (action == 3 && multicast_)) return DropReason::kIpv6UnknownOption;
    return Problem(DropReason::kIpv6UnknownOptionReport, icmpv6_parameter_problem::kUnknownOption,
                   at);
  }

  std::span<const uint8_t> bytes_;
  bool multicast_;
  Ipv6Chain& chain_;
  int options_ = 0;
};

}  // namespace

DropReason WalkExtensionHeaders(std::span<const uint8_t> bytes, uint8_t next_header, size_t offset,
                                size_t next_header_offset, bool destination_is_multicast,
                                Ipv6Chain& chain) {
  return Walk(bytes, destination_is_multicast, chain).Run(next_header, offset, next_header_offset);
}

}  // namespace corelane::ip
