// nghttp and h2load against a server session over kernel sockets.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/h2/session.h"

namespace corelane::h2 {
namespace {

constexpr Instant kNow{std::chrono::seconds(1)};

// One connection: echoes a body of up to 64 KiB, else says hello; trailers on /trailers.
class Connection final : public Handler {
 public:
  Connection(int fd, const SessionOptions& options, SessionStats& stats)
      : fd_(fd), session_(Session::Server(options, *this, stats)) {}
  ~Connection() override { close(fd_); }

  int fd() const { return fd_; }
  // False when the connection is over.
  bool Turn() {
    char bytes[16384];
    const ssize_t size = recv(fd_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    session_->Receive({bytes, static_cast<size_t>(size)}, kNow);
    for (std::string_view out = session_->Output(); !out.empty(); out = session_->Output()) {
      const ssize_t sent = send(fd_, out.data(), out.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      session_->OnWritten(static_cast<size_t>(sent));
    }
    return !session_->finished();
  }

  void OnRequest(Stream& stream, const RequestHead& head, bool end) override {
    const HeaderField fields[] = {{"content-type", "text/plain"}};
    static_cast<void>(session_->SubmitResponse(stream, 200, fields, Body::Pushed()));
    if (!end) return;
    const bool trailers = head.path == "/trailers";
    session_->Write(stream, "hello from corelane\n", !trailers);
    const HeaderField sum[] = {{"checksum", "42"}};
    if (trailers) static_cast<void>(session_->SubmitTrailers(stream, sum));
  }
  void OnData(Stream& stream, std::string_view data, bool end) override {
    session_->Write(stream, data, end);
    session_->Consume(stream, data.size());
  }

 private:
  int fd_;
  std::unique_ptr<Session> session_;
};

class Server {
 public:
  Server() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  const std::string& url() const { return url_; }
  const SessionStats& stats() const { return stats_; }

 private:
  // Until the listener is shut down.
  void Run() {
    std::vector<std::unique_ptr<Connection>> connections;
    for (;;) {
      std::vector<pollfd> waits = {{listener_, POLLIN, 0}};
      for (const auto& connection : connections) waits.push_back({connection->fd(), POLLIN, 0});
      poll(waits.data(), waits.size(), -1);
      for (size_t i = connections.size(); i > 0; --i) {
        if (waits[i].revents == 0 || connections[i - 1]->Turn()) continue;
        connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i - 1));
      }
      if (waits[0].revents == 0) continue;
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      connections.push_back(std::make_unique<Connection>(fd, options_, stats_));
    }
  }

  int listener_;
  std::string url_;
  const SessionOptions options_;
  SessionStats stats_;
  std::thread thread_;
};

std::string Output(const std::string& command) {
  std::string text;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> bytes;
  for (size_t size = 0; (size = fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) {
    text.append(bytes.data(), size);
  }
  EXPECT_EQ(pclose(pipe), 0) << command << "\n" << text;
  return text;
}

class Interop : public ::testing::Test {
 protected:
  void SetUp() override {
    if (system("command -v nghttp h2load > /dev/null") != 0) {
      GTEST_SKIP() << "nghttp2-client is not installed";
    }
  }
};

TEST_F(Interop, NghttpGets) {
  const Server server;
  EXPECT_EQ(Output("nghttp " + server.url() + "/"), "hello from corelane\n");
}

TEST_F(Interop, NghttpGetsTrailers) {
  const Server server;
  const std::string text = Output("nghttp -v " + server.url() + "/trailers");
  EXPECT_NE(text.find("checksum: 42"), std::string::npos) << text;
}

TEST_F(Interop, NghttpPostsAndGetsItBack) {
  const Server server;
  const std::string text =
      Output("head -c 50000 /dev/zero | tr '\\0' x | nghttp -d - " + server.url() + "/");
  EXPECT_EQ(text, std::string(50000, 'x'));
}

TEST_F(Interop, H2loadFindsNoFailure) {
  const Server server;
  const std::string text = Output("h2load -n 20000 -c 10 -m 50 " + server.url() + "/");
  EXPECT_NE(text.find("20000 succeeded, 0 failed, 0 errored, 0 timeout"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace corelane::h2
