#include "ip/fragment.h"

#include <algorithm>
#include <utility>

#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::ip {
namespace {

// Appends [offset, offset + length) of `from` to `to`, in more segments where one is too small.
bool AppendCopy(PacketBuf& to, const PacketBuf& from, size_t offset, size_t length,
                PacketPool& pool) {
  const size_t n = std::min(length, to.tailroom());
  from.CopyOut(offset, {to.Append(n), n});
  length -= n;
  offset += n;
  while (length > 0) {
    PacketBuf more = pool.Allocate();
    if (!more || more.tailroom() == 0) return false;
    const size_t part = std::min(length, more.tailroom());
    from.CopyOut(offset, {more.Append(part), part});
    to.AppendChain(std::move(more));
    length -= part;
    offset += part;
  }
  return true;
}

// Cuts what lies behind the first `skip` bytes of `packet`. emit(uint8_t* to, offset, length, more)
// writes the headers_length bytes of headers of each fragment.
template <class Emit>
bool Cut(const PacketBuf& packet, size_t skip, size_t mtu, size_t headers_length, PacketPool& pool,
         PacketQueue& out, Emit emit) {
  if (mtu < headers_length + 8) return false;
  const size_t chunk = (mtu - headers_length) & ~size_t{7};
  const size_t payload = packet.packet_size() - skip;
  PacketQueue fragments;
  for (size_t offset = 0; offset < payload; offset += chunk) {
    const size_t length = std::min(chunk, payload - offset);
    PacketBuf fragment = pool.Allocate();
    if (!fragment || fragment.tailroom() < headers_length) return false;
    emit(fragment.Append(headers_length), offset, length, offset + length < payload);
    if (!AppendCopy(fragment, packet, skip + offset, length, pool)) return false;
    fragment->interface = packet->interface;
    fragments.PushBack(std::move(fragment));
  }
  while (!fragments.empty()) out.PushBack(fragments.PopFront());
  return true;
}

}  // namespace

bool FragmentIpv4(const PacketBuf& packet, size_t mtu, uint16_t identification, PacketPool& pool,
                  PacketQueue& out) {
  CL_DCHECK(packet->l4_checksum != ChecksumState::kPartial);
  const auto view = Ipv4View::Parse(packet.bytes());
  if (!view || view->header_length() != Ipv4Header::length() ||
      view->total_length() != packet.packet_size() || view->is_fragment())
    return false;
  Ipv4Header header = Ipv4Header::FromView(*view);
  header.identification = identification;
  header.dont_fragment = false;
  return Cut(packet, Ipv4Header::length(), mtu, Ipv4Header::length(), pool, out,
             [&](uint8_t* to, size_t offset, size_t length, bool more) {
               header.total_length = static_cast<uint16_t>(Ipv4Header::length() + length);
               header.fragment_offset = static_cast<uint32_t>(offset);
               header.more_fragments = more;
               header.Emit(to);
             });
}

bool FragmentIpv6(const PacketBuf& packet, size_t mtu, uint32_t identification, PacketPool& pool,
                  PacketQueue& out) {
  CL_DCHECK(packet->l4_checksum != ChecksumState::kPartial);
  const auto view = Ipv6View::Parse(packet.bytes());
  if (!view || IsExtensionHeader(view->next_header()) || mtu < kIpv6MinimumMtu ||
      Ipv6View::kLength + view->payload_length() != packet.packet_size())
    return false;
  Ipv6Header header = Ipv6Header::FromView(*view);
  header.next_header = protocol::kFragment;
  Ipv6FragmentHeader fragment{.next_header = view->next_header()};
  fragment.identification = identification;
  const size_t headers_length = Ipv6Header::length() + Ipv6FragmentHeader::length();
  return Cut(packet, Ipv6Header::length(), mtu, headers_length, pool, out,
             [&](uint8_t* to, size_t offset, size_t length, bool more) {
               header.payload_length = static_cast<uint16_t>(Ipv6FragmentHeader::length() + length);
               fragment.fragment_offset = static_cast<uint32_t>(offset);
               fragment.more_fragments = more;
               header.Emit(to);
               fragment.Emit(to + Ipv6Header::length());
             });
}

IdentificationSource::IdentificationSource(Random random) {
  for (uint64_t& word : key_.words) word = random.Next64();
  for (uint32_t& counter : counters_) counter = random.Next32();
}

uint32_t IdentificationSource::Next(const IpAddress& src, const IpAddress& dst, uint8_t protocol) {
  const uint32_t hash = FlowHash(key_, src, protocol, dst, 0);
  return counters_[hash % counters_.size()]++;
}

}  // namespace corelane::ip
