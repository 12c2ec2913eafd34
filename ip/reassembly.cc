#include "ip/reassembly.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "ip/icmpv6.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::ip {
namespace {

constexpr uint32_t kMaxPacket = 65535;

// What a packet costs: its buffers, however little of them is used.
size_t CostOf(const PacketBuf& packet) {
  size_t cost = 0;
  for (const PacketHead* s = packet.head(); s != nullptr; s = s->next_segment)
    cost += sizeof(PacketHead) + s->pool->data_room();
  return cost;
}

// The first bytes of an upper-layer header that the first fragment must hold (RFC 1858 §2.1,
// RFC 7112 §5).
size_t MinimumUpperHeader(uint8_t protocol) {
  switch (protocol) {
    case protocol::kTcp:
      return 20;
    case protocol::kUdp:
    case protocol::kIcmp:
    case protocol::kIcmpv6:
      return 8;
    default:
      return 0;
  }
}

// Makes sure that the first `length` bytes of the first segment may be written.
bool OwnHeaders(PacketBuf& packet, size_t length) {
  if (packet->block == nullptr) return true;
  PacketBuf headers = packet->pool->Allocate();
  if (!headers || headers.tailroom() < length) return false;
  std::memcpy(headers.Append(length), packet.data(), length);
  headers->interface = packet->interface;
  packet.TrimFront(length);
  headers.AppendChain(std::move(packet));
  packet = std::move(headers);
  return true;
}

}  // namespace

// A datagram being put together. Fragments are linked by next_packet in the order of their offsets;
// each one's place is kept in its head: flow_hash holds the offset, packet_length the length.
struct Reassembler::Datagram {
  Key key;
  Instant deadline;
  Datagram* next_in_bucket = nullptr;
  ListNode age;  // in the list of its version, oldest first
  PacketHead* first = nullptr;
  PacketHead* last = nullptr;
  size_t cost = 0;
  uint32_t received = 0;  // bytes of payload held
  uint32_t total = 0;     // bytes of payload; 0: the last fragment has not come yet
  uint32_t header_length = 0;
  uint32_t fragments = 0;
  uint16_t fragment_header_offset = 0;    // of the first fragment, IPv6
  uint16_t fragment_protocol_offset = 0;  // likewise
  bool dead = false;                      // an overlap was seen: what comes is dropped
  bool ecn_not_ect = false;
  bool ecn_ce = false;
};

// One list for each version, since their time-outs differ: each is in the order of its deadlines.
struct Reassembler::Lists {
  IntrusiveList<Datagram, &Datagram::age> of[2];
};

Reassembler::Reassembler(const ReassemblyConfig& config, const FlowHashKey& key)
    : config_(config),
      key_(key),
      pool_(config.max_datagrams),
      buckets_(std::bit_ceil(std::max<size_t>(config.max_datagrams, 1))),
      lists_(std::make_unique<Lists>()) {
  CL_CHECK(config.max_datagrams > 0);
}

Reassembler::~Reassembler() {
  for (auto& list : lists_->of) {
    while (!list.empty()) Destroy(list.front());
  }
}

DropReason Reassembler::Input(PacketBuf& packet, IpIngress& ip, Instant now) {
  reports_problem_ = false;
  OnTimer(now);
  if (const DropReason drop = Check(packet, ip); drop != DropReason::kNone) return drop;
  if (ip.fragment_offset == 0 && !OwnHeaders(packet, ip.header_length))
    return DropReason::kNoBuffer;
  const Key key{ip.src, ip.dst, ip.identification, ip.is_v4() ? ip.protocol : uint8_t{0}};
  Datagram* datagram = Find(key);
  if (datagram == nullptr) datagram = Create(key, now);
  if (datagram->dead) return DropReason::kFragmentOverlap;
  if (const DropReason drop = Insert(*datagram, packet, ip); drop != DropReason::kNone) return drop;
  if (datagram->total == 0 || datagram->received != datagram->total) return DropReason::kNone;
  packet = Assemble(*datagram);
  Destroy(*datagram);
  ++stats_.completed;
  return DropReason::kNone;
}

// RFC 791 §3.2 and RFC 8200 §4.5: what is wrong with a fragment whatever else has come.
DropReason Reassembler::Check(const PacketBuf& packet, IpIngress& ip) {
  CL_DCHECK(ip.fragment && packet.packet_size() >= ip.packet_length());
  if (ip.more_fragments && (ip.payload_length % 8 != 0 || ip.payload_length == 0)) {
    if (ip.is_v4()) return DropReason::kFragmentMalformed;
    return Problem(DropReason::kFragmentMalformed, ip, icmpv6_parameter_problem::kErroneousHeader,
                   4);
  }
  const size_t headers =
      ip.is_v4() ? size_t{ip.header_length} : size_t{ip.fragment_header_offset} - Ipv6View::kLength;
  if (ip.fragment_offset + ip.payload_length + headers > kMaxPacket) {
    if (ip.is_v4()) return DropReason::kFragmentTooLarge;
    return Problem(DropReason::kFragmentTooLarge, ip, icmpv6_parameter_problem::kErroneousHeader,
                   size_t{ip.fragment_header_offset} + 2);
  }
  if (ip.payload_length == 0) return DropReason::kFragmentMalformed;
  return ip.fragment_offset == 0 ? CheckFirst(packet, ip)
         // RFC 1858 §2.1: TCP's flags in a fragment of their own.
         : ip.is_v4() && ip.protocol == protocol::kTcp && ip.fragment_offset < 20
             ? DropReason::kFragmentTooSmall
             : DropReason::kNone;
}

DropReason Reassembler::CheckFirst(const PacketBuf& packet, IpIngress& ip) {
  if (ip.is_v4()) {
    return ip.payload_length < MinimumUpperHeader(ip.protocol) ? DropReason::kFragmentTooSmall
                                                               : DropReason::kNone;
  }
  // RFC 7112 §5: the first fragment holds the whole chain of headers, the upper layer's included.
  Ipv6Chain chain;
  const std::span<const uint8_t> bytes =
      packet.bytes().first(std::min(packet.size(), ip.packet_length()));
  const DropReason drop = WalkExtensionHeaders(
      bytes, ip.protocol, ip.header_length, ip.protocol_offset, ip.dst.v6().IsMulticast(), chain);
  if (drop == DropReason::kIpTruncated ||
      (drop == DropReason::kNone &&
       ip.packet_length() < chain.header_length + MinimumUpperHeader(chain.protocol)))
    return Problem(DropReason::kFragmentTooSmall, ip,
                   icmpv6_parameter_problem::kIncompleteHeaderChain, 0);
  if (drop == DropReason::kNone && chain.fragment) return DropReason::kFragmentMalformed;
  if (drop != DropReason::kNone && chain.problem_pointer != 0)
    return Problem(drop, ip, chain.problem_code, chain.problem_pointer);
  return drop;
}

DropReason Reassembler::Problem(DropReason reason, IpIngress& ip, uint8_t code, size_t pointer) {
  ip.problem_code = code;
  ip.problem_pointer = static_cast<uint16_t>(pointer);
  reports_problem_ = true;
  return reason;
}

DropReason Reassembler::Insert(Datagram& datagram, PacketBuf& packet, const IpIngress& ip) {
  const uint32_t begin = ip.fragment_offset;
  const uint32_t end = begin + ip.payload_length;
  const bool last = !ip.more_fragments;
  // Where it belongs: almost always behind all others.
  PacketHead* before = datagram.last;
  if (before != nullptr && before->flow_hash >= begin) {
    before = nullptr;
    for (PacketHead* f = datagram.first; f->flow_hash < begin; f = f->next_packet) before = f;
  }
  PacketHead* after = before != nullptr ? before->next_packet : datagram.first;
  if (after != nullptr && after->flow_hash == begin && after->packet_length == ip.payload_length &&
      (!last || datagram.total == end))
    return DropReason::kFragmentDuplicate;  // RFC 8200 §4.5 allows to tell these from overlaps.
  const bool overlaps =
      (before != nullptr && before->flow_hash + before->packet_length > begin) ||
      (after != nullptr && after->flow_hash < end) ||
      // A second end, or bytes behind the end.
      (last &&
       (datagram.total != 0 || (datagram.last != nullptr && begin < datagram.last->flow_hash))) ||
      (datagram.total != 0 && end > datagram.total);
  if (overlaps) return GiveUp(datagram);
  const bool not_ect = datagram.ecn_not_ect || ip.ecn == ecn::kNotEct;
  const bool ce = datagram.ecn_ce || ip.ecn == ecn::kCe;
  if (not_ect && ce) {  // RFC 3168 §5.3: no sender marks its fragments like that.
    Clear(datagram);
    datagram.dead = true;
    return DropReason::kFragmentBadEcn;
  }
  if (datagram.fragments == config_.max_fragments) {
    ++stats_.evicted;
    Destroy(datagram);
    return DropReason::kFragmentLimit;
  }
  const size_t cost = CostOf(packet);
  MakeRoom(datagram, cost);
  if (bytes_ + cost > config_.max_bytes) {
    ++stats_.evicted;
    Destroy(datagram);
    return DropReason::kFragmentLimit;
  }

  // From here on the datagram owns it. The first fragment keeps its headers for what is assembled,
  // or for the error when it never is.
  packet.TrimBack(packet.packet_size() - ip.packet_length());
  PacketHead* head = packet.Release();
  if (begin == 0) {
    datagram.header_length = ip.header_length;
    datagram.fragment_header_offset = ip.fragment_header_offset;
    datagram.fragment_protocol_offset = ip.fragment_protocol_offset;
    head->l3_offset = 0;
  } else {
    PacketBuf rest = PacketBuf::Adopt(head);
    rest.TrimFront(ip.header_length);
    head = rest.Release();
  }
  // While it waits, packet_length counts payload only; Assemble() puts it right.
  head->packet_length = ip.payload_length;
  head->flow_hash = begin;
  head->flags &= static_cast<uint8_t>(~PacketHead::kHasFlowHash);
  head->next_packet = after;
  (before != nullptr ? before->next_packet : datagram.first) = head;
  if (after == nullptr) datagram.last = head;
  datagram.cost += cost;
  bytes_ += cost;
  ++datagram.fragments;
  datagram.received += ip.payload_length;
  if (last) datagram.total = end;
  datagram.ecn_not_ect = not_ect;
  datagram.ecn_ce = ce;
  return DropReason::kNone;
}

// RFC 5722 §4: the datagram, and what has not arrived of it yet, is dropped.
DropReason Reassembler::GiveUp(Datagram& datagram) {
  ++stats_.overlaps;
  Clear(datagram);
  datagram.dead = true;
  return DropReason::kFragmentOverlap;
}

// Joins the fragments and makes the first one's headers those of a whole packet.
PacketBuf Reassembler::Assemble(Datagram& datagram) {
  PacketHead* next = datagram.first->next_packet;
  PacketBuf packet = PacketBuf::Adopt(datagram.first);
  packet->next_packet = nullptr;
  packet->packet_length += datagram.header_length;
  packet->flow_hash = 0;
  // Appended at a running end: AppendChain would walk the chain once per fragment.
  PacketHead* end = packet.head();
  while (end->next_segment != nullptr) end = end->next_segment;
  while (next != nullptr) {
    PacketHead* head = next;
    next = head->next_packet;
    head->next_packet = nullptr;
    head->flow_hash = 0;
    packet->packet_length += head->packet_length;
    end->next_segment = head;
    while (end->next_segment != nullptr) end = end->next_segment;
  }
  datagram.first = datagram.last = nullptr;
  bytes_ -= std::exchange(datagram.cost, 0);

  // RFC 3168 §5.3: CE of one fragment is CE of the whole; one fragment that is Not-ECT makes it so.
  std::optional<uint8_t> ecn;
  if (datagram.ecn_not_ect) ecn = ecn::kNotEct;
  if (datagram.ecn_ce) ecn = ecn::kCe;
  uint8_t* p = packet.data();
  if (datagram.key.src.is_v4()) {
    if (ecn) p[1] = static_cast<uint8_t>((p[1] & 0xfc) | *ecn);
    StoreBe16(p + 2, static_cast<uint16_t>(packet.packet_size()));
    StoreBe16(p + 6, 0);
    StoreBe16(p + 10, 0);
    SumBytes({p, datagram.header_length}).StoreComplement(p + 10);
    packet->l3_checksum = ChecksumState::kGood;
  } else {
    if (ecn) p[1] = static_cast<uint8_t>((p[1] & 0xcf) | *ecn << 4);
    // RFC 8200 §4.5: the fragment header goes, the field before it names what follows it.
    p[datagram.fragment_protocol_offset] = p[datagram.fragment_header_offset];
    std::memmove(p + Ipv6FragmentHeader::kLength, p, datagram.fragment_header_offset);
    packet.TrimFront(Ipv6FragmentHeader::kLength);
    StoreBe16(packet.data() + 4, static_cast<uint16_t>(packet.packet_size() - Ipv6View::kLength));
  }
  packet->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
  packet->l4_checksum = ChecksumState::kNone;
  return packet;
}

// --- the table ---

uint32_t Reassembler::BucketOf(const Key& key) const {
  const auto low = static_cast<uint16_t>(key.identification);
  const auto high = static_cast<uint16_t>(key.identification >> 16);
  return FlowHash(key_, key.src, low, key.dst, static_cast<uint16_t>(high ^ key.protocol)) &
         static_cast<uint32_t>(buckets_.size() - 1);
}

Reassembler::Datagram* Reassembler::Find(const Key& key) const {
  Datagram* datagram = buckets_[BucketOf(key)];
  while (datagram != nullptr && datagram->key != key) datagram = datagram->next_in_bucket;
  return datagram;
}

// Makes a place for a new datagram, if need be an old one's: of the same source where that has more
// than its share, else the oldest.
Reassembler::Datagram* Reassembler::Create(const Key& key, Instant now) {
  const bool v6 = key.src.is_v6();
  size_t of_source = 0;
  Datagram* own_oldest = OldestOf(key.src, of_source);
  if (of_source >= config_.max_datagrams_per_source && own_oldest != nullptr) {
    ++stats_.evicted;
    Destroy(*own_oldest);
  } else if (live_ == config_.max_datagrams) {
    auto& mine = lists_->of[v6 ? 1 : 0];
    auto& others = lists_->of[v6 ? 0 : 1];
    ++stats_.evicted;
    Destroy(mine.empty() ? others.front() : mine.front());
  }
  Datagram* datagram = pool_.New();
  datagram->key = key;
  datagram->deadline = now + (v6 ? config_.ipv6_timeout : config_.ipv4_timeout);
  Datagram*& bucket = buckets_[BucketOf(key)];
  datagram->next_in_bucket = bucket;
  bucket = datagram;
  lists_->of[v6 ? 1 : 0].PushBack(*datagram);
  ++live_;
  return datagram;
}

Reassembler::Datagram* Reassembler::OldestOf(const IpAddress& src, size_t& count) const {
  Datagram* oldest = nullptr;
  count = 0;
  for (Datagram& datagram : lists_->of[src.is_v6() ? 1 : 0]) {
    if (datagram.key.src != src) continue;
    if (oldest == nullptr) oldest = &datagram;
    ++count;
  }
  return oldest;
}

// Gives up the oldest datagrams but `keep` until `bytes` more fit, or there is nothing else.
void Reassembler::MakeRoom(const Datagram& keep, size_t bytes) {
  for (auto& list : lists_->of) {
    auto at = list.begin();
    while (bytes_ + bytes > config_.max_bytes && at != list.end()) {
      Datagram& datagram = *at;
      ++at;
      if (&datagram == &keep || datagram.cost == 0) continue;
      ++stats_.evicted;
      Destroy(datagram);
    }
  }
}

void Reassembler::Clear(Datagram& datagram) {
  while (datagram.first != nullptr) {
    PacketHead* head = datagram.first;
    datagram.first = head->next_packet;
    PacketBuf::Adopt(head).Reset();
  }
  datagram.last = nullptr;
  datagram.received = datagram.total = datagram.fragments = 0;
  bytes_ -= std::exchange(datagram.cost, 0);
}

void Reassembler::Destroy(Datagram& datagram) {
  Clear(datagram);
  Datagram** link = &buckets_[BucketOf(datagram.key)];
  while (*link != &datagram) link = &(*link)->next_in_bucket;
  *link = datagram.next_in_bucket;
  --live_;
  pool_.Delete(&datagram);
}

// --- time ---

void Reassembler::OnTimer(Instant now) {
  for (auto& list : lists_->of) {
    while (!list.empty() && now >= list.front().deadline) Expire(list.front());
  }
}

void Reassembler::Expire(Datagram& datagram) {
  if (!datagram.dead) ++stats_.timed_out;
  PacketHead* head = datagram.first;
  // RFC 792, RFC 8200 §4.5: told of only when the first fragment has come. Bounded: the caller
  // polls these after each OnTimer().
  if (head != nullptr && head->flow_hash == 0 && timed_out_.size() < config_.max_datagrams) {
    datagram.first = head->next_packet;
    head->packet_length += datagram.header_length;
    timed_out_.PushBack(PacketBuf::Adopt(head));
  }
  Destroy(datagram);
}

Instant Reassembler::OldestDeadline() const {
  Instant next = kNever;
  for (auto& list : lists_->of) {
    if (!list.empty()) next = std::min(next, list.front().deadline);
  }
  return next;
}

}  // namespace corelane::ip
