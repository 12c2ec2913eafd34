// Network: the link and internet layers of one core, composed: frames in, transport packets up;
// transport packets down, frames out.
//
//   Receive: frame -> Ethernet -> ARP | IPv4 | IPv6 -> reassembly -> TCP | UDP | ICMP
//   Send:    TCP segment -> (segmentation) -> checksum -> IP -> neighbor -> Ethernet -> Interface
//
// Sans-IO like all of the stack; belongs to one core.

#ifndef CORELANE_STACK_NETWORK_H_
#define CORELANE_STACK_NETWORK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "arp/ethernet.h"
#include "arp/neighbor_cache.h"
#include "core/counter.h"
#include "core/packet.h"
#include "ip/address_table.h"
#include "ip/drop_reason.h"
#include "ip/fragment.h"
#include "ip/icmp_error.h"
#include "ip/ingress.h"
#include "ip/ndp.h"
#include "ip/path_mtu.h"
#include "ip/rate_limiter.h"
#include "ip/reassembly.h"
#include "ip/route_table.h"
#include "stack/config.h"
#include "stack/interface.h"
#include "stack/lane_balancer.h"
#include "stack/lane_group.h"
#include "stack/path.h"

namespace corelane::stack {

// What the layers above take from the network. The packet's IP header is at data(), link padding is
// gone.
class TransportSink {
 public:
  virtual ~TransportSink() = default;
  // False with a reason: not taken; `packet` is as it was.
  virtual ip::DropReason OnUdp(PacketBuf& packet, const ip::IpIngress& ip, ip::DestinationKind kind,
                               Instant now) = 0;
  // A received ICMP error about one of our packets.
  virtual void OnIcmpError(const ip::IcmpErrorReport& report, Instant now) = 0;
  // Whether a connected UDP socket has these endpoints.
  virtual bool HasUdpFlow(const tcp::FourTuple& tuple) const = 0;
  // A packet of ours could not be sent: its neighbor does not answer. It begins with its IP header.
  virtual void OnUnreachable(const PacketBuf& packet, Instant now) = 0;
};

class TcpLayer;

// Frames that ended well below TCP and UDP. With those two layers' counters and the drops, every
// received frame is accounted for.
struct NetworkCounters {
  Counter arp_in;
  Counter ndp_in;
  Counter echoes_in;          // requests that were answered
  Counter icmp_errors_in;     // well-formed ones, whether or not they are about a flow of ours
  Counter no_next_header;     // RFC 8200 §4.7: nothing follows, nothing is to do
  Counter fragments_in;       // taken to be reassembled
  Counter reassembled;        // datagrams that came of them
  Counter address_conflicts;  // another station claims an address of ours
};

class Network {
 public:
  Network(const StackOptions& options, Random& random, Instant now);
  ~Network();

  void SetTransports(TcpLayer* tcp, TransportSink* sink) {
    tcp_ = tcp;
    sink_ = sink;
  }

  // --- configuration ---
  // Errors name the setting, the value and what would be right.
  absl::Status AddInterface(driver::DeviceQueue& queue, const driver::DeviceInfo& info,
                            const InterfaceOptions& options);
  Interface& interface(size_t index) { return *interfaces_[index]; }
  size_t interfaces() const { return interfaces_.size(); }
  ip::AddressTable& addresses() { return addresses_; }
  ip::RouteTable& routes() { return routes_; }
  arp::NeighborCache& neighbors() { return neighbors_; }

  // --- the turn ---
  void Input(Interface& interface, PacketBuf frame, Instant now);
  void OnTimer(Instant now);
  Instant NextDeadline() const;
  // False: OnTimer() has nothing to do at `now`. Cheaper than NextDeadline().
  bool MayBeDue(Instant now) const {
    return neighbors_.MayBeDue(now) || reassembler_.NextDeadline() <= now;
  }
  // Frames dropped and packets refused, by reason.
  ip::DropCounters& drops() { return drops_; }
  const NetworkCounters& counters() const { return counters_; }

  // --- lanes ---
  // Before anything else. The lane outlives the network.
  void JoinLane(Lane& lane, Instant now);
  // Null: this core has no others beside it.
  Lane* lane() { return lane_; }
  // Takes over what was published, and a burst of what other lanes forwarded. Returns how many
  // packets that was.
  size_t BeginLaneTurn(Instant now);
  // Publishes what changed (lane 0), and wakes who was handed something.
  void EndLaneTurn(Instant now);

  // --- sending ---
  // Fills what a path knows where it is out of date. False: no route.
  bool Refresh(Path& path, Instant now) {
    if (IsFresh(path) && now - path.mtu_checked < kMtuCheck) [[likely]] {
      return path.interface != nullptr;
    }
    return RefreshSlow(path, now);
  }
  // Whether routes, addresses and path MTUs are what they were when the path was filled.
  bool IsFresh(const Path& path) const { return path.generation == Generation(); }
  // A TCP segment as PollTransmit() made it, on a path that Refresh() has just filled.
  void SendTcp(Path& path, PacketBuf segment, Instant now) {
    if (segment->segment_size == 0) [[likely]] {
      SendTcpFrame(path, std::move(segment), now);
    } else {
      SendLongTcp(path, std::move(segment), now);
    }
  }
  // A datagram that may need fragments: complete, no checksum left to the device.
  void SendDatagram(Path& path, PacketBuf packet, uint8_t protocol, Instant now);
  // The peer proved that it is reachable (RFC 4861 §7.3.1).
  void Confirm(const Path& path, Instant now) { neighbors_.Confirm(path.neighbor, now); }
  // The address that packets to `remote` come from; empty: no route or no address.
  std::optional<IpAddress> SourceFor(const IpAddress& remote) const;

  PathTable& paths() { return paths_; }
  PacketPool& control_pool() { return *control_pool_; }
  // A router reported a smaller MTU on the way to `destination`; the caller has checked that the
  // report is about a flow.
  bool UpdatePathMtu(const IpAddress& destination, uint32_t mtu, uint32_t refused, Instant now) {
    return path_mtu_.Update(destination, mtu, refused, now);
  }
  // Answers `packet` with an ICMP error where the rules and limits allow.
  void SendIcmpError(const ip::IcmpErrorRequest& error, const ip::IpIngress& ip,
                     const PacketBuf& packet, ip::DestinationKind kind, Instant now);

 private:
  static constexpr Duration kMtuCheck = std::chrono::seconds(10);  // path MTUs expire
  // Between two publications of neighbors that nobody waits for: strangers can cause them.
  static constexpr Duration kNeighborInterval = std::chrono::milliseconds(1);

  uint64_t Generation() const {
    return routes_.generation() + addresses_.generation() + path_mtu_.generation();
  }
  bool RefreshSlow(Path& path, Instant now);
  void Drop(ip::DropReason reason) { drops_.Count(reason); }
  void InputArp(Interface& interface, PacketBuf& packet, Instant now);
  bool IsMartianSource(const Interface& interface, const ip::IpIngress& ip) const;
  void InputIp(Interface& interface, PacketBuf packet, bool v4, Instant now);
  void InputReassembled(Interface& interface, PacketBuf packet, Instant now);
  void Dispatch(Interface& interface, PacketBuf packet, ip::IpIngress& ip, ip::DestinationKind kind,
                Instant now);
  void AnswerBadHeader(const ip::IpIngress& ip, const PacketBuf& packet, ip::DestinationKind kind,
                       Instant now);
  void InputIcmp(Interface& interface, PacketBuf packet, const ip::IpIngress& ip,
                 ip::DestinationKind kind, Instant now);
  void InputNdp(Interface& interface, PacketBuf& packet, const ip::IpIngress& ip, Instant now);
  void PumpNeighbors(Instant now);
  void Solicit(const arp::NeighborOutput& output, Instant now);
  bool PrependIp(Path& path, PacketBuf& packet, uint8_t protocol, bool dont_fragment);
  // Cuts a whole IP packet into fragments of `mtu` bytes. False: out of packets, counted.
  bool Fragment(const PacketBuf& packet, const IpAddress& from, const IpAddress& to,
                uint8_t protocol, uint32_t mtu, PacketQueue& out);
  void FillTcpHeader(Path& path);
  void SendTcpFrame(Path& path, PacketBuf packet, Instant now);
  void SendLongTcp(Path& path, PacketBuf segment, Instant now);
  void CompleteChecksum(Path& path, PacketBuf& packet);
  // A whole IP packet of our own making, to wherever its header says.
  void SendIp(PacketBuf packet, const IpAddress& destination, std::optional<uint16_t> interface,
              Instant now);
  void SendToNeighbor(Interface& interface, const IpAddress& next_hop, arp::NeighborHandle& handle,
                      PacketBuf packet, Instant now);
  void SendFrame(Interface& interface, const MacAddress& to, uint16_t ether_type, PacketBuf packet);
  void Enqueue(Interface& interface, PacketBuf frame);

  // --- lanes ---
  void TakeOverNetwork();
  void TakeOverNeighbors(Instant now);
  void AskOwner(const arp::NeighborOutput& output, Instant now);
  bool HasNeighborsToPublish() const {
    return lane_ != nullptr && lane_->is_owner() && neighbors_.changes() != neighbor_stamp_;
  }
  void PublishNeighbors(Instant now);
  // Takes frames of lanes without a queue, as many as the devices have room for.
  void Carry(Instant now);
  // True: the packet is another lane's, and gone.
  bool SteerFlow(PacketBuf& packet, uint8_t protocol, const tcp::FourTuple& tuple,
                 const uint32_t* hash);
  // A broadcast or multicast datagram. True: it is for other lanes only.
  bool SteerGroup(PacketBuf& packet, const ip::IpIngress& ip);
  bool SteerTransport(PacketBuf& packet, const ip::IpIngress& ip);
  bool SteerReport(PacketBuf& packet, const ip::IcmpErrorReport& report);
  bool SteerFragment(PacketBuf& packet, const ip::IpIngress& ip);
  bool SteerToOwner(PacketBuf& packet, Forwarded::Kind kind);
  void Forward(size_t to, Forwarded::Kind kind, PacketBuf packet);

  const StackOptions& options_;
  TcpLayer* tcp_ = nullptr;
  TransportSink* sink_ = nullptr;
  PacketPoolPtr control_pool_;
  std::vector<std::unique_ptr<Interface>> interfaces_;
  ip::AddressTable addresses_;
  ip::RouteTable routes_;
  arp::NeighborCache neighbors_;
  ip::PathMtuCache path_mtu_;
  ip::Reassembler reassembler_;
  ip::IdentificationSource identification_;
  ip::TokenBucket icmp_limiter_;
  PathTable paths_;
  ip::DropCounters drops_;
  NetworkCounters counters_;
  bool link_group_ = false;  // the frame at hand came to a group address
  Journey journey_;          // of the packet at hand
  Lane* lane_ = nullptr;
  std::unique_ptr<LaneBalancer> balancer_;  // lane 0's, where it is wanted
  // What other lanes send in a turn. Kept from turn to turn: on the stack it would be filled with
  // zeros each time.
  struct LaneBurst {
    std::array<PacketBuf, Lane::kBurst> packets;
    std::array<Forwarded, Lane::kBurst> how;
  };
  std::unique_ptr<LaneBurst> burst_;
  // What was published last, or taken over.
  uint64_t network_generation_ = 0;
  uint64_t network_stamp_ = 0;
  uint64_t neighbor_stamp_ = 0;
  uint64_t pressing_stamp_ = 0;                // lane 0's, as is what follows
  Instant next_publication_ = Instant::min();  // of neighbors
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_NETWORK_H_
