// TCP packets that arrive: checksum, demultiplexing, merging, listeners, TIME-WAIT, resets.

#include <algorithm>
#include <utility>

#include "arp/ethernet.h"
#include "core/checksum.h"
#include "ip/protocol.h"
#include "stack/tcp_layer.h"

namespace corelane::stack {
namespace {

using ip::DropReason;

// Where the headers of a plain frame with a TCP segment lie: Ethernet without tags, IPv4 without
// options or IPv6 without extension headers.
struct PlainFrame {
  size_t ip_header = 0;
  size_t ip_length = 0;  // of the whole packet
  uint8_t ecn = 0;
  tcp::FourTuple tuple;

  size_t tcp_offset() const { return arp::EthernetView::kUntaggedLength + ip_header; }
  size_t tcp_length() const { return ip_length - ip_header; }
};

// False: not plain, damaged or too short. What an IP layer checks beside (RFC 1122 §3.2.1, RFC 8200
// §3) follows from the frame's being of an open connection.
bool ParsePlain(const PacketBuf& frame, const MacAddress& mac, PlainFrame& out) {
  constexpr size_t kIp = arp::EthernetView::kUntaggedLength;
  const uint8_t* const p = frame.data();
  const uint8_t* const ip = p + kIp;
  if (frame.size() < kIp + 20 + tcp::kMinHeaderLength || MacAddress::FromBytes(p) != mac ||
      (frame->flags & PacketHead::kHasVlan) != 0) {
    return false;
  }
  switch (LoadBe16(p + 12)) {
    case arp::ether_type::kIpv4:
      if (ip[0] != 0x45 || ip[9] != ip::protocol::kTcp || (LoadBe16(ip + 6) & 0x3fff) != 0 ||
          (frame->l3_checksum != ChecksumState::kGood &&
           !SumBytes(std::span<const uint8_t, 20>(ip, 20)).IsValid())) {
        return false;
      }
      out.ip_header = 20;
      out.ip_length = LoadBe16(ip + 2);
      out.ecn = ip[1] & 3;
      out.tuple.local = Ipv4Address::FromBytes(ip + 16);
      out.tuple.remote = Ipv4Address::FromBytes(ip + 12);
      break;
    case arp::ether_type::kIpv6:
      if (frame.size() < kIp + 40 + tcp::kMinHeaderLength || ip[0] >> 4 != 6 ||
          ip[6] != ip::protocol::kTcp) {
        return false;
      }
      out.ip_header = 40;
      out.ip_length = 40 + size_t{LoadBe16(ip + 4)};
      out.ecn = ip[1] >> 4 & 3;
      out.tuple.local = Ipv6Address::FromBytes(ip + 24);
      out.tuple.remote = Ipv6Address::FromBytes(ip + 8);
      // RFC 4291 §2.5.5.2: never on a wire; it would pass for IPv4 here.
      if (out.tuple.local.is_v4() || out.tuple.remote.is_v4()) return false;
      break;
    default:
      return false;
  }
  const uint8_t* const tcp = p + out.tcp_offset();
  out.tuple.local_port = LoadBe16(tcp + 2);
  out.tuple.remote_port = LoadBe16(tcp);
  return kIp + out.ip_length <= frame.packet_size() &&
         out.ip_length >= out.ip_header + tcp::kMinHeaderLength;
}

// Leaves the payload: without the headers, without a packet where there is none.
void StripHeaders(PacketBuf& packet, size_t headers, uint32_t payload_length) {
  if (payload_length == 0) {
    packet.Reset();
  } else if (headers == packet.size() && packet->next_segment != nullptr) {
    packet = packet.DropFirstSegment();
  } else {
    packet.TrimFront(headers);
  }
}

}  // namespace

bool TcpLayer::TakeKnown(Interface& interface, PacketBuf& frame, Instant now) {
  PlainFrame plain;
  if (!ParsePlain(frame, interface.mac(), plain)) return false;
  TcpSocket* const socket = table_.Find(plain.tuple, table_.Hash(plain.tuple));
  // That the packet is for us follows from the path, unless addresses have changed since.
  if (socket == nullptr || socket->path_->local_interface != interface.index() ||
      !network_.IsFresh(*socket->path_)) {
    return false;
  }
  const auto header = tcp::HeaderView::Parse(frame.bytes().subspan(plain.tcp_offset()));
  if (!header || header->header_length() > plain.tcp_length()) return false;
  if (frame->l4_checksum != ChecksumState::kGood) {
    if (frame->l4_checksum == ChecksumState::kBad) return false;
    // RFC 9293 §3.1, MUST-3.
    const Sum16 sum = socket->path_->PseudoSum(plain.tcp_length(), ip::protocol::kTcp) +
                      SumPacket(frame, plain.tcp_offset(), plain.tcp_length());
    if (!sum.IsValid()) return false;
  }
  tcp::Segment segment;
  const auto payload_length = static_cast<uint32_t>(plain.tcp_length() - header->header_length());
  if (!tcp::ParseSegment(*header, payload_length, segment)) return false;
  segment.ecn = plain.ecn;
  segment.frames = std::max<uint16_t>(frame->segment_count, 1);
  const size_t end = plain.tcp_offset() + plain.tcp_length();
  if (frame.packet_size() > end) frame.TrimBack(frame.packet_size() - end);  // link padding
  StripHeaders(frame, plain.tcp_offset() + header->header_length(), payload_length);
  OnSocketSegment(*socket, segment, std::move(frame), now);
  return true;
}

void TcpLayer::OnPacket(PacketBuf packet, const ip::IpIngress& ip, Instant now) {
  // RFC 9293 §3.9.2.3 (and RFC 1122 §3.2.1.3): nobody can be answered at the unspecified address.
  const bool unspecified =
      ip.src.is_v4() ? ip.src.v4().IsUnspecified() : ip.src.v6().IsUnspecified();
  if (unspecified) {
    network_.drops().Count(DropReason::kIpMartianSource);
    return;
  }
  const auto header = tcp::HeaderView::Parse(
      packet.bytes().subspan(std::min<size_t>(ip.header_length, packet.size())));
  if (!header || header->header_length() > ip.payload_length) {
    network_.drops().Count(DropReason::kTcpMalformed);
    return;
  }
  if (packet->l4_checksum == ChecksumState::kBad) {
    network_.drops().Count(DropReason::kTcpBadChecksum);
    return;
  }
  if (packet->l4_checksum == ChecksumState::kNone) {
    // RFC 9293 §3.1, MUST-3.
    const Sum16 sum = PseudoHeaderSum(ip.src, ip.dst, ip::protocol::kTcp, ip.payload_length) +
                      SumPacket(packet, ip.header_length, ip.payload_length);
    if (!sum.IsValid()) {
      network_.drops().Count(DropReason::kTcpBadChecksum);
      return;
    }
  }
  tcp::Segment segment;
  const auto payload_length = static_cast<uint32_t>(ip.payload_length - header->header_length());
  if (!tcp::ParseSegment(*header, payload_length, segment)) {
    network_.drops().Count(DropReason::kTcpBadOption);
    return;
  }
  segment.ecn = ip.ecn;
  segment.frames = std::max<uint16_t>(packet->segment_count, 1);
  const tcp::FourTuple tuple{ip.dst, ip.src, header->destination_port(), header->source_port()};
  const uint32_t hash = table_.Hash(tuple);
  TcpSocket* const socket = table_.Find(tuple, hash);
  StripHeaders(packet, ip.header_length + header->header_length(), payload_length);
  if (socket == nullptr) [[unlikely]] {
    OnUnknown(tuple, segment, std::move(packet), hash, now);
    return;
  }
  OnSocketSegment(*socket, segment, std::move(packet), now);
}

// --- merging (software GRO) ---

void TcpLayer::OnSocketSegment(TcpSocket& socket, const tcp::Segment& segment, PacketBuf payload,
                               Instant now) {
  // Whether anything is held or may be.
  if ((merging_ || held_count_ > 0) && TryMerge(socket, segment, payload, now)) return;
  Deliver(socket, segment, std::move(payload), now);
}

// True: taken. Only plain data with identical options merges, so that nothing which needs an
// acknowledgement of its own or tells something new is ever lost in a run.
bool TcpLayer::TryMerge(TcpSocket& socket, const tcp::Segment& s, PacketBuf& payload, Instant now) {
  Held* held = nullptr;
  for (size_t i = 0; i < held_count_; ++i) {
    if (held_[i].socket == &socket) held = &held_[i];
  }
  const bool plain =
      s.payload_length > 0 && (s.flags & ~tcp::kPsh) == tcp::kAck && s.sack_count == 0;
  if (held != nullptr) {
    tcp::Segment& h = held->segment;
    const bool continues = plain && s.seq == h.end() && s.ack == h.ack && s.window == h.window &&
                           s.ecn == h.ecn && s.has_timestamps == h.has_timestamps &&
                           (!s.has_timestamps || (s.timestamps.value == h.timestamps.value &&
                                                  s.timestamps.echo == h.timestamps.echo)) &&
                           h.payload_length + s.payload_length <= 0xffff;
    if (continues) {
      h.payload_length += s.payload_length;
      h.frames = static_cast<uint16_t>(h.frames + s.frames);
      h.flags |= s.flags;
      PacketHead* const tail = payload.head();
      held->payload.head()->packet_length += tail->packet_length;
      held->tail->next_segment = payload.Release();
      PacketHead* last = tail;
      while (last->next_segment != nullptr) last = last->next_segment;
      held->tail = last;
      return true;
    }
    DeliverHeld(*held, now);
    *held = std::move(held_[--held_count_]);
  }
  if (!plain || !merging_) return false;
  if (held_count_ == kMaxHeld) FlushMerged(now);
  Held& fresh = held_[held_count_++];
  fresh.socket = &socket;
  fresh.segment = s;
  PacketHead* last = payload.head();
  while (last->next_segment != nullptr) last = last->next_segment;
  fresh.tail = last;
  fresh.payload = std::move(payload);
  return true;
}

void TcpLayer::DeliverHeld(Held& held, Instant now) {
  Deliver(*held.socket, held.segment, std::move(held.payload), now);
}

void TcpLayer::FlushMerged(Instant now) {
  for (size_t i = 0; i < held_count_; ++i) DeliverHeld(held_[i], now);
  held_count_ = 0;
}

void TcpLayer::Deliver(TcpSocket& socket, const tcp::Segment& segment, PacketBuf payload,
                       Instant now) {
  tcp::Connection& c = socket.connection_;
  if (Lane* const lane = network_.lane(); lane != nullptr) {
    lane->CountPackets(socket.bucket_, segment.frames);
  }
  if (c.AckIsUrgent()) EmitUrgentAck(socket, now);
  const tcp::SeqNum before = c.snd_una();
  c.OnSegment(segment, std::move(payload), now);
  if (c.snd_una() > before) network_.Confirm(*socket.path_, now);
  AfterInput(socket);
}

// An acknowledgement that must not merge with that of the next segment goes out before it is looked
// at.
void TcpLayer::EmitUrgentAck(TcpSocket& socket, Instant now) {
  if (!network_.Refresh(*socket.path_, now)) return;
  Interface& interface = *socket.path_->interface;
  if (interface.room() == 0) interface.Flush(now);
  if (interface.room() == 0) return;  // it merges after all: the device is the bottleneck
  PacketBuf segment =
      socket.connection_.PollTransmit(interface.cache(), socket.connection_.mss(), now);
  if (segment) network_.SendTcp(*socket.path_, std::move(segment), now);
}

// --- no connection yet or any more ---

void TcpLayer::OnUnknown(const tcp::FourTuple& tuple, const tcp::Segment& s, PacketBuf payload,
                         uint32_t hash, Instant now) {
  counters_.segments_in.Increment(1);
  std::optional<tcp::SeqNum> reopen;
  if (time_wait_.size() > 0 && OnTimeWaitSegment(tuple, s, reopen, now)) return;
  if (s.rst()) {
    network_.drops().Count(DropReason::kTcpClosed);
    return;
  }
  TcpListener* const listener = FindListener(tuple.local, tuple.local_port);
  if (listener != nullptr && AwaitsCookies(*listener, now) &&
      OnCookie(*listener, tuple, s, payload, hash, now)) {
    return;
  }
  if (listener == nullptr || s.has_ack() || !s.syn()) {
    // RFC 9293 §3.10.7.1 and §3.10.7.2
    network_.drops().Count(listener == nullptr ? DropReason::kTcpNoListener
                                               : DropReason::kTcpClosed);
    if (listener == nullptr || s.has_ack()) SendReset(tuple, s, now);
    return;
  }
  if (s.fin()) {
    network_.drops().Count(DropReason::kTcpBadFlags);
    return;
  }
  OnSyn(*listener, tuple, s, hash, reopen, now);
}

// True: the segment was for a connection in TIME-WAIT. Not so when its SYN may open the tuple anew:
// `reopen` then holds the sequence number that the new connection must begin beyond.
bool TcpLayer::OnTimeWaitSegment(const tcp::FourTuple& tuple, const tcp::Segment& s,
                                 std::optional<tcp::SeqNum>& reopen, Instant now) {
  tcp::TimeWait* const record = time_wait_.Find(tuple, time_wait_.Hash(tuple));
  if (record == nullptr) return false;
  switch (time_wait_.OnSegment(*record, s, now)) {
    case tcp::TimeWaitTable::Verdict::kDrop:
      network_.drops().Count(DropReason::kTcpTimeWait);
      return true;
    case tcp::TimeWaitTable::Verdict::kReopen:
      if (FindListener(tuple.local, tuple.local_port) != nullptr) {
        reopen = record->snd_nxt;
        return false;
      }
      [[fallthrough]];
    case tcp::TimeWaitTable::Verdict::kAck: {
      tcp::OutgoingOptions options;
      if (record->uses_timestamps) {
        options.has_timestamps = true;
        const auto clock = static_cast<uint32_t>(ToMilliseconds(now.time_since_epoch()));
        options.timestamps = {clock + record->ts_offset, record->ts_recent};
      }
      SendBare(tuple,
               {tuple.local_port, tuple.remote_port, record->snd_nxt, record->rcv_nxt, tcp::kAck,
                record->window},
               options, now);
      return true;
    }
  }
  return true;
}

void TcpLayer::OnSyn(TcpListener& listener, const tcp::FourTuple& tuple, const tcp::Segment& s,
                     uint32_t hash, std::optional<tcp::SeqNum> reopen, Instant now) {
  if (listener.accepted_count_ >= listener.backlog_) {
    counters_.backlog_drops.Increment(1);
    network_.drops().Count(DropReason::kTcpListenOverflow);
    return;
  }
  if (listener.embryonic_count_ >= listener.backlog_) {
    // RFC 9293 §3.6.1, MAY-2: the new connection begins beyond the old one's sequence numbers,
    // which a cookie does not know.
    if (!reopen) {
      SendCookie(listener, tuple, s, now);
    } else {
      counters_.backlog_drops.Increment(1);
      network_.drops().Count(DropReason::kTcpListenOverflow);
    }
    return;
  }
  TcpSocket* const socket = NewEmbryonic(listener, tuple, hash, now);
  if (socket == nullptr) return;
  tcp::InitialNumbers initial = secrets_.ForConnection(tuple, now);
  if (reopen) {
    initial.iss = tcp::TimeWaitTable::ReopenIss(initial.iss, *reopen);
    time_wait_.Remove(*time_wait_.Find(tuple, time_wait_.Hash(tuple)));
  }
  socket->connection_.OpenPassive(s, initial.iss, initial.timestamp_offset, now);
  Touch(*socket);
}

// Null: no room for it, which is counted.
TcpSocket* TcpLayer::NewEmbryonic(TcpListener& listener, const tcp::FourTuple& tuple, uint32_t hash,
                                  Instant now) {
  Path* const path = network_.paths().Acquire(tuple.local, tuple.remote);
  if (path == nullptr || !network_.Refresh(*path, now)) {
    if (path != nullptr) network_.paths().Release(path);
    network_.drops().Count(path == nullptr ? DropReason::kTcpMemory : DropReason::kNoRoute);
    return nullptr;
  }
  TcpSocket* const socket = NewSocket(tuple, listener.options_, path);
  if (socket == nullptr) {
    network_.paths().Release(path);
    network_.drops().Count(DropReason::kTcpMemory);
    return nullptr;
  }
  table_.Insert(socket, hash);
  socket->in_table_ = true;
  socket->listener_ = &listener;
  socket->embryonic_ = true;
  listener.embryonic_.PushBack(*socket);
  ++listener.embryonic_count_;
  return socket;
}

// RFC 4987 §3.6: the flood cannot make us forget those that we began to speak with, nor keep others
// from beginning.
void TcpLayer::SendCookie(TcpListener& listener, const tcp::FourTuple& tuple, const tcp::Segment& s,
                          Instant now) {
  Path* const path = network_.paths().Acquire(tuple.local, tuple.remote);
  if (path == nullptr) {
    network_.drops().Count(DropReason::kTcpMemory);
    return;
  }
  tcp::OutgoingOptions options;
  if (network_.Refresh(*path, now)) options.mss = path->tcp_mss;
  const tcp::Options& own = listener.options_;
  if (own.timestamps && s.has_timestamps) {
    // Only a timestamp remembers the other two.
    tcp::Segment agreed = s;
    agreed.sack_permitted = s.sack_permitted && own.sack;
    if (!own.window_scaling) agreed.window_scale = -1;
    const auto clock = static_cast<uint32_t>(ToMilliseconds(now.time_since_epoch())) +
                       secrets_.ForConnection(tuple, now).timestamp_offset;
    options.has_timestamps = true;
    options.timestamps = {tcp::SynCookies::TimestampFor(agreed, clock), s.timestamps.value};
    options.sack_permitted = agreed.sack_permitted;
    if (agreed.window_scale >= 0) {
      options.window_scale = static_cast<int8_t>(tcp::Connection::WindowScale(own));
    }
  }
  listener.cookies_until_ = now + 2 * tcp::SynCookies::kPeriod;
  Lane* const lane = network_.lane();
  if (lane != nullptr) lane->group().AwaitCookies(listener.cookies_until_);
  counters_.syn_cookies_out.Increment(1);
  SendBare(tuple,
           {tuple.local_port, tuple.remote_port, cookies_.Make(tuple, s, now), s.seq + 1,
            tcp::kSyn | tcp::kAck, tcp::Connection::CookieWindow(own)},
           options, now);
  network_.paths().Release(path);
}

bool TcpLayer::AwaitsCookies(const TcpListener& listener, Instant now) {
  Lane* const lane = network_.lane();
  return now < listener.cookies_until_ || (lane != nullptr && now < lane->group().cookies_until());
}

// False: `s` returns none of our cookies, and is not dropped as what may follow one.
bool TcpLayer::OnCookie(TcpListener& listener, const tcp::FourTuple& tuple, const tcp::Segment& s,
                        PacketBuf& payload, uint32_t hash, Instant now) {
  tcp::Segment answer = s;
  answer.has_timestamps = s.has_timestamps && listener.options_.timestamps;
  const std::optional<tcp::Segment> syn = cookies_.Check(tuple, answer, now);
  const bool full = listener.accepted_count_ >= listener.backlog_;
  if (!syn && (s.syn() || !full)) return false;
  if (full) {
    // Whoever returned a cookie believes that he is connected, and repeats what he sends: also what
    // comes after it is dropped, for the reset of RFC 9293 §3.10.7.2 would end it. (RFC 4987 §3.6
    // leaves open what becomes of cookies that find no room.)
    counters_.backlog_drops.Increment(1);
    network_.drops().Count(DropReason::kTcpListenOverflow);
    return true;
  }
  TcpSocket* const socket = NewEmbryonic(listener, tuple, hash, now);
  if (socket == nullptr) return true;
  counters_.syn_cookies_in.Increment(1);
  socket->connection_.OpenFromCookie(*syn, s.ack - 1,
                                     secrets_.ForConnection(tuple, now).timestamp_offset, now);
  Deliver(*socket, s, std::move(payload), now);
  return true;
}

// RFC 9293 §3.5.2, §3.10.7.1: a reset that the sender of `s` will accept.
void TcpLayer::SendReset(const tcp::FourTuple& tuple, const tcp::Segment& s, Instant now) {
  if (s.rst() || !reset_limiter_.Allow(now)) return;
  tcp::OutgoingHeader header;
  header.source_port = tuple.local_port;
  header.destination_port = tuple.remote_port;
  if (s.has_ack()) {
    header.seq = s.ack;
    header.flags = tcp::kRst;
  } else {
    header.ack = s.end();
    header.flags = tcp::kRst | tcp::kAck;
  }
  counters_.resets_out.Increment(1);
  SendBare(tuple, header, tcp::OutgoingOptions(), now);
}

void TcpLayer::SendBare(const tcp::FourTuple& tuple, const tcp::OutgoingHeader& header,
                        const tcp::OutgoingOptions& options, Instant now) {
  Path* const path = network_.paths().Acquire(tuple.local, tuple.remote);
  if (path == nullptr) return;
  if (network_.Refresh(*path, now)) {
    PacketBuf packet = path->interface->cache().Take();
    if (packet) {
      tcp::EmitHeader(header, options, packet.Append(tcp::kMinHeaderLength + options.length()));
      packet->payload_offset = static_cast<uint16_t>(packet.size());
      packet->l4_checksum = ChecksumState::kPartial;
      counters_.segments_out.Increment(1);
      network_.SendTcp(*path, std::move(packet), now);
    }
  }
  network_.paths().Release(path);
}

// --- errors from below ---

void TcpLayer::OnIcmpError(const ip::IcmpErrorReport& report, Instant now) {
  now_ = now;
  const tcp::FourTuple tuple{report.src, report.dst, report.src_port, report.dst_port};
  TcpSocket* const socket = table_.Find(tuple, table_.Hash(tuple));
  // RFC 5927 §4.1: only an error about something in flight is believed.
  if (socket == nullptr || !report.has_sequence) {
    network_.drops().Count(DropReason::kIcmpNotForUs);
    return;
  }
  tcp::Connection& c = socket->connection_;
  const tcp::SeqNum quoted(report.tcp_sequence);
  if (quoted < c.snd_una() || quoted >= Max(c.snd_nxt(), c.snd_una() + 1)) {
    network_.drops().Count(DropReason::kIcmpNotForUs);
    return;
  }
  if (report.kind == ip::IcmpErrorKind::kPacketTooBig) {
    // RFC 1191 §6.4, RFC 8201 §5.4: what was refused goes out again now, not after a time-out.
    Path& path = *socket->path_;
    if (network_.UpdatePathMtu(report.dst, report.mtu, report.quoted_length, now) &&
        network_.Refresh(path, now)) {
      c.OnPathMss(path.tcp_mss, now);
    }
  } else {
    const bool refused = report.kind == ip::IcmpErrorKind::kPortUnreachable ||
                         report.kind == ip::IcmpErrorKind::kProtocolUnreachable;
    c.OnSoftError(refused ? tcp::Error::kRefused : tcp::Error::kUnreachable, now);
  }
  AfterInput(*socket);
}

void TcpLayer::OnUnreachable(const tcp::FourTuple& tuple, Instant now) {
  now_ = now;
  if (TcpSocket* const socket = table_.Find(tuple, table_.Hash(tuple))) {
    socket->connection_.OnSoftError(tcp::Error::kUnreachable, now);
    AfterInput(*socket);
  }
}

}  // namespace corelane::stack
