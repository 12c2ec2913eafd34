// Linux's own TCP, doing what inproc does: two threads with blocking sockets, over loopback or a
// veth pair, in network namespaces of this process's own. The server waits with epoll only where it
// serves several connections at once. Everything is bounded in time.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/link.h"
#include "bench/options.h"
#include "bench/pattern.h"
#include "core/time.h"

namespace corelane::bench {
namespace {

constexpr uint16_t kPort = 5001;
constexpr size_t kChunk = 64 * 1024;

sockaddr_in Address(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

// One end of a connection.
struct Peer {
  Peer(int fd, const Pattern& pattern, uint16_t client_port)
      : fd(fd), out(pattern, client_port), in(pattern, client_port) {}
  int fd;
  Cursor out;
  Cursor in;
  uint64_t got = 0;
};

// Counts of one thread, for the other to read.
struct alignas(64) Counts {
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> errors{0};

  static void Add(std::atomic<uint64_t>& counter, uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

class SocketBench {
 public:
  explicit SocketBench(const Options& options) : options_(options) {}
  // Empty with a message: it could not be set up.
  std::optional<Result> Run();

 private:
  void Server();
  void ServeOne(int listener);
  void ServeMany(int listener);
  void ServeShort(int listener);
  std::optional<Peer> Accept(int listener);
  // Reads once, verifies; false: the end.
  bool ReadSome(Peer& peer, size_t most, Counts& counts, std::vector<uint8_t>& buffer);
  bool ReadMessage(Peer& peer, Counts& counts, std::vector<uint8_t>& buffer);
  bool WriteMessage(Peer& peer, uint64_t n);
  // What the server does when a socket is readable. False: it is done with.
  bool OnReadable(Peer& peer, std::vector<uint8_t>& buffer);

  std::optional<Peer> Connect();
  bool ClientRound();
  bool BulkRound();
  bool RrRound();
  bool CrrRound();
  Result Totals();
  void SetOptions(int fd) const;

  const Options options_;
  Pattern pattern_;
  std::promise<int> server_tid_;
  std::promise<void> client_end_up_;
  std::promise<std::string> listening_;
  std::atomic<int> listener_{-1};
  uint64_t time_wait_ = 0;  // the server's, at its end
  Counts server_counts_;
  Counts client_counts_;
  std::vector<Peer> clients_;
  std::vector<uint8_t> buffer_;
  uint64_t transactions_ = 0;
};

void SocketBench::SetOptions(int fd) const {
  const int on = options_.bulk() ? 0 : 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval timeout{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

std::optional<Peer> SocketBench::Accept(int listener) {
  sockaddr_in from{};
  socklen_t length = sizeof from;
  const int fd = accept4(listener, reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC);
  if (fd < 0) return std::nullopt;
  SetOptions(fd);
  return Peer(fd, pattern_, ntohs(from.sin_port));
}

bool SocketBench::ReadSome(Peer& peer, size_t most, Counts& counts, std::vector<uint8_t>& buffer) {
  const ssize_t n = recv(peer.fd, buffer.data(), std::min(most, buffer.size()), 0);
  if (n <= 0) return false;
  if (!peer.in.Take({buffer.data(), static_cast<size_t>(n)})) Counts::Add(counts.errors, 1);
  Counts::Add(counts.bytes, static_cast<uint64_t>(n));
  peer.got += static_cast<uint64_t>(n);
  return true;
}

bool SocketBench::ReadMessage(Peer& peer, Counts& counts, std::vector<uint8_t>& buffer) {
  while (peer.got < options_.size) {
    if (!ReadSome(peer, options_.size - peer.got, counts, buffer)) return false;
  }
  peer.got = 0;
  return true;
}

bool SocketBench::WriteMessage(Peer& peer, uint64_t n) {
  while (n > 0) {
    const std::span<const uint8_t> next = peer.out.Next(n);
    const ssize_t sent = send(peer.fd, next.data(), next.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    peer.out.Advance(static_cast<size_t>(sent));
    n -= static_cast<uint64_t>(sent);
  }
  return true;
}

bool SocketBench::OnReadable(Peer& peer, std::vector<uint8_t>& buffer) {
  if (options_.bulk()) return ReadSome(peer, buffer.size(), server_counts_, buffer);
  if (!ReadSome(peer, options_.size - peer.got, server_counts_, buffer)) return false;
  if (peer.got < options_.size) return true;
  peer.got = 0;
  return WriteMessage(peer, options_.size);
}

void SocketBench::ServeOne(int listener) {
  std::vector<uint8_t> buffer(kChunk);
  std::optional<Peer> peer = Accept(listener);
  if (!peer) return;
  while (OnReadable(*peer, buffer)) {
  }
  close(peer->fd);
}

void SocketBench::ServeMany(int listener) {
  std::vector<uint8_t> buffer(kChunk);
  std::vector<Peer> peers;
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (uint64_t i = 0; i < options_.conns; ++i) {
    const std::optional<Peer> peer = Accept(listener);
    if (!peer) break;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = peers.size()}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event);
    peers.push_back(*peer);
  }
  std::array<epoll_event, 64> events;
  for (size_t open = peers.size(); open > 0;) {
    const int n = epoll_wait(epoll, events.data(), events.size(), 5000);
    if (n <= 0) break;
    for (int i = 0; i < n; ++i) {
      Peer& peer = peers[events[static_cast<size_t>(i)].data.u64];
      if (OnReadable(peer, buffer)) continue;
      epoll_ctl(epoll, EPOLL_CTL_DEL, peer.fd, nullptr);
      --open;
    }
  }
  for (const Peer& peer : peers) close(peer.fd);
  close(epoll);
}

void SocketBench::ServeShort(int listener) {
  std::vector<uint8_t> buffer(kChunk);
  while (std::optional<Peer> peer = Accept(listener)) {
    if (ReadMessage(*peer, server_counts_, buffer)) WriteMessage(*peer, options_.size);
    close(peer->fd);  // first, so TIME-WAIT is here
  }
  time_wait_ = ReadTimeWait();
}

void SocketBench::Server() {
  std::string error;
  if (options_.transport == "veth" && unshare(CLONE_NEWNET) < 0) {
    error = std::string("a second network namespace: ") + std::strerror(errno);
  }
  server_tid_.set_value(static_cast<int>(syscall(SYS_gettid)));
  client_end_up_.get_future().wait();
  if (error.empty()) error = SetUpServerEnd(options_);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Address(ServerAddress(options_));
  if (error.empty() &&
      (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
       listen(listener, static_cast<int>(options_.conns) + 128) < 0)) {
    error = std::string("listening: ") + std::strerror(errno);
  }
  listener_.store(listener);
  const bool good = error.empty();
  listening_.set_value(std::move(error));
  if (good) {
    if (options_.crr()) {
      ServeShort(listener);
    } else if (options_.conns == 1) {
      ServeOne(listener);
    } else {
      ServeMany(listener);
    }
  }
  close(listener);
}

std::optional<Peer> SocketBench::Connect() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  SetOptions(fd);
  const sockaddr_in address = Address(ServerAddress(options_));
  sockaddr_in local{};
  socklen_t length = sizeof local;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) < 0) {
    close(fd);
    return std::nullopt;
  }
  return Peer(fd, pattern_, ntohs(local.sin_port));
}

bool SocketBench::BulkRound() {
  for (Peer& peer : clients_) {
    if (!WriteMessage(peer, Pattern::kPeriod)) return false;
  }
  return true;
}

bool SocketBench::RrRound() {
  for (Peer& peer : clients_) {
    if (!WriteMessage(peer, options_.size)) return false;
  }
  for (Peer& peer : clients_) {
    if (!ReadMessage(peer, client_counts_, buffer_)) return false;
    ++transactions_;
  }
  return true;
}

bool SocketBench::CrrRound() {
  clients_.clear();
  for (uint64_t i = 0; i < options_.conns; ++i) {
    const std::optional<Peer> peer = Connect();
    if (!peer) return false;
    clients_.push_back(*peer);
  }
  for (Peer& peer : clients_) {
    if (!WriteMessage(peer, options_.size)) return false;
  }
  for (Peer& peer : clients_) {
    if (!ReadMessage(peer, client_counts_, buffer_)) return false;
    if (recv(peer.fd, buffer_.data(), 1, 0) != 0) return false;  // the server closes first
    close(peer.fd);
    ++transactions_;
  }
  return true;
}

bool SocketBench::ClientRound() {
  if (options_.bulk()) return BulkRound();
  return options_.crr() ? CrrRound() : RrRound();
}

Result SocketBench::Totals() {
  Result r;
  r.bytes = server_counts_.bytes.load() + client_counts_.bytes.load();
  r.transactions = transactions_;
  r.cpu_seconds = ProcessCpuSeconds();
  const LinkFrames frames = ReadLinkFrames(options_);
  r.frames_fwd = frames.sent;
  r.frames_back = frames.received;
  if (options_.transport == "lo") {
    // Loopback counts both directions together; the connections know what came back. Those of crr
    // are gone, and symmetric.
    r.frames_back = frames.sent / 2;
    if (!options_.crr()) {
      r.frames_back = 0;
      for (const Peer& peer : clients_) r.frames_back += ReadSegmentsIn(peer.fd);
    }
    r.frames_fwd -= r.frames_back;
  }
  return r;
}

std::optional<Result> SocketBench::Run() {
  const auto fail = [](const std::string& error) {
    std::fprintf(stderr, "sockets: %s\n", error.c_str());
    return std::nullopt;
  };
  if (const std::string error = EnterOwnNamespace(); !error.empty()) return fail(error);
  std::thread server([this] { Server(); });
  std::string error = SetUpClientEnd(options_, server_tid_.get_future().get());
  client_end_up_.set_value();
  const std::string server_error = listening_.get_future().get();
  if (error.empty()) error = server_error;
  // However this ends, the server's calls must end as well.
  const auto stop = [&] {
    shutdown(listener_.load(), SHUT_RDWR);
    for (const Peer& peer : clients_) shutdown(peer.fd, SHUT_RDWR);
    server.join();
  };
  bool good = error.empty();
  buffer_.resize(kChunk);
  for (uint64_t i = 0; good && !options_.crr() && i < options_.conns; ++i) {
    const std::optional<Peer> peer = Connect();
    good = peer.has_value();
    if (good) clients_.push_back(*peer);
  }
  if (!good) {
    stop();
    return fail(error.empty() ? std::string("connecting: ") + std::strerror(errno) : error);
  }
  const RealClock clock;
  const auto spin = [&](double seconds) {
    const Instant end =
        clock.Now() + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    while (good && clock.Now() < end) good = ClientRound();
  };
  spin(std::min(0.2, options_.secs * 0.5));
  const Result before = Totals();
  const Instant begin = clock.Now();
  spin(options_.secs);
  Result r = Totals();
  r.seconds = std::chrono::duration<double>(clock.Now() - begin).count();
  r.cpu_seconds -= before.cpu_seconds;
  r.bytes -= before.bytes;
  r.transactions -= before.transactions;
  r.frames_fwd -= before.frames_fwd;
  r.frames_back -= before.frames_back;
  stop();
  r.time_wait = time_wait_;
  r.errors = server_counts_.errors.load() + client_counts_.errors.load() + (good ? 0 : 1);
  return r;
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) {
  using namespace corelane::bench;
  Options options;
  if (const std::optional<int> status = ParseOptions(Program::kSockets, argc, argv, options)) {
    return *status;
  }
  alarm(static_cast<unsigned>(options.secs) + 60);  // no kernel keeps us longer
  const std::optional<Result> result = SocketBench(options).Run();
  return result ? PrintResult(Program::kSockets, options, *result) : 1;
}
