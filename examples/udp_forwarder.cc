#include "examples/udp_forwarder.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <map>
#include <utility>
#include <vector>

#include "examples/kernel_sockets.h"
#include "runtime/udp_socket.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using KernelEndpoint = asio::ip::udp::endpoint;

constexpr size_t kMaxDatagram = 65536;

}  // namespace

struct UdpForwarder::State {
  // One program at the kernel's side.
  struct Peer {
    Peer(runtime::Worker& worker, stack::Stack& stack, const KernelEndpoint& outside)
        : outside(outside), inside(worker.get_executor(), stack) {}

    KernelEndpoint outside;
    runtime::UdpSocket inside;
    uint64_t last_used = 0;
  };

  State(runtime::Worker& worker, stack::Stack& stack, const Endpoint& to)
      : worker(worker), stack(stack), to(to), socket(worker.get_executor()) {}

  // Null: there is no socket to be had.
  static std::shared_ptr<Peer> FindPeer(const std::shared_ptr<State>& self,
                                        const KernelEndpoint& from) {
    std::shared_ptr<Peer>& peer = self->peers[from];
    if (peer == nullptr) {
      peer = std::make_shared<Peer>(self->worker, self->stack, from);
      error_code error;
      peer->inside.connect(self->to, error);
      if (error) {
        self->peers.erase(from);
        return nullptr;
      }
      asio::co_spawn(self->worker.get_executor(), CarryBack(self, peer), asio::detached);
    }
    peer->last_used = ++self->uses;
    const std::shared_ptr<Peer> found = peer;
    if (self->peers.size() > kMaxPeers) self->DropOldest();
    return found;
  }

  void DropOldest() {
    const auto oldest = std::min_element(peers.begin(), peers.end(), [](auto& a, auto& b) {
      return a.second->last_used < b.second->last_used;
    });
    oldest->second->inside.close();
    peers.erase(oldest);
  }

  static Task Carry(std::shared_ptr<State> self) {
    std::vector<char> bytes(kMaxDatagram);
    const asio::mutable_buffer room = asio::buffer(bytes);
    KernelEndpoint from;
    error_code error;
    auto token = asio::redirect_error(kAwait, error);
    while (self->socket.is_open()) {
      const size_t n = co_await self->socket.async_receive_from(room, from, token);
      if (error == asio::error::operation_aborted) break;
      if (error) continue;
      const std::shared_ptr<Peer> peer = FindPeer(self, from);
      if (peer == nullptr) continue;
      const asio::const_buffer datagram(bytes.data(), n);
      co_await peer->inside.async_send(datagram, token);  // A datagram may be lost.
    }
  }

  static Task CarryBack(std::shared_ptr<State> self, std::shared_ptr<Peer> peer) {
    std::vector<char> bytes(kMaxDatagram);
    const asio::mutable_buffer room = asio::buffer(bytes);
    error_code error;
    auto token = asio::redirect_error(kAwait, error);
    while (peer->inside.is_open()) {
      const size_t n = co_await peer->inside.async_receive(room, token);
      if (error == asio::error::operation_aborted) break;
      if (error) continue;  // An ICMP error about what was sent.
      const asio::const_buffer datagram(bytes.data(), n);
      co_await self->socket.async_send_to(datagram, peer->outside, token);
    }
  }

  runtime::Worker& worker;
  stack::Stack& stack;
  Endpoint to;
  KernelUdpSocket socket;
  std::map<KernelEndpoint, std::shared_ptr<Peer>> peers;
  uint64_t uses = 0;
};

UdpForwarder::UdpForwarder(runtime::Worker& worker, stack::Stack& stack, const Endpoint& to)
    : state_(std::make_shared<State>(worker, stack, to)) {}

UdpForwarder::~UdpForwarder() { Close(); }

error_code UdpForwarder::Listen(const Endpoint& at) {
  const error_code error = Bind(state_->socket, at);
  if (!error) asio::co_spawn(state_->worker.get_executor(), State::Carry(state_), asio::detached);
  return error;
}

void UdpForwarder::Close() {
  error_code ignored;
  state_->socket.close(ignored);
  for (auto& [from, peer] : state_->peers) peer->inside.close();
  state_->peers.clear();
}

}  // namespace corelane::examples
