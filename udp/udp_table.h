// UdpTable: which socket a datagram is for, and which ports are taken.
//
//   ip::DropReason drop = table.Input(packet, ip, kind, pool);   // kUdpNoSocket: port unreachable
//   while (UdpSocket* socket = table.PollReady()) ...            // has data or an error now
//
// A unicast datagram goes to the most specific socket: connected to its source, else bound to its
// destination address, else bound to the wildcard of its family, else to a [::] that takes IPv4
// too; of sockets that share an endpoint, to the one that was bound last. Broadcast and multicast
// go to every bound socket that matches. Belongs to one core.

#ifndef CORELANE_UDP_UDP_TABLE_H_
#define CORELANE_UDP_UDP_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/flow_hash.h"
#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/packet.h"
#include "core/siphash.h"
#include "ip/address_table.h"
#include "ip/drop_reason.h"
#include "ip/icmp_error.h"
#include "ip/ingress.h"
#include "udp/udp_datagram.h"
#include "udp/udp_socket.h"

namespace corelane::udp {

enum class BindResult : uint8_t {
  kOk,
  kAlreadyBound,   // the socket is
  kAddressInUse,   // another socket has the endpoint
  kNoPort,         // every ephemeral port is taken
  kFamilyMismatch  // local and remote are of different versions
};

class UdpTable {
 public:
  // RFC 6335 §6.
  static constexpr uint16_t kFirstEphemeral = 49152;
  static constexpr uint16_t kLastEphemeral = 65535;

  // secret: what ephemeral ports must not be guessed without (RFC 6056 §3.3.3).
  UdpTable(const FlowHashKey& hash_key, const SipKey& secret);
  ~UdpTable();
  UdpTable(const UdpTable&) = delete;
  UdpTable& operator=(const UdpTable&) = delete;

  // Of the ephemeral ports only those that are `remainder` modulo `modulus`; among them rather one
  // that prefers() wants, for sockets with a peer, and none that excludes() names. Where several
  // lanes share their addresses.
  struct PortPolicy {
    uint32_t modulus = 1;
    uint32_t remainder = 0;
    bool (*prefers)(void* context, const Endpoint& local, const Endpoint& remote) = nullptr;
    bool (*excludes)(void* context, uint16_t port) = nullptr;
    void* context = nullptr;
  };
  void SetPortPolicy(const PortPolicy& policy) { policy_ = policy; }
  // local.port 0: an ephemeral one. The address may be unspecified; whether it is ours is the
  // caller's to check. The socket must stay where it is until Unbind().
  BindResult Bind(UdpSocket& socket, const Endpoint& local);
  // Fixes the peer: only its datagrams are received from then on. local_address: the source chosen
  // for it, used where the socket is unbound or bound to a wildcard.
  BindResult Connect(UdpSocket& socket, const Endpoint& remote, const IpAddress& local_address);
  // Forgets the peer; the local endpoint stays.
  void Disconnect(UdpSocket& socket);
  // A no-op when not bound. What is queued stays readable.
  void Unbind(UdpSocket& socket);

  // Delivers a received packet (its IP header at data(), not a fragment), which it takes unless it
  // returns a drop. pool: for copies where several sockets get it.
  ip::DropReason Input(PacketBuf& packet, const ip::IpIngress& ip, ip::DestinationKind kind,
                       PacketPool& pool);
  // An ICMP error about a datagram of ours: goes to the connected socket that sent it. False: there
  // is none.
  bool OnIcmpError(const ip::IcmpErrorReport& report);

  // Null: nobody listens there.
  UdpSocket* Find(const Endpoint& local, const Endpoint& remote) const;

  // A socket to which something happened since it was last returned; null: no (more) such.
  UdpSocket* PollReady();

  size_t size() const { return size_; }

 private:
  friend class UdpSocket;
  using ReadyList = IntrusiveList<UdpSocket, &UdpSocket::ready_>;

  uint32_t BucketOf(const Endpoint& local, const Endpoint& remote) const;
  UdpSocket* FindExact(const Endpoint& local, const Endpoint& remote) const;
  bool IsFree(const UdpSocket& socket, const Endpoint& local, bool sharing) const;
  uint16_t PickPort(const UdpSocket& socket, const IpAddress& local, const Endpoint& remote);
  void Link(UdpSocket& socket);
  void Unlink(UdpSocket& socket);
  void Insert(UdpSocket& socket);
  void Grow();
  void MarkReady(UdpSocket& socket);
  ip::DropReason DeliverToGroup(PacketBuf& packet, const UdpIngress& udp, const ip::IpIngress& ip,
                                PacketPool& pool);

  bool IsPreferred(const Endpoint& local, const Endpoint& remote) const {
    return policy_.prefers == nullptr || remote.port == 0 ||
           policy_.prefers(policy_.context, local, remote);
  }

  PortPolicy policy_;
  FlowHashKey hash_key_;
  SipKey secret_;
  uint32_t port_counter_ = 0;
  std::vector<UdpSocket*> buckets_;  // by local and remote endpoint
  std::vector<UdpSocket*> ports_;    // by local port; as many
  size_t size_ = 0;
  size_t connected_ = 0;
  ReadyList ready_;
};

}  // namespace corelane::udp

#endif  // CORELANE_UDP_UDP_TABLE_H_
