// inproc by hand: the stacks' turns and the applications in one loop.

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "bench/lane.h"
#include "bench/pattern.h"
#include "core/check.h"

namespace corelane::bench {
namespace {

using stack::TcpListener;
using stack::TcpSetupError;
using stack::TcpSocket;

// One end of a connection; its socket's `user` points to it.
struct Peer {
  Peer(TcpSocket& s, const Pattern& pattern, uint16_t client_port)
      : socket(&s), out(pattern, client_port), in(pattern, client_port) {}

  TcpSocket* socket;
  Cursor out;         // of what is written
  Cursor in;          // of what must be read
  uint64_t owed = 0;  // bytes of this message still to be written
  uint64_t got = 0;   // bytes of this message read
};

class PollBench {
 public:
  PollBench(const Options& options, Lane& lane);

  Result Run(StartLine& start);

 private:
  void Turn();
  void ClientTurn();
  void ServerTurn();
  void Open();
  Peer* NewPeer(TcpSocket& socket, uint16_t client_port);
  void Accept(TcpSocket& socket);
  // Reads and verifies everything that has arrived.
  void Take(Peer& peer);
  // Writes what is owed, as far as it fits.
  void Flush(Peer& peer);
  // What is written has no end.
  void WriteForever(Peer& peer);
  // False: the peer is gone.
  bool OnClientEvent(Peer& peer);
  void OnServerEvent(Peer& peer);
  void Close(Peer& peer);
  void Spin(const auto& done);

  const Options options_;
  RealClock clock_;
  Lane& lane_;
  Pattern pattern_;
  std::vector<uint8_t> buffer_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> free_;
  Result counted_;
};

PollBench::PollBench(const Options& options, Lane& lane)
    : options_(options), lane_(lane), buffer_(64 * 1024) {
  TcpSetupError error;
  CL_CHECK(lane_.server().tcp().Listen(lane_.server_endpoint(), options.conns + 16, error) !=
           nullptr);
}

Peer* PollBench::NewPeer(TcpSocket& s, uint16_t client_port) {
  if (free_.empty()) {
    peers_.push_back(std::make_unique<Peer>(s, pattern_, client_port));
    return peers_.back().get();
  }
  Peer* const peer = free_.back();
  free_.pop_back();
  *peer = Peer(s, pattern_, client_port);
  return peer;
}

void PollBench::Open() {
  TcpSetupError error;
  TcpSocket* const s = lane_.client().tcp().Connect(lane_.server_endpoint(), {}, error);
  if (s == nullptr) {
    ++counted_.errors;
    return;
  }
  s->user = NewPeer(*s, s->local().port);
}

void PollBench::Accept(TcpSocket& s) { s.user = NewPeer(s, s.remote().port); }

void PollBench::Close(Peer& peer) {
  TcpSocket& s = *peer.socket;
  if (s.error() != tcp::Error::kNone) ++counted_.errors;
  s.user = nullptr;
  free_.push_back(&peer);
  s.Release();
}

void PollBench::Take(Peer& peer) {
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

void PollBench::Flush(Peer& peer) {
  while (peer.owed > 0) {
    const std::span<const uint8_t> next = peer.out.Next(peer.owed);
    const size_t n = peer.socket->Write(next);
    peer.out.Advance(n);
    peer.owed -= n;
    if (n < next.size()) return;  // kWritable follows
  }
}

void PollBench::WriteForever(Peer& peer) {
  for (;;) {
    const std::span<const uint8_t> next = peer.out.Next(Pattern::kPeriod);
    const size_t n = peer.socket->Write(next);
    peer.out.Advance(n);
    if (n < next.size()) return;
  }
}

bool PollBench::OnClientEvent(Peer& peer) {
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

void PollBench::OnServerEvent(Peer& peer) {
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

void PollBench::ClientTurn() {
  while (TcpSocket* const s = lane_.client().tcp().NextReady()) {
    if (s->user == nullptr) continue;
    if (!OnClientEvent(*static_cast<Peer*>(s->user))) Open();
  }
}

void PollBench::ServerTurn() {
  while (TcpListener* const l = lane_.server().tcp().NextReadyListener()) {
    while (TcpSocket* const s = l->Accept()) Accept(*s);
  }
  while (TcpSocket* const s = lane_.server().tcp().NextReady()) {
    if (s->user != nullptr) OnServerEvent(*static_cast<Peer*>(s->user));
  }
}

void PollBench::Turn() {
  const Instant now = clock_.Now();
  lane_.client().Receive(now);
  ClientTurn();
  lane_.client().Transmit(now);
  lane_.server().Receive(now);
  ServerTurn();
  lane_.server().Transmit(now);
}

void PollBench::Spin(const auto& done) {
  while (!done(clock_.Now())) {
    for (int i = 0; i < 16; ++i) Turn();
  }
}

Result PollBench::Run(StartLine& start) {
  for (size_t i = 0; i < options_.conns; ++i) Open();
  const WarmUp warm_up(options_, clock_.Now());
  Spin([&](Instant now) { return warm_up.Over(now, counted_.transactions); });
  start.arrive_and_wait();
  Result before = lane_.Totals();
  before += counted_;
  const Instant begin = clock_.Now();
  const Instant end =
      begin + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options_.secs));
  Spin([&](Instant now) { return now >= end; });
  const Duration time = clock_.Now() - begin;
  Result after = lane_.Totals();
  after += counted_;
  return Difference(after, before, time);
}

}  // namespace

Result RunPoll(const Options& options, Lane& lane, StartLine& start) {
  return PollBench(options, lane).Run(start);
}

}  // namespace corelane::bench
