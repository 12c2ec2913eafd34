#include "stack/tcp_socket.h"

#include "stack/tcp_layer.h"

namespace corelane::stack {

size_t TcpSocket::Write(std::span<const uint8_t> data) {
  const size_t n = connection_.Write(data, layer_.now());
  if (n > 0) layer_.Touch(*this);
  return n;
}

size_t TcpSocket::Read(std::span<uint8_t> out) {
  const size_t n = connection_.Read(out, layer_.now());
  if (connection_.WantsTransmit()) layer_.Touch(*this);
  return n;
}

PacketBuf TcpSocket::ReadPacket() {
  PacketBuf packet = connection_.ReadPacket(layer_.now());
  if (connection_.WantsTransmit()) layer_.Touch(*this);
  return packet;
}

void TcpSocket::SetOptions(const tcp::Options& options) {
  connection_.SetOptions(options, layer_.now());
  layer_.Touch(*this);
}

void TcpSocket::CloseSend() {
  connection_.CloseSend(layer_.now());
  layer_.Touch(*this);
}

void TcpSocket::Abort() {
  connection_.Abort(layer_.now());
  layer_.Touch(*this);
}

void TcpSocket::Release() { layer_.Release(*this); }

TcpSocket* TcpListener::Accept() {
  TcpSocket* const socket = accepted_.PopFront();
  if (socket == nullptr) return nullptr;
  --accepted_count_;
  socket->listener_ = nullptr;
  if (accepted_count_ == 0) IntrusiveList<TcpListener, &TcpListener::ready_>::Remove(*this);
  // What happened before the application knew the socket is its first event, in this same turn.
  layer_.AfterInput(*socket);
  return socket;
}

void TcpListener::Release() { layer_.ReleaseListener(*this); }

}  // namespace corelane::stack
