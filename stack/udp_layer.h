// UdpLayer: UDP sockets of one core on the network.
//
//   udp::UdpSocket* s = layer.Open({});
//   layer.Bind(*s, local);  layer.Send(*s, bytes, remote);  while (s->Receive(datagram)) ...
//
// The layer owns the sockets; Close() ends one. Belongs to one core.

#ifndef CORELANE_STACK_UDP_LAYER_H_
#define CORELANE_STACK_UDP_LAYER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/counter.h"
#include "core/random.h"
#include "stack/network.h"
#include "udp/udp_socket.h"
#include "udp/udp_table.h"

namespace corelane::stack {

enum class UdpSendResult : uint8_t {
  kOk,
  kNoRoute,       // no route, no source address, or a family that the socket has not
  kTooLong,       // more than one datagram holds
  kNoBuffer,      // out of packets for now
  kNotConnected,  // no destination given and none fixed
  kNoPort,        // every ephemeral port is taken
};

struct UdpCounters {
  Counter datagrams_in;
  Counter datagrams_out;
};

class UdpLayer {
 public:
  UdpLayer(Network& network, Random& random);
  ~UdpLayer();

  udp::UdpSocket* Open(const udp::UdpOptions& options);
  // What is queued is dropped; the pointer is dead afterwards.
  void Close(udp::UdpSocket* socket);
  // local.port 0: an ephemeral one. kFamilyMismatch also when the address is not ours.
  udp::BindResult Bind(udp::UdpSocket& socket, const Endpoint& local);
  // Fixes the peer, and the source address for it.
  udp::BindResult Connect(udp::UdpSocket& socket, const Endpoint& remote);
  // Copies `data` into one datagram to `to`, or to the connected peer. Binds to an ephemeral port
  // first where needed. Longer than the path's MTU: fragmented.
  UdpSendResult Send(udp::UdpSocket& socket, std::span<const uint8_t> data,
                     std::optional<Endpoint> to, Instant now);
  // A socket to which something happened since it was last returned; null: no (more) such.
  udp::UdpSocket* NextReady() { return table_.PollReady(); }

  ip::DropReason OnPacket(PacketBuf& packet, const ip::IpIngress& ip, ip::DestinationKind kind);
  // Whether a connected socket has these endpoints.
  bool HasFlow(const tcp::FourTuple& tuple) const {
    const udp::UdpSocket* const socket =
        table_.Find({tuple.local, tuple.local_port}, {tuple.remote, tuple.remote_port});
    return socket != nullptr && socket->connected();
  }
  // Ports are chosen and announced so that what comes back finds this lane.
  void JoinLane(Lane& lane);
  bool OnIcmpError(const ip::IcmpErrorReport& report) { return table_.OnIcmpError(report); }
  UdpCounters& counters() { return counters_; }
  size_t sockets() const { return sockets_.size(); }

 private:
  // Of a port that the application chose; and when the socket is gone.
  void Announce(const udp::UdpSocket& socket);
  void Withdraw(const udp::UdpSocket& socket);
  // Of a connected socket whose datagrams others would take: those with a port of their own choice,
  // which others have as well.
  void Claim(const udp::UdpSocket& socket);
  void Unclaim(const udp::UdpSocket& socket);
  // Of a connected socket, for the lanes' table.
  void CountFlow(const udp::UdpSocket& socket, bool begins);

  Network& network_;
  udp::UdpTable table_;
  UdpCounters counters_;
  std::vector<std::unique_ptr<udp::UdpSocket>> sockets_;
  // Bound to a port of their own choice, which other lanes must know of.
  std::vector<std::pair<const udp::UdpSocket*, uint16_t>> announced_;
  std::vector<std::pair<const udp::UdpSocket*, tcp::FourTuple>> claimed_;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_UDP_LAYER_H_
