// UdpSocket: one UDP endpoint (RFC 768), sans-IO.
//
// A socket is bound through a UdpTable, which delivers to it; its owner takes datagrams and errors
// out. The queue is bounded in bytes and in packets: what does not fit is dropped and counted.
// Belongs to one core.

#ifndef CORELANE_UDP_UDP_SOCKET_H_
#define CORELANE_UDP_UDP_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/packet.h"
#include "ip/drop_reason.h"

namespace corelane::udp {

class UdpTable;

struct UdpOptions {
  size_t receive_bytes = size_t{256} << 10;  // of payload
  size_t receive_packets = 512;
  bool reuse_address = false;  // share address and port with sockets that say so too
  bool v6_only = false;        // a socket bound to [::] takes no IPv4
  bool checksum = true;        // IPv4 only: false sends none (RFC 768); IPv6 always has one
};

// A received datagram.
struct Datagram {
  PacketBuf payload;  // headers removed; may be empty, may have several segments
  Endpoint from;
  Endpoint to;
  uint16_t interface = 0;
  uint8_t ttl = 0;
  uint8_t ecn = 0;
};

// What an ICMP error says about something sent earlier (RFC 1122 §4.1.3.3).
enum class UdpError : uint8_t {
  kPortUnreachable,
  kHostUnreachable,
  kNetworkUnreachable,
  kProtocolUnreachable,
  kProhibited,
  kMessageTooBig,
};

class UdpSocket {
 public:
  explicit UdpSocket(const UdpOptions& options = {}) : options_(options) {}
  // Must have been unbound.
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  bool bound() const { return local_.port != 0; }
  const Endpoint& local() const { return local_; }
  bool connected() const { return remote_.port != 0; }
  const Endpoint& remote() const { return remote_; }
  UdpOptions& options() { return options_; }
  const UdpOptions& options() const { return options_; }

  // Takes the oldest datagram. False: there is none.
  bool Receive(Datagram& datagram);
  bool readable() const { return count_ > 0; }
  const Datagram& front() const { return ring_[head_]; }
  // The pending error, once.
  std::optional<UdpError> TakeError();
  bool has_error() const { return error_.has_value(); }

  size_t queued_packets() const { return count_; }
  size_t queued_bytes() const { return bytes_; }
  uint64_t dropped() const { return dropped_; }
  uint64_t received() const { return received_; }

  // Whatever the owner wants to find again from PollReady().
  void* user = nullptr;

  // --- the table's and the stack's side ---

  // kUdpQueueFull: dropped and counted.
  ip::DropReason Deliver(Datagram datagram);
  void OnError(UdpError error) { error_ = error; }

 private:
  friend class UdpTable;

  void Grow();

  UdpOptions options_;
  Endpoint local_;
  Endpoint remote_;
  UdpSocket* next_in_bucket_ = nullptr;
  UdpSocket* next_of_port_ = nullptr;
  ListNode ready_;
  std::vector<Datagram> ring_;  // grows by doubling up to receive_packets
  size_t head_ = 0;
  size_t count_ = 0;
  size_t bytes_ = 0;
  std::optional<UdpError> error_;
  uint64_t dropped_ = 0;
  uint64_t received_ = 0;
};

}  // namespace corelane::udp

#endif  // CORELANE_UDP_UDP_SOCKET_H_
