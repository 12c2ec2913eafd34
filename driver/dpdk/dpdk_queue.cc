#include "driver/dpdk/dpdk_queue.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "driver/dpdk/lcore.h"

namespace corelane::driver::dpdk {

DpdkQueue::DpdkQueue(uint16_t port, uint16_t index, Mempool& mempool, const DeviceInfo& info,
                     const QueueConfig& config)
    : port_(port),
      index_(index),
      pool_(new PacketPool(mempool, config.packets, mempool.data_room(), Mempool::kHeadroom)),
      limits_(info),
      rx_(config.rx),
      nap_(config.nap),
      link_wants_asking_(config.link_wants_asking),
      interrupt_(config.rx_interrupts ? RxInterrupt::Open(port, index) : std::nullopt) {}

DpdkQueue::~DpdkQueue() { pool_->ReleaseOwner(); }

size_t DpdkQueue::ReceiveBurst(Instant, std::span<PacketBuf> out) {
  // The stack's share bounds what it holds, so that the device never meets an empty mempool: some
  // drivers stop for ever then (net_tap: until the kernel, whose queue is full, signals another
  // packet).
  const auto most =
      static_cast<uint16_t>(std::min(std::min(out.size(), kBurst), pool_->available()));
  if (most == 0) return 0;
  BecomeLcore();
  if (interrupt_) interrupt_->Disarm();
  const uint16_t n = rte_eth_rx_burst(port_, index_, mbufs_, most);
  if (n == 0) return 0;
  size_t segments = 0;
  size_t received = 0;
  for (uint16_t i = 0; i < n; ++i) {
    PacketBuf& packet = out[received];
    packet = ToPacket(mbufs_[i], *pool_, rx_, segments);
    if (!packet) [[unlikely]] {
      ++stats_.rx_dropped;
      continue;
    }
    stats_.rx_bytes += packet.packet_size();
    ++received;
  }
  pool_->Admit(segments);
  stats_.rx_packets += received;
  return received;
}

// Whether every segment is an mbuf, of ours.
bool DpdkQueue::IsOurs(const PacketBuf& packet) const {
  for (const PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
    if (s->pool != pool_.get()) [[unlikely]] {
      return false;
    }
  }
  return true;
}

// Whether the packet is what most are: one segment, which is an mbuf of ours with its own bytes,
// and a frame that any device takes.
inline bool DpdkQueue::IsPlain(const PacketHead& head) const {
  return head.next_segment == nullptr && head.block == nullptr && head.pool == pool_.get() &&
         head.segment_size == 0 && head.packet_length >= kEthernetHeader &&
         head.packet_length <= limits_.max_frame;
}

// An mbuf of a packet that is not plain. Null: the packet can never be sent, or, where `wait` is
// set, the pool is low, for now.
rte_mbuf* DpdkQueue::ToUnusualMbuf(PacketBuf& packet, bool& wait) {
  if (!IsOurs(packet)) {
    PacketBuf copy = CopyPacket(*packet.head(), *pool_);
    wait = !copy;
    if (wait) return nullptr;
    packet = std::move(copy);
  }
  const bool possible = CanSend(*packet.head(), limits_) && CopyReferences(packet) &&
                        packet.segments() <= limits_.MaxSegments(*packet.head());
  return possible ? ToMbuf(packet) : nullptr;
}

// The packets of a prefix of `in` as mbufs. What can never be sent ends the prefix, or is consumed
// where it is the first.
[[gnu::always_inline]] inline void DpdkQueue::Prepare(std::span<PacketBuf> in, Outgoing& out) {
  size_t count = 0;
  size_t segments = 0;
  uint64_t bytes = 0;
  uint64_t offloads = 0;
  out.skipped = 0;
  for (PacketBuf& packet : in.first(std::min(in.size(), kBurst))) {
    rte_mbuf* mbuf;
    const uint32_t size = packet->packet_length;
    if (IsPlain(*packet.head())) [[likely]] {
      mbuf = SegmentToMbuf(*packet.head());
      ++segments;
    } else {
      bool wait = false;
      mbuf = ToUnusualMbuf(packet, wait);
      if (mbuf == nullptr) {
        if (wait || count > 0) break;
        packet.Reset();
        ++out.skipped;
        ++stats_.tx_dropped;
        continue;
      }
      segments += mbuf->nb_segs;
    }
    bytes += size;
    offloads |= mbuf->ol_flags;
    out.mbufs[count++] = mbuf;
  }
  out.count = count;
  out.segments = segments;
  out.bytes = bytes;
  out.offloads = offloads;
}

// Of the mbufs, how many the driver agrees to: some want what they are to do written in another
// way, and see at this time that they cannot.
uint16_t DpdkQueue::Ready(Outgoing& out) const {
  const auto count = static_cast<uint16_t>(out.count);
  if ((out.offloads & RTE_MBUF_F_TX_OFFLOAD_MASK) == 0 || count == 0) return count;
  return rte_eth_tx_prepare(port_, index_, out.mbufs, count);
}

bool DpdkQueue::RefusedTooLong(Instant now) {
  if (refused_since_ == kNever) refused_since_ = now;
  return now - refused_since_ >= kMaxRefusal;
}

size_t DpdkQueue::TransmitBurst(Instant now, std::span<PacketBuf> in) {
  size_t done = 0;
  while (done < in.size()) {
    Outgoing out;
    Prepare(in.subspan(done), out);
    done += out.skipped;
    const uint16_t ready = Ready(out);
    const uint16_t sent = ready > 0 ? rte_eth_tx_burst(port_, index_, out.mbufs, ready) : 0;
    // These mbufs may be another thread's already: only the handles are still ours. (What looks
    // like a loop becomes a call: too much for the one that most bursts are.)
    if (sent == 1) {
      in[done].Release();
    } else {
      for (size_t i = 0; i < sent; ++i) in[done + i].Release();
    }
    for (size_t i = sent; i < out.count; ++i) {
      out.bytes -= in[done + i]->packet_length;
      out.segments -= Unlink(in[done + i]);
    }
    pool_->Dismiss(out.segments);
    stats_.tx_packets += sent;
    stats_.tx_bytes += out.bytes;
    done += sent;
    if (sent == ready && ready < out.count) [[unlikely]] {
      in[done++].Reset();  // never, says the driver
      ++stats_.tx_dropped;
    } else if (sent < out.count || out.skipped + out.count == 0) {
      ++stats_.tx_full;
      if (done == 0 && RefusedTooLong(now)) {
        in[done++].Reset();
        ++stats_.tx_dropped;
      }
      break;
    }
  }
  if (done > 0) refused_since_ = kNever;
  return done;
}

std::optional<WakeSource> DpdkQueue::ArmWake() {
  const WakeSource nap{.fd = -1, .nap = nap_};
  if (pool_->available() == 0) return nap;
  const auto waiting = [this] { return rte_eth_rx_queue_count(port_, index_) > 0; };
  if (waiting()) return std::nullopt;
  if (link_wants_asking_) {
    rte_eth_link link;
    std::ignore = rte_eth_link_get_nowait(port_, &link);
  }
  if (!interrupt_ || !interrupt_->Arm()) return nap;
  if (waiting()) return std::nullopt;  // it came before the interrupt was armed
  return WakeSource{.fd = interrupt_->fd()};
}

}  // namespace corelane::driver::dpdk
