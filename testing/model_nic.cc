#include "testing/model_nic.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/ip_address.h"
#include "driver/frame.h"
#include "driver/registry.h"

namespace corelane::testing {
namespace {

using driver::Capabilities;
using driver::DeviceInfo;
using driver::DeviceQueue;
using driver::QueueStats;
using driver::TxLimits;
using driver::WakeSource;
using Frame = std::vector<uint8_t>;

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kFin = 0x01, kPsh = 0x08, kAck = 0x10, kCwr = 0x80;
constexpr size_t kTag = 4;

// Where things are in an IP frame, as its own bytes say.
struct Layout {
  size_t l3 = 0;
  size_t l4 = 0;
  size_t payload = 0;  // with a transport header only
  size_t end = 0;      // of the IP packet; padding follows
  bool v4 = false;
  uint8_t protocol = 0;
  bool transport = false;  // TCP or UDP, no fragment, header whole
};

std::optional<Layout> ParseLayout(std::span<const uint8_t> frame) {
  if (frame.size() < 14) return std::nullopt;
  Layout at;
  at.l3 = 14;
  uint16_t type = LoadBe16(&frame[12]);
  if (type == 0x8100 && frame.size() >= 18) {
    at.l3 = 18;
    type = LoadBe16(&frame[16]);
  }
  bool fragment = false;
  if (type == 0x0800 && frame.size() >= at.l3 + 20) {
    const uint8_t* ip = &frame[at.l3];
    at.v4 = true;
    at.l4 = at.l3 + size_t{ip[0]} % 16 * 4;
    at.end = at.l3 + LoadBe16(ip + 2);
    at.protocol = ip[9];
    fragment = (LoadBe16(ip + 6) & 0x3fff) != 0;
    if (at.l4 < at.l3 + 20) return std::nullopt;
  } else if (type == 0x86dd && frame.size() >= at.l3 + 40) {
    const uint8_t* ip = &frame[at.l3];
    at.l4 = at.l3 + 40;
    at.end = at.l4 + LoadBe16(ip + 4);
    at.protocol = ip[6];
  } else {
    return std::nullopt;
  }
  if (at.end > frame.size() || at.l4 > at.end) return std::nullopt;
  if (at.protocol == kTcp && at.l4 + 20 <= at.end) {
    at.payload = at.l4 + size_t{frame[at.l4 + 12]} / 16 * 4;
    at.transport = at.payload >= at.l4 + 20 && at.payload <= at.end;
  } else if (at.protocol == kUdp && at.l4 + 8 <= at.end) {
    at.payload = at.l4 + 8;
    at.transport = true;
  }
  if (fragment) at.transport = false;
  return at;
}

IpAddress Address(std::span<const uint8_t> frame, const Layout& at, bool source) {
  const uint8_t* ip = &frame[at.l3];
  if (at.v4) return Ipv4Address::FromBytes(ip + (source ? 12 : 16));
  return Ipv6Address::FromBytes(ip + (source ? 8 : 24));
}

Sum16 PseudoHeader(std::span<const uint8_t> frame, const Layout& at) {
  return PseudoHeaderSum(Address(frame, at, true), Address(frame, at, false), at.protocol,
                         static_cast<uint32_t>(at.end - at.l4));
}

uint8_t* ChecksumField(Frame& frame, const Layout& at) {
  return &frame[at.l4 + (at.protocol == kTcp ? 16 : 6)];
}

void CompleteL3(Frame& frame, const Layout& at) {
  if (!at.v4) return;
  uint8_t* ip = &frame[at.l3];
  StoreBe16(ip + 10, 0);
  SumBytes({ip, at.l4 - at.l3}).StoreComplement(ip + 10);
}

void CompleteL4(Frame& frame, const Layout& at) {
  uint8_t* field = ChecksumField(frame, at);
  StoreBe16(field, 0);
  const Sum16 sum = PseudoHeader(frame, at) +
                    SumBytes(std::span<const uint8_t>(frame).subspan(at.l4, at.end - at.l4));
  sum.StoreComplement(field);
  // RFC 768: a checksum of zero means none.
  if (at.protocol == kUdp && LoadBe16(field) == 0) StoreBe16(field, 0xffff);
}

void SetIpLength(Frame& frame, const Layout& at, size_t end) {
  StoreBe16(&frame[at.l3 + (at.v4 ? 2 : 4)], static_cast<uint16_t>(end - (at.v4 ? at.l3 : at.l4)));
}

// Cuts a TCP frame into frames of at most segment_size bytes of payload, checksums complete.
std::vector<Frame> CutFrame(const Frame& whole, const Layout& at, size_t segment_size) {
  std::vector<Frame> frames;
  for (size_t from = at.payload; from < at.end; from += segment_size) {
    const size_t n = std::min(segment_size, at.end - from);
    Frame frame(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(at.payload));
    frame.insert(frame.end(), whole.begin() + static_cast<ptrdiff_t>(from),
                 whole.begin() + static_cast<ptrdiff_t>(from + n));
    Layout piece = at;
    piece.end = at.payload + n;
    SetIpLength(frame, at, piece.end);
    if (at.v4) {
      uint8_t* id = &frame[at.l3 + 4];
      StoreBe16(id, static_cast<uint16_t>(LoadBe16(id) + frames.size()));
    }
    uint8_t* tcp = &frame[at.l4];
    StoreBe32(tcp + 4, static_cast<uint32_t>(LoadBe32(tcp + 4) + (from - at.payload)));
    // FIN and PSH belong to the last byte, CWR to the first frame (RFC 3168 §6.1.2).
    if (from + n < at.end) tcp[13] &= static_cast<uint8_t>(~(kFin | kPsh));
    if (from > at.payload) tcp[13] &= static_cast<uint8_t>(~kCwr);
    CompleteL3(frame, piece);
    CompleteL4(frame, piece);
    frames.push_back(std::move(frame));
  }
  return frames;
}

// A frame on its way, with what the receiving card found out about it.
struct Arrival {
  Frame frame;
  std::optional<uint16_t> tag;
  std::optional<Layout> at;
  ChecksumState l3 = ChecksumState::kNone;
  ChecksumState l4 = ChecksumState::kNone;
  uint32_t hash = 0;
  uint16_t segment_size = 0;
  uint16_t segment_count = 1;
};

void CheckSums(Arrival& arrival) {
  if (!arrival.at) return;
  const std::span<const uint8_t> frame = arrival.frame;
  const Layout& at = *arrival.at;
  const auto verdict = [](Sum16 sum) {
    return sum.IsValid() ? ChecksumState::kGood : ChecksumState::kBad;
  };
  if (at.v4) arrival.l3 = verdict(SumBytes(frame.subspan(at.l3, at.l4 - at.l3)));
  if (!at.transport) return;
  if (at.protocol == kUdp && at.v4 && LoadBe16(&frame[at.l4 + 6]) == 0) return;
  arrival.l4 = verdict(PseudoHeader(frame, at) + SumBytes(frame.subspan(at.l4, at.end - at.l4)));
}

// Whether `next` continues the TCP stream of `first`, with the same headers otherwise.
bool Continues(const Arrival& first, const Arrival& next) {
  if (!first.at || !next.at || !first.at->transport || !next.at->transport) return false;
  const Layout& a = *first.at;
  const Layout& b = *next.at;
  if (a.protocol != kTcp || b.protocol != kTcp || a.l3 != b.l3 || a.payload != b.payload ||
      a.v4 != b.v4 || first.tag != next.tag) {
    return false;
  }
  if (first.l3 == ChecksumState::kBad || first.l4 != ChecksumState::kGood ||
      next.l3 == ChecksumState::kBad || next.l4 != ChecksumState::kGood) {
    return false;
  }
  const uint8_t* x = first.frame.data();
  const uint8_t* y = next.frame.data();
  // All headers but lengths, identification, checksums, sequence number and PSH.
  Frame mine(x, x + a.payload);
  Frame other(y, y + b.payload);
  for (Frame* headers : {&mine, &other}) {
    const auto clear = [&](size_t at, size_t n) {
      std::fill_n(headers->begin() + static_cast<ptrdiff_t>(at), n, uint8_t{0});
    };
    if (a.v4) {
      clear(a.l3 + 2, 4);
      clear(a.l3 + 10, 2);
    } else {
      clear(a.l3 + 4, 2);
    }
    clear(a.l4 + 4, 4);
    clear(a.l4 + 16, 2);
    (*headers)[a.l4 + 13] &= static_cast<uint8_t>(~kPsh);
  }
  const size_t have = a.end - a.payload;
  const size_t more = b.end - b.payload;
  const size_t segment = first.segment_size != 0 ? first.segment_size : have;
  return mine == other && mine[a.l4 + 13] == kAck && (x[a.l4 + 13] & kPsh) == 0 && have > 0 &&
         more > 0 && more <= segment && have % segment == 0 && a.end + more <= 65535 &&
         LoadBe32(y + b.l4 + 4) == LoadBe32(x + a.l4 + 4) + static_cast<uint32_t>(have);
}

void Merge(Arrival& first, const Arrival& next) {
  Layout& at = *first.at;
  if (first.segment_size == 0) first.segment_size = static_cast<uint16_t>(at.end - at.payload);
  first.frame.resize(at.end);
  first.frame.insert(first.frame.end(),
                     next.frame.begin() + static_cast<ptrdiff_t>(next.at->payload),
                     next.frame.begin() + static_cast<ptrdiff_t>(next.at->end));
  at.end = first.frame.size();
  first.frame[at.l4 + 13] |= next.frame[at.l4 + 13] & kPsh;
  ++first.segment_count;
  SetIpLength(first.frame, at, at.end);
  CompleteL3(first.frame, at);
  CompleteL4(first.frame, at);
}

constexpr size_t kTableSize = 128;

// One card's state that its queues share, and the frames that wait for it.
struct Card {
  Card(const ModelNicOptions& options, const Capabilities& capabilities, size_t end)
      : depth(options.depth),
        toeplitz(options.rss_key),
        ports(options.rss_ports),
        table(kTableSize),
        arrivals(options.queues) {
    for (size_t i = 0; i < kTableSize; ++i) table[i] = static_cast<uint16_t>(i % options.queues);
    info.name = "model:" + options.name;
    info.mac = MacAddress(2, 'n', 'i', 'c', 0, static_cast<uint8_t>(end));
    info.mtu = options.mtu;
    info.queues = options.queues;
    info.capabilities = capabilities;
    for (size_t i = 0; i < options.queues; ++i) {
      pools.push_back(
          std::make_unique<PacketPool>(options.pool_packets, driver::DataRoomFor(options.mtu)));
    }
  }

  DeviceInfo info;
  size_t depth;
  Toeplitz toeplitz;
  driver::RssPorts ports;
  std::vector<uint16_t> table;  // the queue of a hash's low bits
  ModelNicStats stats;
  std::vector<std::unique_ptr<PacketPool>> pools;
  std::vector<std::deque<Arrival>> arrivals;

  uint32_t Hash(const Arrival& arrival) const {
    if (!arrival.at) return 0;
    const std::span<const uint8_t> frame = arrival.frame;
    const Layout& at = *arrival.at;
    const IpAddress src = Address(frame, at, true);
    const IpAddress dst = Address(frame, at, false);
    const bool hashes_ports = at.protocol == 6 ? ports.tcp : ports.udp;
    if (!at.transport || !hashes_ports) return toeplitz.Hash(src, dst);
    return toeplitz.Hash(src, LoadBe16(&frame[at.l4]), dst, LoadBe16(&frame[at.l4 + 2]));
  }

  size_t QueueOf(uint32_t hash) const { return table[hash & (kTableSize - 1)]; }

  // What the card does with a frame from the wire. False: its queue has no room for `frames`.
  bool HasRoom(const Frame& frame, size_t frames) const {
    Arrival probe{.frame = frame, .at = ParseLayout(frame)};
    return arrivals[QueueOf(Hash(probe))].size() + frames <= depth;
  }
  void Arrive(Frame frame) {
    Arrival arrival{.frame = std::move(frame)};
    if (info.capabilities.vlan_strip && arrival.frame.size() >= 18 &&
        LoadBe16(&arrival.frame[12]) == 0x8100) {
      arrival.tag = LoadBe16(&arrival.frame[14]);
      arrival.frame.erase(arrival.frame.begin() + 12, arrival.frame.begin() + 12 + kTag);
      ++stats.stripped_tags;
    }
    arrival.at = ParseLayout(arrival.frame);
    CheckSums(arrival);
    stats.bad_checksums += arrival.l3 == ChecksumState::kBad || arrival.l4 == ChecksumState::kBad;
    arrival.hash = Hash(arrival);
    arrivals[QueueOf(arrival.hash)].push_back(std::move(arrival));
  }
};

// Both cards; lives as long as either.
struct Cable {
  explicit Cable(const ModelNicOptions& options)
      : card{Card(options, options.a, 0), Card(options, options.b, 1)},
        observer(options.observer) {}
  Card card[2];
  std::function<void(size_t from, std::span<const uint8_t> frame)> observer;
};

class ModelQueue final : public DeviceQueue {
 public:
  ModelQueue(std::shared_ptr<Cable> cable, size_t end, size_t index)
      : cable_(std::move(cable)),
        own_(cable_->card[end]),
        peer_(cable_->card[1 - end]),
        end_(end),
        index_(index),
        pool_(*own_.pools[index]),
        limits_(own_.info) {}

  size_t ReceiveBurst(Instant, std::span<PacketBuf> out) override {
    std::deque<Arrival>& arrivals = own_.arrivals[index_];
    starved_ = false;
    size_t n = 0;
    while (n < out.size() && !arrivals.empty()) {
      MergeFront(arrivals);
      PacketBuf packet = Deliver(arrivals.front());
      if (!packet) {
        starved_ = true;
        break;
      }
      ++stats_.rx_packets;
      stats_.rx_bytes += packet.packet_size();
      out[n++] = std::move(packet);
      arrivals.pop_front();
    }
    return n;
  }

  size_t TransmitBurst(Instant, std::span<PacketBuf> in) override {
    size_t i = 0;
    for (; i < in.size(); ++i) {
      std::optional<std::vector<Frame>> frames = ToWire(in[i]);
      if (!frames) {
        ++stats_.tx_dropped;
        in[i].Reset();
        continue;
      }
      if (!peer_.HasRoom(frames->front(), frames->size())) {
        ++stats_.tx_full;
        break;
      }
      Count(in[i], frames->size());
      ++stats_.tx_packets;
      stats_.tx_bytes += in[i].packet_size();
      for (Frame& frame : *frames) {
        if (cable_->observer) cable_->observer(end_, frame);
        peer_.Arrive(std::move(frame));
      }
      in[i].Reset();
    }
    return i;
  }

  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_.AllocateBurst(out); }

  std::optional<WakeSource> ArmWake() override {
    if (starved_) return WakeSource{.fd = -1, .nap = std::chrono::milliseconds(1)};
    if (!own_.arrivals[index_].empty()) return std::nullopt;
    return WakeSource{};
  }

  const QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return &pool_; }

 private:
  // The frames that a packet becomes; nothing, and a violation, if the card was not made for it.
  std::optional<std::vector<Frame>> ToWire(const PacketBuf& packet) {
    const Capabilities& has = own_.info.capabilities;
    const bool tagged = (packet->flags & PacketHead::kHasVlan) != 0;
    if (!CanSend(*packet.head(), limits_) ||
        packet.segments() > limits_.MaxSegments(*packet.head()) || (tagged && !has.vlan_insert)) {
      ++own_.stats.violations;
      return std::nullopt;
    }
    Frame frame(packet.packet_size());
    packet.CopyOut(0, frame);
    std::vector<Frame> frames;
    const bool l3 = packet->l3_checksum == ChecksumState::kPartial;
    const bool l4 = packet->l4_checksum == ChecksumState::kPartial;
    if (l3 || l4 || packet->segment_size != 0) {
      const std::optional<Layout> at = ParseLayout(frame);
      if (!at || !IsDescribedRight(packet, *at, frame) ||
          (l3 && !has.tx_checksum_ipv4 && packet->segment_size == 0) ||
          (l4 && !has.tx_checksum_l4 && packet->segment_size == 0)) {
        ++own_.stats.violations;
        return std::nullopt;
      }
      if (packet->segment_size != 0) {
        frames = CutFrame(frame, *at, packet->segment_size);
      } else {
        if (l3) CompleteL3(frame, *at);
        if (l4) CompleteL4(frame, *at);
      }
    }
    if (frames.empty()) frames.push_back(std::move(frame));
    if (tagged) {
      uint8_t tag[kTag] = {0x81, 0x00};
      StoreBe16(tag + 2, packet->vlan_tci);
      for (Frame& each : frames) each.insert(each.begin() + 12, tag, tag + kTag);
    }
    return frames;
  }

  // Whether a packet that leaves work to the card says where things really are.
  static bool IsDescribedRight(const PacketBuf& packet, const Layout& at, Frame& frame) {
    if (packet->l3_offset != at.l3) return false;
    if (packet->l3_checksum == ChecksumState::kPartial && !at.v4) return false;
    if (packet->l4_checksum == ChecksumState::kPartial || packet->segment_size != 0) {
      if (!at.transport || packet->l4_offset != at.l4 || packet->payload_offset != at.payload ||
          packet->l4_protocol != at.protocol || packet.size() < at.payload) {
        return false;
      }
    }
    if (packet->segment_size != 0 && (at.protocol != kTcp || at.end != frame.size())) return false;
    if (packet->l4_checksum != ChecksumState::kPartial) return true;
    uint16_t field;
    std::memcpy(&field, ChecksumField(frame, at), sizeof(field));
    return Sum16::FromRaw(field) == PseudoHeader(frame, at);
  }

  void Count(const PacketBuf& packet, size_t frames) {
    ModelNicStats& stats = own_.stats;
    stats.completed_checksums += packet->l3_checksum == ChecksumState::kPartial ||
                                 packet->l4_checksum == ChecksumState::kPartial;
    if ((packet->flags & PacketHead::kHasVlan) != 0) ++stats.inserted_tags;
    if (packet->segment_size == 0) return;
    ++stats.cut_packets;
    stats.cut_frames += frames;
  }

  void MergeFront(std::deque<Arrival>& arrivals) {
    if (!own_.info.capabilities.lro) return;
    while (arrivals.size() > 1 && Continues(arrivals[0], arrivals[1])) {
      own_.stats.merged_frames += arrivals[0].segment_count == 1 ? 2 : 1;
      Merge(arrivals[0], arrivals[1]);
      arrivals.erase(arrivals.begin() + 1);
    }
  }

  PacketBuf Deliver(const Arrival& arrival) {
    const Capabilities& has = own_.info.capabilities;
    PacketBuf packet = driver::PacketFromBytes(arrival.frame, pool_);
    if (!packet) return packet;
    if (has.rx_checksum) {
      packet->l3_checksum = arrival.l3;
      packet->l4_checksum = arrival.l4;
    }
    if (has.flow_hash && arrival.at) {
      packet->flow_hash = arrival.hash;
      packet->flags |= PacketHead::kHasFlowHash;
    }
    if (arrival.tag) {
      packet->vlan_tci = *arrival.tag;
      packet->flags |= PacketHead::kHasVlan;
    }
    packet->segment_size = arrival.segment_size;
    packet->segment_count = arrival.segment_count;
    return packet;
  }

  std::shared_ptr<Cable> cable_;
  Card& own_;
  Card& peer_;
  size_t end_;
  size_t index_;
  PacketPool& pool_;
  TxLimits limits_;
  bool starved_ = false;
  QueueStats stats_;
};

class ModelDevice final : public ModelNic {
 public:
  ModelDevice(const std::shared_ptr<Cable>& cable, size_t end)
      : cable_(cable), card_(cable->card[end]) {
    for (size_t i = 0; i < card_.info.queues; ++i) {
      queues_.push_back(std::make_unique<ModelQueue>(cable, end, i));
    }
  }

  const DeviceInfo& info() const override { return card_.info; }
  DeviceQueue& queue(size_t index) override { return *queues_.at(index); }
  std::optional<driver::RssInfo> rss() const override {
    const Toeplitz::Key& key = card_.toeplitz.key();
    return driver::RssInfo{
        .key = {key.begin(), key.end()}, .table = card_.table, .ports = card_.ports};
  }
  bool SetRssTable(std::span<const uint16_t> table) override {
    const auto bad = [&](uint16_t queue) { return queue >= card_.info.queues; };
    if (table.size() != kTableSize || std::any_of(table.begin(), table.end(), bad)) return false;
    card_.table.assign(table.begin(), table.end());
    return true;
  }
  const ModelNicStats& nic_stats() const override { return card_.stats; }

 private:
  std::shared_ptr<Cable> cable_;
  Card& card_;
  std::vector<std::unique_ptr<ModelQueue>> queues_;
};

}  // namespace

ModelNicPair MakeModelNicPair(const ModelNicOptions& options) {
  const auto cable = std::make_shared<Cable>(options);
  return {.a = std::make_unique<ModelDevice>(cable, 0),
          .b = std::make_unique<ModelDevice>(cable, 1)};
}

}  // namespace corelane::testing
