// UdpSocketImpl: what a UdpSocket points to; everything of it that is no template.

#ifndef CORELANE_RUNTIME_UDP_SOCKET_IMPL_H_
#define CORELANE_RUNTIME_UDP_SOCKET_IMPL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "core/ip_address.h"
#include "runtime/buffers.h"
#include "runtime/error.h"
#include "runtime/op.h"
#include "runtime/worker.h"
#include "stack/stack.h"
#include "udp/udp_socket.h"

namespace corelane::runtime::internal {

class ReceiveOp : public WaitingOp {
 public:
  BufferList<uint8_t, 4> buffers;
  Endpoint* from;  // null: nobody asked
  size_t transferred = 0;

  std::tuple<error_code, size_t> TakeResult() { return {ec, transferred}; }

 protected:
  template <class Buffers>
  ReceiveOp(Function function, const Buffers& b, Endpoint* from)
      : WaitingOp(function), buffers(b), from(from) {}
  ~ReceiveOp() = default;
};

class SendOp : public WaitingOp {
 public:
  size_t transferred = 0;

  std::tuple<error_code, size_t> TakeResult() { return {ec, transferred}; }

 protected:
  using WaitingOp::WaitingOp;
  ~SendOp() = default;
};

class UdpSocketImpl final : public IoObject, public OpOwner {
 public:
  static UdpSocketImpl* New(Worker& worker, stack::Stack& stack, const udp::UdpOptions& options);
  static void Delete(UdpSocketImpl* impl);

  Worker& worker() const { return *worker_; }
  udp::UdpSocket* socket() const { return socket_; }
  // Null socket() after Close(): opens it again.
  udp::UdpSocket& Open();

  void Bind(const Endpoint& local, error_code& ec);
  void Connect(const Endpoint& remote, error_code& ec);
  // True: it waits.
  bool StartReceive(ReceiveOp& op);
  // Takes the datagram at once.
  void Send(SendOp& op, std::span<const std::span<const uint8_t>> buffers,
            const std::optional<Endpoint>& to);
  void Cancel();
  void Close();

  void CancelOp(WaitingOp& op) override;

 private:
  UdpSocketImpl(Worker& worker, stack::Stack& stack, const udp::UdpOptions& options)
      : worker_(&worker), stack_(&stack), options_(options) {}
  ~UdpSocketImpl() = default;

  void Detach() override;
  void OnReady() override;
  bool TryReceive(ReceiveOp& op);

  Worker* worker_;  // null: it is gone
  stack::Stack* stack_;
  udp::UdpOptions options_;
  udp::UdpSocket* socket_ = nullptr;
  OpQueue<ReceiveOp> receives_;
  std::vector<uint8_t> gathered_;  // a datagram given in pieces
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_UDP_SOCKET_IMPL_H_
