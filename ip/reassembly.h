// Reassembly of fragments (RFC 791 §3.2, 815, 6864, 5722, 8200 §4.5), bounded in every direction.
//
//   DropReason drop = reassembler.Input(packet, ip, now);
//   if (drop != kNone) ...          // packet is as it was, for an error about it
//   else if (packet) ...            // the whole datagram: parse it like a received one
//   else ...                        // held until the rest comes
//
// The payload is never copied: the datagram is a chain of the fragments' segments. Any overlap,
// IPv4 included, gives up the whole datagram and all that still comes of it (RFC 5722; for IPv4 the
// one answer that cannot be played off against another host's). Exact duplicates are dropped and
// harm nothing. When memory or count runs out, the oldest datagram goes: a flood then shortens the
// time that honest fragments may be apart, and no more. Belongs to one core.

#ifndef CORELANE_IP_REASSEMBLY_H_
#define CORELANE_IP_REASSEMBLY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/flow_hash.h"
#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/object_pool.h"
#include "core/packet.h"
#include "core/time.h"
#include "ip/drop_reason.h"
#include "ip/ingress.h"

namespace corelane::ip {

struct ReassemblyConfig {
  size_t max_datagrams = 256;
  size_t max_bytes = size_t{1} << 20;    // of whole packet buffers, not of what is used of them
  size_t max_datagrams_per_source = 64;  // more: the source's oldest one goes
  size_t max_fragments = 128;            // of one datagram
  Duration ipv4_timeout = std::chrono::seconds(30);
  Duration ipv6_timeout = std::chrono::seconds(60);  // RFC 8200 §4.5
};

struct ReassemblyStats {
  uint64_t completed = 0;
  uint64_t timed_out = 0;
  uint64_t evicted = 0;  // given up for lack of room
  uint64_t overlaps = 0;
};

class Reassembler {
 public:
  Reassembler(const ReassemblyConfig& config, const FlowHashKey& key);
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  // packet: a fragment (ip.fragment), its IP header at data(), link padding trimmed. On a drop that
  // RFC 8200 answers with a parameter problem, ip.problem_code and ip.problem_pointer are set and
  // ReportsProblem() is true.
  DropReason Input(PacketBuf& packet, IpIngress& ip, Instant now);
  // Of the last Input() that returned a drop.
  bool ReportsProblem() const { return reports_problem_; }

  // Gives up what has timed out.
  void OnTimer(Instant now);
  // kNever when nothing is held.
  Instant NextDeadline() const { return live_ == 0 ? kNever : OldestDeadline(); }
  // First fragments of datagrams that timed out, one by one, null when there is none: each is owed
  // a time exceeded message (RFC 1122 §3.3.2, RFC 8200 §4.5), rate permitting.
  PacketBuf PollTimedOut() { return timed_out_.PopFront(); }

  size_t datagrams() const { return live_; }
  size_t bytes() const { return bytes_; }
  const ReassemblyStats& stats() const { return stats_; }

 private:
  struct Datagram;
  struct Lists;  // of Datagrams, which only reassembly.cc knows
  struct Key {
    IpAddress src;
    IpAddress dst;
    uint32_t identification;
    uint8_t protocol;  // IPv4 only; 0 for IPv6 (RFC 8200 §4.5)
    friend bool operator==(const Key&, const Key&) = default;
  };

  DropReason Check(const PacketBuf& packet, IpIngress& ip);
  DropReason CheckFirst(const PacketBuf& packet, IpIngress& ip);
  DropReason Problem(DropReason reason, IpIngress& ip, uint8_t code, size_t pointer);
  uint32_t BucketOf(const Key& key) const;
  Datagram* Find(const Key& key) const;
  Datagram* Create(const Key& key, Instant now);
  DropReason Insert(Datagram& datagram, PacketBuf& packet, const IpIngress& ip);
  DropReason GiveUp(Datagram& datagram);
  PacketBuf Assemble(Datagram& datagram);
  void MakeRoom(const Datagram& keep, size_t bytes);
  Datagram* OldestOf(const IpAddress& src, size_t& count) const;
  Instant OldestDeadline() const;
  void Clear(Datagram& datagram);
  void Destroy(Datagram& datagram);
  void Expire(Datagram& datagram);
  ReassemblyConfig config_;
  FlowHashKey key_;
  ObjectPool<Datagram> pool_;
  std::vector<Datagram*> buckets_;
  std::unique_ptr<Lists> lists_;
  size_t live_ = 0;
  size_t bytes_ = 0;
  bool reports_problem_ = false;
  PacketQueue timed_out_;
  ReassemblyStats stats_;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_REASSEMBLY_H_
