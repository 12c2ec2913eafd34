// Device and DeviceQueue: where frames come from and go to.
//
// A Device is a port: a MAC address, an MTU, capabilities and one DeviceQueue per lane. A
// DeviceQueue is one core's RX/TX pair and is never shared; decorators (fault injection, capture,
// trace) are DeviceQueues around another one. The calls are per burst, so their being virtual costs
// nothing per packet.
//
//   std::array<PacketBuf, 32> burst;
//   size_t n = queue.ReceiveBurst(now, burst);

#ifndef CORELANE_DRIVER_DEVICE_H_
#define CORELANE_DRIVER_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mac_address.h"
#include "core/packet.h"
#include "core/time.h"

namespace corelane::driver {

// What a device does by itself; what it lacks is done in software above it. A false is always safe.
//
// Sending. A packet that leaves work to the device says where things are: l3_offset, l4_offset,
// payload_offset (all from the start of the frame) and l4_protocol are set whenever a checksum is
// kPartial or segment_size is not 0; the headers up to payload_offset lie in the first segment.
//   l3_checksum kPartial: the IPv4 header's checksum field is anything; the device completes it.
//   l4_checksum kPartial: the field holds the folded, not complemented sum of the pseudo-header,
//     whose length is that of the whole packet, GSO packets included (as Linux and virtio-net do).
//   l4_checksum kBad: to be sent as it is, and to arrive as bad: for fault injection.
//   segment_size: the device cuts the TCP payload into pieces of at most so many bytes, with
//     headers of their own. The IP length is that of the whole packet. Both checksums may be
//     kPartial.
// Receiving. A device sets no offsets. kGood is set only where rx_checksum is true. A packet with
// segment_size stands for segment_count frames; its headers are those of the first.
struct Capabilities {
  bool tx_checksum_ipv4 = false;  // completes an IPv4 header checksum marked kPartial
  bool tx_checksum_l4 = false;    // completes TCP and UDP checksums marked kPartial
  bool rx_checksum = false;       // marks received l3 or l4 checksums, or both, kGood or kBad
  bool tso = false;  // cuts packets with segment_size into frames (implies both tx checksums)
  bool lro = false;  // may deliver merged TCP packets, with segment_size and segment_count
  bool vlan_insert = false;  // inserts vlan_tci where kHasVlan is set
  bool vlan_strip = false;   // strips a tag into vlan_tci
  // Copies what lies in blocks before it sends it: who writes it into the packet spares a head.
  bool copies_references = false;
  bool flow_hash = false;  // sets flow_hash (Toeplitz) on received packets
  uint16_t max_tx_segments =
      1;                      // segments of one packet that it can gather; 1: linear packets only
  uint32_t max_tso_size = 0;  // bytes of TCP payload in one packet with segment_size
  // Segments of a packet with segment_size; 0: as of any other. Each of its frames may span as many
  // as any other.
  uint16_t max_tso_segments = 0;

  // Of a packet that the device cuts, or of one that it sends as it is.
  uint16_t MaxSegments(bool cuts) const {
    return cuts && max_tso_segments != 0 ? max_tso_segments : max_tx_segments;
  }
};

struct DeviceInfo {
  std::string name;  // for people: "ring:a"
  MacAddress mac;
  uint16_t mtu = 1500;  // bytes of an IP packet; the Ethernet header comes on top
  uint16_t queues = 1;
  Capabilities capabilities;
};

// Counted by the queue that owns them; bytes are of whole Ethernet frames without FCS.
struct QueueStats {
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t rx_dropped =
      0;  // arrived but could not be delivered: no buffer, ring full, malformed for the device
  uint64_t tx_packets = 0;
  uint64_t tx_bytes = 0;
  uint64_t tx_dropped = 0;  // consumed but can never be sent: too long, too many segments
  uint64_t tx_full = 0;     // TransmitBurst calls that could not take everything
};

// Takes what a device counts by itself.
class CounterSink {
 public:
  // `name` is the device's own, and valid during the call.
  virtual void OnCounter(std::string_view name, uint64_t value) = 0;

 protected:
  ~CounterSink() = default;
};

struct LinkStatus {
  bool up = false;
  uint64_t bits_per_second = 0;  // 0: the device does not say
};

// What an idle worker sleeps on after ArmWake().
struct WakeSource {
  int fd =
      -1;  // becomes readable when there is something to receive; -1: the device has no such event
  Duration nap =
      Duration::max();  // sleep no longer than this before looking again (devices without an event)
};

// One core's RX/TX pair. Every call is made from the one thread that polls it.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;

  // Moves up to out.size() received packets into out[0..returned). Never blocks.
  virtual size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) = 0;

  // Takes a prefix of `in` and returns its length: taken handles are left null, the others hold
  // what they held, a packet of another pool perhaps as a copy of the queue's own. Packets of any
  // pool are taken; those of AllocateBurst() may spare a copy. Less than in.size() means that the
  // queue is full for now. A packet that the device can never send (too long, too many segments) is
  // taken, freed and counted in tx_dropped: it must not block the queue. Never blocks.
  virtual size_t TransmitBurst(Instant now, std::span<PacketBuf> in) = 0;

  // Fills out[0..returned) with empty packets that this device can send from; less than out.size():
  // the pool is low.
  virtual size_t AllocateBurst(std::span<PacketBuf> out) = 0;

  // When the queue has something to do by itself next: a delaying decorator's next delivery, a
  // replay's next packet. kNever for most. A caller that sleeps wakes up and calls ReceiveBurst
  // then.
  virtual Instant NextEvent() const { return kNever; }

  // Prepares for sleep. Empty: something is there to receive already, don't sleep. Otherwise the
  // wake source is armed until the next ReceiveBurst.
  virtual std::optional<WakeSource> ArmWake() = 0;

  virtual const QueueStats& stats() const = 0;
  // What AllocateBurst() takes from, for those who watch its level; null: no pool of the queue's.
  virtual const PacketPool* pool() const { return nullptr; }
};

// Of what, besides its two addresses, the queue of a received packet is chosen. Fragments and other
// protocols have no ports.
struct RssPorts {
  bool tcp = true;
  bool udp = true;

  friend bool operator==(const RssPorts&, const RssPorts&) = default;
};

// How a device spreads received packets over its queues.
struct RssInfo {
  std::vector<uint8_t> key;     // of the Toeplitz hash: 40 bytes or more
  std::vector<uint16_t> table;  // the queue for each value of the hash's low bits: a power of two
  RssPorts ports;
};

// A port. Owns its queues; the queues' packets must have come back before it is destroyed. Built
// and destroyed on one thread; each queue may then be used on a thread of its own.
class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  // index < info().queues. The same object at each call.
  virtual DeviceQueue& queue(size_t index) = 0;
  // Empty: it spreads them in a way of its own, or has one queue; software finds the flow's owner.
  virtual std::optional<RssInfo> rss() const { return std::nullopt; }

  // Replaces the table of rss() by one of the same size, which holds soon afterwards. One caller at
  // a time, any thread. False: the device cannot, and spreads packets as before.
  virtual bool SetRssTable(std::span<const uint16_t>) { return false; }

  // The two below may be called by any thread, and may take as long as the device needs to answer.
  // None: the device has no link that could be down.
  virtual std::optional<LinkStatus> link() const { return std::nullopt; }
  // The port's own counters, of all its queues, by the device's names for them.
  virtual void ReadCounters(CounterSink&) const {}
};

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_DEVICE_H_
