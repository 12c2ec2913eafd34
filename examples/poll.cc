// Two stacks on one thread, joined by a wire and driven by hand: no Asio, no other thread, no clock
// but the time that this program passes in.
//
//   client 10.0.0.1 --Ethernet frames, over the ring--> server 10.0.0.2:7, which echoes
//
// Poll(now) is one turn of a stack: it takes a burst of frames from its device, runs the timers
// that are due and sends what its sockets owe. It never waits. The application looks at what
// happened between two turns. `now` may come from any clock that never goes back; here it is
// virtual and moves only when nothing else does, so that every run does the same.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "core/ip_address.h"
#include "core/time.h"
#include "driver/registry.h"
#include "stack/stack.h"

using namespace corelane;

namespace {

constexpr size_t kSize = 1'000'000;

// Sends back what arrives on every connection to a port.
class EchoServer {
 public:
  EchoServer(stack::Stack& stack, uint16_t port) : stack_(stack) {
    stack::TcpSetupError error = stack::TcpSetupError::kNone;
    listener_ = stack.tcp().Listen({Ipv4Address(), port}, /*backlog=*/16, error);
  }
  bool listening() const { return listener_ != nullptr; }

  // After each turn: what happened, and what is to be done about it.
  void React() {
    while (stack::TcpListener* listener = stack_.tcp().NextReadyListener()) {
      while (stack::TcpSocket* socket = listener->Accept()) {
        socket->user = new Conversation;
        Echo(*socket);
      }
    }
    while (stack::TcpSocket* socket = stack_.tcp().NextReady()) Echo(*socket);
  }

 private:
  struct Conversation {
    std::array<uint8_t, 16384> bytes;
    std::span<const uint8_t> owed;  // of `bytes`: read, but not yet written
  };

  void Echo(stack::TcpSocket& socket) {
    auto* const talk = static_cast<Conversation*>(socket.user);
    socket.TakeEvents();  // They have been told once; what is to do, the socket itself says.
    for (;;) {
      if (talk->owed.empty()) talk->owed = std::span(talk->bytes).first(socket.Read(talk->bytes));
      if (talk->owed.empty()) break;
      talk->owed = talk->owed.subspan(socket.Write(talk->owed));
      // A full send queue. It is ready again when there is room; until then nothing is read, which
      // closes the window that the client sees.
      if (!talk->owed.empty() && !socket.closed()) return;
    }
    if (socket.end_of_stream()) socket.CloseSend();
    if (!socket.closed()) return;
    delete talk;
    socket.Release();  // The pointer is dead now.
  }

  stack::Stack& stack_;
  stack::TcpListener* listener_;
};

// Sends kSize bytes and compares what comes back.
class Client {
 public:
  Client(stack::Stack& stack, const Endpoint& server) : stack_(stack), bytes_(kSize) {
    for (size_t i = 0; i < kSize; ++i) bytes_[i] = static_cast<uint8_t>(i * 31 + i / 251);
    stack::TcpSetupError error = stack::TcpSetupError::kNone;
    socket_ = stack.tcp().Connect(server, stack::TcpConnectOptions(), error);
  }
  bool connecting() const { return socket_ != nullptr; }
  bool done() const { return socket_->end_of_stream() || socket_->closed(); }
  bool intact() const { return same_ && received_ == kSize; }
  const stack::TcpSocket& socket() const { return *socket_; }

  void React() {
    while (stack::TcpSocket* socket = stack_.tcp().NextReady()) {
      socket->TakeEvents();
      sent_ += socket->Write(std::span(bytes_).subspan(sent_));
      if (sent_ == kSize) socket->CloseSend();
      std::array<uint8_t, 16384> got;
      while (const size_t n = socket->Read(got)) {
        same_ = same_ && received_ + n <= kSize &&
                std::equal(got.begin(), got.begin() + n, bytes_.begin() + received_);
        received_ += n;
      }
    }
  }

 private:
  stack::Stack& stack_;
  std::vector<uint8_t> bytes_;
  stack::TcpSocket* socket_;
  size_t sent_ = 0;
  size_t received_ = 0;
  bool same_ = true;
};

std::unique_ptr<stack::Stack> MakeStack(driver::Device& device, const char* address, Instant now) {
  stack::StackOptions options;
  options.seed = 1;  // A program that others can reach takes runtime::RandomSeed().
  auto stack = std::make_unique<stack::Stack>(options, now);
  stack::InterfaceOptions interface;
  interface.addresses = {*IpPrefix::Parse(address)};
  const auto status = stack->AddInterface(device.queue(0), device.info(), interface);
  return status.ok() ? std::move(stack) : nullptr;
}

}  // namespace

int main() {
  // The first two who open a ring's name get its two ends. Devices outlive stacks.
  const auto near = driver::OpenDevice("ring:example");
  const auto far = driver::OpenDevice("ring:example");
  if (!near.ok() || !far.ok()) return 1;
  Instant now{std::chrono::seconds(1)};
  const auto a = MakeStack(**near, "10.0.0.1/24", now);
  const auto b = MakeStack(**far, "10.0.0.2/24", now);
  if (a == nullptr || b == nullptr) return 1;
  EchoServer server(*b, 7);
  Client client(*a, {Ipv4Address(10, 0, 0, 2), 7});
  if (!server.listening() || !client.connecting()) return 1;

  while (!client.done()) {
    const bool a_did = a->Poll(now);
    const bool b_did = b->Poll(now);
    server.React();
    client.React();
    if (a_did || b_did) continue;
    const Instant next = std::min(a->NextDeadline(), b->NextDeadline());
    if (next == kNever) break;  // Neither will ever do anything again.
    now = std::max(now, next);
  }

  const tcp::Connection& connection = client.socket().connection();
  std::printf("%s: %llu bytes there and %llu back in %llu and %llu turns\n",
              client.intact() ? "intact" : "BROKEN",
              static_cast<unsigned long long>(connection.bytes_out()),
              static_cast<unsigned long long>(connection.bytes_in()),
              static_cast<unsigned long long>(a->turns()),
              static_cast<unsigned long long>(b->turns()));
  return client.intact() ? 0 : 1;
}
