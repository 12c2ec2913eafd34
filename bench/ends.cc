#include "bench/ends.h"

#include "core/check.h"

namespace corelane::bench {

using stack::TcpListener;
using stack::TcpSetupError;
using stack::TcpSocket;

End::End(const Options& options, const Pattern& pattern, stack::Stack& stack)
    : options_(options), pattern_(pattern), stack_(stack), buffer_(64 * 1024) {}

End::Peer* End::NewPeer(TcpSocket& s, uint16_t client_port) {
  if (free_.empty()) {
    peers_.push_back(std::make_unique<Peer>(s, pattern_, client_port));
    return peers_.back().get();
  }
  Peer* const peer = free_.back();
  free_.pop_back();
  *peer = Peer(s, pattern_, client_port);
  return peer;
}

void End::Close(Peer& peer) {
  TcpSocket& s = *peer.socket;
  if (s.error() != tcp::Error::kNone) ++counted_.errors;
  s.user = nullptr;
  free_.push_back(&peer);
  s.Release();
}

void End::Take(Peer& peer) {
  const auto verify = [&](std::span<const uint8_t> bytes) {
    if (!peer.in.Take(bytes)) ++counted_.errors;
    peer.got += bytes.size();
    counted_.bytes += bytes.size();
  };
  if (options_.copy) {
    // Fewer than asked for: there are no more.
    size_t n = buffer_.size();
    while (n == buffer_.size()) {
      n = peer.socket->Read(buffer_);
      verify({buffer_.data(), n});
    }
    return;
  }
  while (const PacketBuf packet = peer.socket->ReadPacket()) {
    for (const PacketHead* p = packet.head(); p != nullptr; p = p->next_segment) {
      verify({p->data, p->length});
    }
  }
}

void End::Flush(Peer& peer) {
  while (peer.owed > 0) {
    const std::span<const uint8_t> next = peer.out.Next(peer.owed);
    const size_t n = peer.socket->Write(next);
    peer.out.Advance(n);
    peer.owed -= n;
    if (n < next.size()) return;  // kWritable follows
  }
}

// --- the client ---

void ClientEnd::Open() {
  TcpSetupError error;
  TcpSocket* const s = stack_.tcp().Connect(server_, {}, error);
  if (s == nullptr) {
    ++counted_.errors;
    return;
  }
  s->user = NewPeer(*s, s->local().port);
}

void ClientEnd::WriteForever(Peer& peer) {
  for (;;) {
    const std::span<const uint8_t> next = peer.out.Next(Pattern::kPeriod);
    const size_t n = peer.socket->Write(next);
    peer.out.Advance(n);
    written_ += n;
    if (n < next.size()) return;
  }
}

uint64_t ClientEnd::acknowledged() const {
  uint64_t waiting = 0;
  for (const auto& peer : peers_) {
    if (peer->socket->user == peer.get())
      waiting += peer->socket->connection().unacknowledged_bytes();
  }
  return written_ - waiting;
}

bool ClientEnd::OnEvent(Peer& peer) {
  TcpSocket& s = *peer.socket;
  const uint8_t events = s.TakeEvents();
  if (options_.bulk()) {
    if (events & (tcp::kConnected | tcp::kWritable)) WriteForever(peer);
  } else {
    if (events & tcp::kConnected) peer.owed = options_.size;
    if (events & tcp::kReadable) {
      Take(peer);
      if (peer.got == options_.size && !options_.crr()) {
        peer.got = 0;
        ++counted_.transactions;
        peer.owed = options_.size;
      }
    }
    Flush(peer);
  }
  if (options_.crr() && s.end_of_stream()) {
    // The server has closed, after its whole response.
    if (peer.got == options_.size) {
      ++counted_.transactions;
    } else {
      ++counted_.errors;
    }
    Close(peer);
    return false;
  }
  if (!s.closed()) return true;
  ++counted_.errors;
  Close(peer);
  return false;
}

void ClientEnd::Turn() {
  while (TcpSocket* const s = stack_.tcp().NextReady()) {
    if (s->user == nullptr) continue;
    if (!OnEvent(*static_cast<Peer*>(s->user))) Open();
  }
}

// --- the server ---

ServerEnd::ServerEnd(const Options& options, const Pattern& pattern, stack::Stack& stack,
                     const Endpoint& at)
    : End(options, pattern, stack) {
  TcpSetupError error;
  CL_CHECK(stack_.tcp().Listen(at, options.conns + 16, error) != nullptr);
}

void ServerEnd::OnEvent(Peer& peer) {
  const uint8_t events = peer.socket->TakeEvents();
  if (events & tcp::kReadable) Take(peer);
  if (options_.bulk()) return;
  const bool answering = peer.owed > 0;
  const bool whole = peer.got == options_.size;
  if (whole) {
    peer.got = 0;
    peer.owed += options_.size;
  }
  Flush(peer);
  if (peer.socket->closed()) {
    ++counted_.errors;
    Close(peer);
  } else if (options_.crr() && (whole || answering) && peer.owed == 0) {
    Close(peer);
  }
}

void ServerEnd::Turn() {
  while (TcpListener* const l = stack_.tcp().NextReadyListener()) {
    while (TcpSocket* const s = l->Accept()) s->user = NewPeer(*s, s->remote().port);
  }
  while (TcpSocket* const s = stack_.tcp().NextReady()) {
    if (s->user != nullptr) OnEvent(*static_cast<Peer*>(s->user));
  }
}

}  // namespace corelane::bench
