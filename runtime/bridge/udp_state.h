// BridgeUdp: everything of BasicBridgeUdpSocket that is no template.

#ifndef CORELANE_RUNTIME_BRIDGE_UDP_STATE_H_
#define CORELANE_RUNTIME_BRIDGE_UDP_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "core/ip_address.h"
#include "runtime/bridge/bridge_socket.h"
#include "runtime/buffers.h"
#include "udp/udp_socket.h"

namespace corelane::runtime::internal {

class BridgeReceiveOp : public BridgeOp {
 public:
  BufferList<uint8_t, 4> buffers;
  size_t transferred = 0;
  Endpoint sender;

  std::tuple<error_code, size_t> TakeResult() {
    if (!ec && from_ != nullptr) *from_ = sender;
    return {ec, transferred};
  }

 protected:
  template <class Buffers>
  BridgeReceiveOp(Function function, const Buffers& b, Endpoint* from)
      : BridgeOp(function), buffers(b), from_(from) {}
  ~BridgeReceiveOp() = default;

 private:
  Endpoint* from_;  // null: nobody asked
};

class BridgeSendOp : public BridgeOp {
 public:
  const std::optional<Endpoint> to;  // none: the connected peer
  size_t transferred = 0;

  std::tuple<error_code, size_t> TakeResult() { return {ec, transferred}; }
  // The whole datagram.
  std::span<const uint8_t> data() const { return data_; }

 protected:
  // One buffer is sent from where it is, several are put together first.
  template <class Buffers>
  BridgeSendOp(Function function, const Buffers& buffers, const std::optional<Endpoint>& to)
      : BridgeOp(function), to(to) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
      const boost::asio::const_buffer buffer(*it);
      const std::span part(static_cast<const uint8_t*>(buffer.data()), buffer.size());
      if (part.empty()) continue;
      if (data_.empty()) {
        data_ = part;
        continue;
      }
      if (gathered_.empty()) gathered_.assign(data_.begin(), data_.end());
      gathered_.insert(gathered_.end(), part.begin(), part.end());
      data_ = gathered_;
    }
  }
  ~BridgeSendOp() = default;

 private:
  std::span<const uint8_t> data_;
  std::vector<uint8_t> gathered_;
};

class BridgeBindOp : public BridgeOp {
 public:
  const Endpoint endpoint;
  const bool connects;

  std::tuple<error_code> TakeResult() { return {ec}; }

 protected:
  BridgeBindOp(Function function, const Endpoint& endpoint, bool connects)
      : BridgeOp(function), endpoint(endpoint), connects(connects) {}
  ~BridgeBindOp() = default;
};

class BridgeUdp final : public BridgeSocket {
 public:
  BridgeUdp(std::shared_ptr<BridgeCore> core, const udp::UdpOptions& options)
      : BridgeSocket(std::move(core)), options_(options) {}

  // --- the user's thread ---
  bool is_open();
  Endpoint local();
  Endpoint remote();
  // Each completes `op`, never inside the call.
  void StartReceive(BridgeReceiveOp& op);
  void StartSend(BridgeSendOp& op);
  void StartBind(BridgeBindOp& op);
  void Close();

 private:
  void TakeAll(OpQueue<BridgeOp>& out) override;
  bool TakeOut(BridgeOp& op) override;
  template <class T>
  void Start(OpQueue<T>& queue, T& op);

  bool Serve(OpQueue<BridgeOp>& done) override;
  void LetGo() override;
  error_code Bind(const BridgeBindOp& op);
  bool TryReceive(BridgeReceiveOp& op);

  // --- guarded by mutex_ ---
  bool closing_ = false;
  bool readable_ = true;  // a receive may find something: the worker has to look
  Endpoint local_;
  Endpoint remote_;
  OpQueue<BridgeBindOp> binds_;
  OpQueue<BridgeReceiveOp> receives_;
  OpQueue<BridgeSendOp> sends_;

  const udp::UdpOptions options_;
  udp::UdpSocket* socket_ = nullptr;  // the worker's thread
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_BRIDGE_UDP_STATE_H_
