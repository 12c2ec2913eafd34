// usage: served_client sink|source|rr|crr|wake peer=ADDR [key=value]...: one thread of Linux's
// sockets against a server of bench/served.py. The last line of stdout is one JSON object.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/kernel_socket.h"
#include "bench/peer_protocol.h"
#include "core/ip_address.h"
#include "runtime/flags/flag_parser.h"

namespace corelane::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct ClientOptions {
  std::string mode = "rr";
  IpAddress peer = Ipv4Address(10, 88, 0, 2);
  uint64_t conns = 64;
  uint64_t size = 64;
  double secs = 1;
  uint64_t count = 200;    // of wake
  uint64_t pause_ms = 20;  // before each
};

class Client {
 public:
  explicit Client(const ClientOptions& options) : options_(options), message_(options.size, 'm') {
    buffer_.resize(kServedChunk);
  }

  int Run() {
    if (options_.mode == "wake") return Wake();
    const bool bulk = options_.mode == "sink" || options_.mode == "source";
    slots_.resize(bulk ? 1 : options_.conns);
    for (size_t i = 0; i < slots_.size(); ++i) Open(i);
    // Where a device has lost a SYN, it is repeated after a second; that is not what is measured.
    const auto begun = Clock::now();
    do {
      Loop(Clock::now() + std::chrono::milliseconds(200));
    } while (!AllAnswered() && Clock::now() - begun < std::chrono::seconds(5));
    const uint64_t done = done_;
    const uint64_t bytes = bytes_;
    const auto begin = Clock::now();
    std::puts("begin");
    std::fflush(stdout);
    Loop(begin +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.secs)));
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::printf("{\"mode\":\"%s\",\"secs\":%.3f,\"per_s\":%.0f,\"gbit_s\":%.3f,\"errors\":%llu}\n",
                options_.mode.c_str(), seconds, static_cast<double>(done_ - done) / seconds,
                static_cast<double>(bytes_ - bytes) * 8e-9 / seconds,
                static_cast<unsigned long long>(errors_));
    return errors_ == 0 ? 0 : 1;
  }

 private:
  struct Slot {
    Fd fd;
    size_t got = 0;
    bool connected = false;
    bool answered = false;
  };

  uint16_t Port() const {
    if (options_.mode == "sink") return kSinkPort;
    if (options_.mode == "source") return kSourcePort;
    return options_.mode == "crr" ? kAnswerPort : kEchoPort;
  }
  Fd Connect() {
    Fd fd = TcpSocketFd();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(Port());
    to.sin_addr.s_addr = htonl(options_.peer.v4().value());
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS) {
      ++errors_;
    }
    return fd;
  }
  bool AllAnswered() const {
    return options_.mode != "rr" ||
           std::all_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.answered; });
  }
  void Open(size_t i) {
    slots_[i] = {Connect(), 0, false, false};
    epoll_.Add(slots_[i].fd.get(), EPOLLOUT, i);
  }

  void Loop(Clock::time_point end) {
    epoll_event events[64];
    while (Clock::now() < end) {
      const int n = epoll_.Wait(events, 64, 100);
      for (int i = 0; i < n; ++i) OnEvent(events[i].data.u64);
    }
  }

  void OnEvent(size_t i) {
    Slot& slot = slots_[i];
    if (options_.mode == "sink") {
      const ssize_t n = send(slot.fd.get(), buffer_.data(), buffer_.size(), MSG_NOSIGNAL);
      if (n > 0) bytes_ += static_cast<uint64_t>(n);
    } else if (!slot.connected) {
      slot.connected = true;
      epoll_.Change(slot.fd.get(), EPOLLIN, i);
      if (options_.mode != "source") Ask(slot);
    } else if (options_.mode == "source") {
      const ssize_t n = recv(slot.fd.get(), buffer_.data(), buffer_.size(), 0);
      if (n > 0) bytes_ += static_cast<uint64_t>(n);
    } else {
      OnAnswer(i);
    }
  }

  void Ask(Slot& slot) {
    slot.got = 0;
    const ssize_t n = send(slot.fd.get(), message_.data(), message_.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(message_.size())) ++errors_;
  }

  void OnAnswer(size_t i) {
    Slot& slot = slots_[i];
    const ssize_t n = recv(slot.fd.get(), buffer_.data(), buffer_.size(), 0);
    const bool whole = slot.got == message_.size();
    if (n > 0) {
      slot.got += static_cast<size_t>(n);
      if (std::memcmp(buffer_.data(), message_.data(), static_cast<size_t>(n)) != 0) ++errors_;
    }
    if (options_.mode == "rr") {
      if (n <= 0) {
        ++errors_;
        Open(i);
      } else if (slot.got >= message_.size()) {
        ++done_;
        slot.answered = true;
        Ask(slot);
      }
    } else if (n <= 0) {  // the server has closed
      if (n < 0 || !whole) ++errors_;
      ++done_;
      Open(i);
    }
  }

  // Latency of a request after a pause, on a connection that is there. The client does not sleep
  // while it waits.
  int Wake() {
    const Fd fd = Connect();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    std::vector<double> us;
    for (uint64_t i = 0; i < options_.count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(options_.pause_ms));
      const auto begin = Clock::now();
      if (send(fd.get(), message_.data(), message_.size(), MSG_NOSIGNAL) < 0) return Fail("send");
      while (recv(fd.get(), buffer_.data(), buffer_.size(), 0) <= 0) {
        if (Clock::now() - begin > std::chrono::seconds(2)) return Fail("no answer in 2 s");
      }
      us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
    std::sort(us.begin(), us.end());
    std::printf(
        "{\"mode\":\"wake\",\"count\":%zu,\"min_us\":%.0f,\"median_us\":%.0f,\"p99_us\":%.0f,"
        "\"max_us\":%.0f}\n",
        us.size(), us.front(), us[us.size() / 2], us[us.size() * 99 / 100], us.back());
    return 0;
  }
  static int Fail(const char* what) {
    std::fprintf(stderr, "served_client: %s\n", what);
    return 1;
  }

  const ClientOptions options_;
  const std::vector<char> message_;
  std::vector<char> buffer_;
  Epoll epoll_;
  std::vector<Slot> slots_;
  uint64_t done_ = 0;
  uint64_t bytes_ = 0;
  uint64_t errors_ = 0;
};

int Main(int argc, const char* const* argv) {
  ClientOptions options;
  runtime::FlagParser parser("served_client", "Linux's sockets against a server elsewhere.");
  parser.AddPositional(
      "mode", runtime::OneOf(&options.mode, {"sink", "source", "rr", "crr", "wake"}), "what to do");
  std::string peer = "10.88.0.2";
  parser.AddKey("peer", runtime::Text(&peer, "ADDR"), "of the server, IPv4");
  parser.AddKey("conns", runtime::Integer(&options.conns, 1, 10000), "connections of rr and crr");
  parser.AddKey("size", runtime::Integer(&options.size, 1, 2048), "bytes of a request");
  parser.AddKey("secs", runtime::Number(&options.secs, 0.01, 3600), "how long to measure");
  parser.AddKey("count", runtime::Integer(&options.count, 1, 100000), "requests of wake");
  parser.AddKey("pause_ms", runtime::Integer(&options.pause_ms, 1, 10000), "before each of these");
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  const auto address = IpAddress::Parse(peer);
  if (!address || !address->is_v4()) return parser.Reject("peer", peer, "expected an IPv4 address");
  options.peer = *address;
  return Client(options).Run();
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
