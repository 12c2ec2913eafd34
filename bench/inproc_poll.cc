// inproc by hand: the stacks' turns and the applications in one loop.

#include <algorithm>
#include <cstring>

#include "bench/inproc.h"
#include "core/allocation_counter.h"
#include "core/check.h"

namespace corelane::bench {
namespace {

using stack::TcpListener;
using stack::TcpSetupError;
using stack::TcpSocket;

class PollBench {
 public:
  PollBench(const InprocOptions& options, size_t lane)
      : options_(options), lane_(options, lane, clock_.Now()), buffer_(1 << 16) {
    TcpSetupError error;
    listener_ = lane_.server().tcp().Listen(lane_.server_endpoint(), options.conns + 16, error);
    CL_CHECK(listener_ != nullptr);
    request_.assign(std::max<size_t>(options.size, 1), 'x');
  }

  InprocResult Run();

 private:
  void Turn();
  void ClientTurn();
  void ServerTurn();
  void ClientBulk(TcpSocket& s);
  void ServerBulk(TcpSocket& s);
  void ClientRr(TcpSocket& s);
  void ServerRr(TcpSocket& s);
  bool crr() const { return options_.mode == "crr"; }
  bool bulk() const { return options_.mode == "bulk"; }
  void Open();
  size_t Take(TcpSocket& s);

  RealClock clock_;
  InprocOptions options_;
  Lane lane_;
  BulkPattern pattern_;
  TcpListener* listener_;
  std::vector<uint8_t> buffer_;
  std::vector<uint8_t> request_;
  std::vector<TcpSocket*> clients_;
  uint64_t sent_ = 0;
  InprocResult result_;
};

// Progress of one connection, in its socket's user pointer.
size_t Progress(TcpSocket& s) { return reinterpret_cast<uintptr_t>(s.user); }
void SetProgress(TcpSocket& s, size_t n) { s.user = reinterpret_cast<void*>(n); }

void PollBench::Open() {
  TcpSetupError error;
  TcpSocket* const s = lane_.client().tcp().Connect(lane_.server_endpoint(), {}, error);
  if (s == nullptr) {
    ++result_.errors;
    return;
  }
  clients_.push_back(s);
}

void PollBench::ClientBulk(TcpSocket& s) {
  while (const size_t room = s.writable_bytes()) {
    const size_t n = s.Write({pattern_.At(sent_), std::min(room, BulkPattern::kPeriod)});
    sent_ += n;
    if (n == 0) break;
  }
  // The last, refused write arms kWritable.
  s.Write({pattern_.At(sent_), 1});
  if (s.writable_bytes() == 0) return;
}

void PollBench::ServerBulk(TcpSocket& s) {
  if (options_.copy) {
    while (const size_t n = s.Read(buffer_)) {
      if (std::memcmp(buffer_.data(), pattern_.At(result_.bytes),
                      std::min(n, BulkPattern::kPeriod)) != 0) {
        ++result_.errors;
      }
      result_.bytes += n;
    }
    return;
  }
  while (PacketBuf packet = s.ReadPacket()) {
    for (const PacketHead* p = packet.head(); p != nullptr; p = p->next_segment) {
      if (std::memcmp(p->data, pattern_.At(result_.bytes), p->length) != 0) ++result_.errors;
      result_.bytes += p->length;
    }
  }
}

size_t PollBench::Take(TcpSocket& s) {
  size_t n = 0;
  while (const size_t part = s.Read(buffer_)) n += part;
  return n;
}

void PollBench::ClientRr(TcpSocket& s) {
  const uint8_t events = s.TakeEvents();
  if (events & tcp::kConnected) s.Write(request_);
  if (events & tcp::kReadable) {
    size_t got = Progress(s) + Take(s);
    while (got >= request_.size()) {
      got -= request_.size();
      ++result_.transactions;
      if (!crr()) s.Write(request_);
    }
    SetProgress(s, got);
    if (crr() && s.end_of_stream()) {
      s.Release();
      Open();
      return;
    }
  }
  if (s.closed() && s.error() != tcp::Error::kNone) {
    ++result_.errors;
    s.Release();
  }
}

void PollBench::ServerRr(TcpSocket& s) {
  const uint8_t events = s.TakeEvents();
  if ((events & tcp::kReadable) == 0) return;
  size_t got = Progress(s) + Take(s);
  while (got >= request_.size()) {
    got -= request_.size();
    s.Write(request_);
    if (crr()) {
      s.Release();
      return;
    }
  }
  SetProgress(s, got);
}

void PollBench::ClientTurn() {
  while (TcpSocket* s = lane_.client().tcp().NextReady()) {
    if (bulk()) {
      s->TakeEvents();
      ClientBulk(*s);
    } else {
      ClientRr(*s);
    }
  }
}

void PollBench::ServerTurn() {
  while (TcpListener* l = lane_.server().tcp().NextReadyListener()) {
    while (l->Accept() != nullptr) {
    }
  }
  while (TcpSocket* s = lane_.server().tcp().NextReady()) {
    if (bulk()) {
      s->TakeEvents();
      ServerBulk(*s);
    } else {
      ServerRr(*s);
    }
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

InprocResult PollBench::Run() {
  const size_t conns = bulk() ? 1 : options_.conns;
  for (size_t i = 0; i < conns; ++i) Open();
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
  };
  const Instant warm = clock_.Now() + seconds(std::min(0.2, options_.secs * 0.5));
  while (clock_.Now() < warm) {
    for (int i = 0; i < 16; ++i) Turn();
  }
  const InprocResult before = result_;
  const uint64_t fwd = lane_.frames(0);
  const uint64_t back = lane_.frames(1);
  const uint64_t allocs = AllocationsOnThisThread();
  const Instant begin = clock_.Now();
  const Instant end = begin + seconds(options_.secs);
  while (clock_.Now() < end) {
    for (int i = 0; i < 16; ++i) Turn();
  }
  InprocResult r;
  r.seconds = std::chrono::duration<double>(clock_.Now() - begin).count();
  r.allocs = AllocationsOnThisThread() - allocs;
  r.bytes = result_.bytes - before.bytes;
  r.transactions = result_.transactions - before.transactions;
  r.errors = result_.errors;
  r.frames_fwd = lane_.frames(0) - fwd;
  r.frames_back = lane_.frames(1) - back;
  return r;
}

}  // namespace

InprocResult RunPoll(const InprocOptions& options, size_t lane) {
  return PollBench(options, lane).Run();
}

}  // namespace corelane::bench
