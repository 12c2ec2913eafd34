#include "ip/ndp.h"

#include <algorithm>

namespace corelane::ip {
namespace {

constexpr size_t kMacOptionLength = 8;

// RFC 4861 §6.1, §7.1: all options have a length greater than zero, and end with the message.
bool OptionsAreWellFormed(std::span<const uint8_t> rest) {
  while (!rest.empty()) {
    if (rest.size() < 8) return false;
    const size_t length = size_t{8} * rest[1];
    if (length == 0 || length > rest.size()) return false;
    rest = rest.subspan(length);
  }
  return true;
}

void StoreChecksum(uint8_t* message, size_t length, const Ipv6Address& src,
                   const Ipv6Address& dst) {
  StoreBe16(message + 2, 0);
  const Sum16 sum = PseudoHeaderSum(src, dst, protocol::kIcmpv6, static_cast<uint32_t>(length)) +
                    SumBytes({message, length});
  sum.StoreComplement(message + 2);
}

uint8_t* StoreMacOption(uint8_t* to, uint8_t type, const std::optional<MacAddress>& mac) {
  if (!mac) return to;
  to[0] = type;
  to[1] = 1;
  mac->CopyTo(to + 2);
  return to + kMacOptionLength;
}

}  // namespace

std::optional<NdpView> NdpView::Parse(std::span<const uint8_t> bytes, const NdpContext& context) {
  if (context.hop_limit != kNdpHopLimit || bytes.size() < 8 || bytes[1] != 0) return std::nullopt;
  size_t fixed_length = 0;
  switch (bytes[0]) {
    case icmpv6_type::kRouterSolicitation:
      fixed_length = 8;
      break;
    case icmpv6_type::kRouterAdvertisement:
      // RFC 4861 §6.1.2: only link-local sources.
      if (!context.src.IsLinkLocal()) return std::nullopt;
      fixed_length = 16;
      break;
    case icmpv6_type::kNeighborSolicitation:
    case icmpv6_type::kNeighborAdvertisement:
      fixed_length = 24;
      break;
    default:
      return std::nullopt;
  }
  if (bytes.size() < fixed_length || !OptionsAreWellFormed(bytes.subspan(fixed_length)))
    return std::nullopt;
  const NdpView view(bytes, fixed_length);
  const bool unspecified = context.src.IsUnspecified();
  const bool names_source = view.LinkLayerAddress(ndp_option::kSourceLinkLayer).has_value();
  if (fixed_length == 24 && view.target().IsMulticast()) return std::nullopt;
  switch (bytes[0]) {
    case icmpv6_type::kRouterSolicitation:
      // §6.1.1.
      if (unspecified && names_source) return std::nullopt;
      break;
    case icmpv6_type::kNeighborSolicitation:
      // §7.1.1: from :: only to a solicited-node group, without an address option.
      if (unspecified && (names_source || context.dst != view.target().SolicitedNode()))
        return std::nullopt;
      break;
    case icmpv6_type::kNeighborAdvertisement:
      // §7.1.2: nobody has asked for what goes to a group.
      if (context.dst.IsMulticast() && view.solicited()) return std::nullopt;
      break;
    default:
      break;
  }
  return view;
}

std::optional<MacAddress> NdpView::LinkLayerAddress(uint8_t option) const {
  NdpOptions rest = options();
  while (const auto found = rest.Next()) {
    if (found->type == option && found->data.size() == 6)
      return MacAddress::FromBytes(found->data.data());
  }
  return std::nullopt;
}

Ipv6Address NdpView::target() const {
  return fixed_length_ >= 24 ? Ipv6Address::FromBytes(&bytes_[8]) : Ipv6Address();
}

NeighborSolicitation NeighborSolicitation::FromView(const NdpView& view) {
  NeighborSolicitation value{view.target(), view.LinkLayerAddress(ndp_option::kSourceLinkLayer),
                             std::nullopt};
  NdpOptions rest = view.options();
  while (const auto option = rest.Next()) {
    if (option->type != ndp_option::kNonce || option->data.size() != 6) continue;
    value.nonce.emplace();
    std::copy_n(option->data.data(), 6, value.nonce->data());
  }
  return value;
}

void NeighborSolicitation::Emit(uint8_t* to, const Ipv6Address& src, const Ipv6Address& dst) const {
  std::fill_n(to, 8, uint8_t{0});
  to[0] = icmpv6_type::kNeighborSolicitation;
  target.CopyTo(to + 8);
  uint8_t* end = StoreMacOption(to + 24, ndp_option::kSourceLinkLayer, source_mac);
  if (nonce) {
    end[0] = ndp_option::kNonce;
    end[1] = 1;
    std::copy_n(nonce->data(), 6, end + 2);
  }
  StoreChecksum(to, length(), src, dst);
}

NeighborAdvertisement NeighborAdvertisement::FromView(const NdpView& view) {
  return {view.target(), view.router(), view.solicited(), view.override_flag(),
          view.LinkLayerAddress(ndp_option::kTargetLinkLayer)};
}

void NeighborAdvertisement::Emit(uint8_t* to, const Ipv6Address& src,
                                 const Ipv6Address& dst) const {
  std::fill_n(to, 8, uint8_t{0});
  to[0] = icmpv6_type::kNeighborAdvertisement;
  to[4] = static_cast<uint8_t>((router ? 0x80 : 0) | (solicited ? 0x40 : 0) |
                               (override_flag ? 0x20 : 0));
  target.CopyTo(to + 8);
  StoreMacOption(to + 24, ndp_option::kTargetLinkLayer, target_mac);
  StoreChecksum(to, length(), src, dst);
}

RouterSolicitation RouterSolicitation::FromView(const NdpView& view) {
  return {view.LinkLayerAddress(ndp_option::kSourceLinkLayer)};
}

void RouterSolicitation::Emit(uint8_t* to, const Ipv6Address& src, const Ipv6Address& dst) const {
  std::fill_n(to, 8, uint8_t{0});
  to[0] = icmpv6_type::kRouterSolicitation;
  StoreMacOption(to + 8, ndp_option::kSourceLinkLayer, source_mac);
  StoreChecksum(to, length(), src, dst);
}

RouterAdvertisement RouterAdvertisement::FromView(const NdpView& view) {
  RouterAdvertisement value;
  value.hop_limit = view.hop_limit();
  value.managed = view.managed();
  value.other_configuration = view.other_configuration();
  value.router_lifetime_s = view.router_lifetime_s();
  value.reachable_time_ms = view.reachable_time_ms();
  value.retrans_timer_ms = view.retrans_timer_ms();
  value.source_mac = view.LinkLayerAddress(ndp_option::kSourceLinkLayer);
  NdpOptions rest = view.options();
  while (const auto option = rest.Next()) {
    const std::span<const uint8_t> data = option->data;
    if (option->type == ndp_option::kMtu && data.size() == 6) {
      value.mtu = LoadBe32(&data[2]);
    } else if (option->type == ndp_option::kPrefixInformation && data.size() == 30 &&
               data[0] <= 128 && value.prefix_count < kMaxPrefixes) {
      const Ipv6Address network = Ipv6Address::FromBytes(&data[14]);
      if (network.IsV4Mapped()) continue;
      NdpPrefix& prefix = value.prefixes[value.prefix_count++];
      prefix.prefix = {network, data[0]};
      prefix.on_link = (data[1] & 0x80) != 0;
      prefix.autonomous = (data[1] & 0x40) != 0;
      prefix.valid_lifetime = LoadBe32(&data[2]);
      prefix.preferred_lifetime = LoadBe32(&data[6]);
    }
  }
  return value;
}

void RouterAdvertisement::Emit(uint8_t* to, const Ipv6Address& src, const Ipv6Address& dst) const {
  std::fill_n(to, length(), uint8_t{0});
  to[0] = icmpv6_type::kRouterAdvertisement;
  to[4] = hop_limit;
  to[5] = static_cast<uint8_t>((managed ? 0x80 : 0) | (other_configuration ? 0x40 : 0));
  StoreBe16(to + 6, router_lifetime_s);
  StoreBe32(to + 8, reachable_time_ms);
  StoreBe32(to + 12, retrans_timer_ms);
  uint8_t* end = StoreMacOption(to + 16, ndp_option::kSourceLinkLayer, source_mac);
  if (mtu) {
    end[0] = ndp_option::kMtu;
    end[1] = 1;
    StoreBe32(end + 4, *mtu);
    end += 8;
  }
  for (size_t i = 0; i < prefix_count; ++i, end += 32) {
    const NdpPrefix& prefix = prefixes[i];
    end[0] = ndp_option::kPrefixInformation;
    end[1] = 4;
    end[2] = prefix.prefix.length;
    end[3] = static_cast<uint8_t>((prefix.on_link ? 0x80 : 0) | (prefix.autonomous ? 0x40 : 0));
    StoreBe32(end + 4, prefix.valid_lifetime);
    StoreBe32(end + 8, prefix.preferred_lifetime);
    prefix.prefix.address.v6().CopyTo(end + 16);
  }
  StoreChecksum(to, length(), src, dst);
}

}  // namespace corelane::ip
