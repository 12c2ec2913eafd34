// TcpSocket and TcpListener: TCP as an application of one core uses it, without callbacks.
//
//   TcpSocket* s = stack.tcp().Connect(remote, {}, error);
//   stack.Poll(now);                      // turns; s appears in NextReady() when something
//   happened uint8_t events = s->TakeEvents();     // tcp::kConnected | kReadable | kWritable |
//   kClosed s->Write(bytes); s->Read(buffer); s->CloseSend(); s->Release();
//
// Ownership: the layer owns both; the application holds plain pointers until Release(). A released
// socket that is still open closes in the background. Threading: the stack's core only.

#ifndef CORELANE_STACK_TCP_SOCKET_H_
#define CORELANE_STACK_TCP_SOCKET_H_

#include <cstdint>
#include <span>
#include <utility>

#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/timer_wheel.h"
#include "stack/path.h"
#include "tcp/connection.h"
#include "tcp/flow_table.h"
#include "tcp/moving_connection.h"

namespace corelane::stack {

class TcpLayer;
class TcpListener;
class TcpSocket;

// Knows whose timer it is.
struct TcpSocketTimer : TimerNode {
  TcpSocket* socket = nullptr;
};

class TcpSocket : public tcp::FlowTableNode<TcpSocket> {
 public:
  TcpSocket(TcpLayer& layer, const tcp::FourTuple& tuple, const tcp::Options& options,
            uint16_t header_mss, tcp::Resources& resources)
      : layer_(layer),
        tuple_(tuple),
        connection_(options, {tuple.local_port, tuple.remote_port}, header_mss, resources) {
    timer_.socket = this;
  }

  // One that comes from another core.
  TcpSocket(TcpLayer& layer, const tcp::FourTuple& tuple, tcp::MovingConnection&& moved,
            tcp::Resources& resources, Instant now)
      : layer_(layer), tuple_(tuple), connection_(std::move(moved), resources, now) {
    timer_.socket = this;
  }

  // Copies a prefix of `data` to the send queue; returns its length. Less than data.size():
  // tcp::kWritable follows.
  size_t Write(std::span<const uint8_t> data);
  // Moves received bytes out; 0: none, or the end of the stream.
  size_t Read(std::span<uint8_t> out);
  // Lends the next received packet's bytes instead of copying them; null: none.
  PacketBuf ReadPacket();
  // Sends FIN behind what is queued; reading goes on.
  void CloseSend();
  // Sends RST and drops what is queued.
  void Abort();
  // The application is done with the socket, which closes in the background if it is open; the
  // pointer is dead afterwards.
  void Release();

  uint8_t TakeEvents() { return connection_.TakeEvents(); }
  size_t readable_bytes() const { return connection_.readable_bytes(); }
  size_t writable_bytes() const { return connection_.writable_bytes(); }
  bool end_of_stream() const { return connection_.end_of_stream(); }
  // No more bytes will come or go; error() says why.
  bool closed() const {
    return connection_.is_closed() || connection_.state() == tcp::State::kTimeWait;
  }
  bool connected() const { return connection_.established_once() && !connection_.is_closed(); }
  tcp::Error error() const { return connection_.error(); }
  Endpoint local() const { return {tuple_.local, tuple_.local_port}; }
  Endpoint remote() const { return {tuple_.remote, tuple_.remote_port}; }
  const tcp::FourTuple& tuple() const { return tuple_; }
  // State for statistics and tests.
  const tcp::Connection& connection() const { return connection_; }
  const tcp::Options& options() const { return connection_.options(); }
  // At any time; see tcp::Connection::SetOptions().
  void SetOptions(const tcp::Options& options);
  Instant created() const { return created_; }

  // Whatever the owner wants to find again.
  void* user = nullptr;

 private:
  friend class TcpLayer;
  friend class TcpListener;

  TcpLayer& layer_;
  tcp::FourTuple tuple_;
  Path* path_ = nullptr;
  TcpListener* listener_ = nullptr;  // until accepted
  ListNode dirty_;                   // owes output, or its timer may have moved
  ListNode ready_;                   // has events for the application
  ListNode all_;                     // every socket of the layer
  ListNode waiting_;  // in its listener's embryonic or accept list; orphans in the layer's
  TcpSocketTimer timer_;
  Instant created_{};
  uint16_t bucket_ = 0;  // of the lanes' table
  bool in_table_ = false;
  bool released_ = false;
  bool embryonic_ = false;
  bool claimed_ = false;  // from the lane that its packets would go to
  tcp::Connection connection_;
};

// Listens on one endpoint; the address may be unspecified.
class TcpListener {
 public:
  TcpListener(TcpLayer& layer, const Endpoint& local, const tcp::Options& options, size_t backlog)
      : layer_(layer), local_(local), options_(options), backlog_(backlog) {}

  // A connected socket, now the caller's; null: none waits.
  TcpSocket* Accept();
  // Stops listening: connections that were not accepted are reset. The pointer is dead afterwards.
  void Release();

  const Endpoint& local() const { return local_; }
  bool ready() const { return accepted_count_ > 0; }
  size_t backlog() const { return backlog_; }
  // Connections in SYN-RECEIVED, and those that wait for Accept().
  size_t embryonic() const { return embryonic_count_; }
  size_t accept_queue() const { return accepted_count_; }
  void* user = nullptr;

 private:
  friend class TcpLayer;
  using Sockets = IntrusiveList<TcpSocket, &TcpSocket::waiting_>;

  TcpLayer& layer_;
  Endpoint local_;
  tcp::Options options_;
  size_t backlog_;
  size_t embryonic_count_ = 0;
  size_t accepted_count_ = 0;
  Instant cookies_until_ = Instant::min();  // cookies may come back
  Sockets embryonic_;                       // SYN-RECEIVED, oldest first
  Sockets accepted_;                        // established, waiting for Accept()
  ListNode ready_;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_TCP_SOCKET_H_
