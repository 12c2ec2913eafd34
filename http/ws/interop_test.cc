// python3-websockets against our server, and against our client's codec, over loopback.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "http/h1/parser.h"
#include "http/serve.h"
#include "http/ws/codec_harness.h"
#include "http/ws/handler.h"
#include "http/ws/handshake.h"

namespace corelane::ws {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using http::Task;

// Debian's, which has the module; `python3` may be another.
constexpr char kPython[] = "/usr/bin/python3";

bool PeerInstalled() {
  const std::string command = std::string(kPython) + " -c 'import websockets' 2>/dev/null";
  return std::system(command.c_str()) == 0;
}

FILE* StartScript(const std::string& name, const std::string& arguments = {}) {
  const char* const root = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  const std::string path = std::string(root) + "/" + workspace + "/http/ws/" + name;
  return popen(
      ("timeout 60 " + std::string(kPython) + " " + path + " " + arguments + " 2>&1").c_str(), "r");
}

Task<void> Echo(Socket& socket) {
  while (const std::optional<Message> message = co_await socket.Receive()) {
    co_await socket.Send(*message);
  }
}
Task<void> Closes(Socket& socket) {
  const std::optional<Message> message = co_await socket.Receive();
  if (message.has_value()) socket.Close(static_cast<CloseCode>(4001), "enough");
}

TEST(Interop, TheirClientOurServer) {
  if (!PeerInstalled()) GTEST_SKIP() << "python3-websockets is not installed";
  Options options;
  options.deflate.emplace().min_bytes = 1;
  options.subprotocols = {"chat"};
  http::Router router;
  router.Get("/echo", Handler(Echo, options));
  router.Get("/closes", Handler(Closes, options));
  asio::io_context context{1};
  http::Server<Acceptor> server(
      Acceptor(context, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)), router,
      http::ServerOptions());
  asio::co_spawn(context, server.Run(), [](std::exception_ptr) {});
  FILE* const script =
      StartScript("interop_client.py", std::to_string(server.acceptor().local_endpoint().port()));
  ASSERT_NE(script, nullptr);
  std::string said;
  asio::posix::stream_descriptor output(context, dup(fileno(script)));
  std::array<char, 4096> piece;
  std::function<void()> read = [&] {
    output.async_read_some(asio::buffer(piece), [&](boost::system::error_code error, size_t size) {
      said.append(piece.data(), size);
      error ? server.Stop() : read();
    });
  };
  read();
  context.run();
  EXPECT_EQ(pclose(script), 0);
  EXPECT_EQ(said,
            "echo plain 1000\ndeflate permessage-deflate 1000\nclosed chat 4001 enough\n"
            "too big chat 1009 message too big\norigin 403\nmissing 404\n");
}

// A client of blocking reads and writes.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ClientOptions options;
    options.subprotocols = {"chat"};
    options.deflate.emplace().min_bytes = 1;
    const std::array<uint8_t, 16> nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const ClientHandshake handshake(nonce, options);
    Write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + handshake.FieldLines() + "\r\n");
    http::ResponseParser parser;
    parser.Start(http::HeadLimits(), http::Method::kGet);
    while (parser.Parse(received_) == http::ParseStatus::kNeedMore && Read()) {
    }
    const http::ResponseHead head = parser.head(received_);
    result_ = handshake.Check(head.status, head.fields);
    EXPECT_EQ(result_.problem, "");
    received_.erase(0, parser.consumed());
    encoder_.emplace(Role::kClient, testing::SeededMasks(7), result_.deflate, *options.deflate);
    decoder_.emplace(Role::kClient, 1 << 24, result_.deflate);
  }
  ~Client() { close(fd_); }

  const ClientHandshake::Result& result() const { return result_; }
  Encoder& encoder() { return *encoder_; }
  http::Buffer& out() { return out_; }
  // Sends what is in out(), and returns the next event.
  Event Exchange() {
    Write(out_.view());
    out_.Clear();
    for (;;) {
      std::string_view rest = received_;
      const Event event = decoder_->Decode(rest);
      received_.erase(0, received_.size() - rest.size());
      if (event != Event::kNeedMore || !Read()) return event;
    }
  }
  const Decoder& decoder() const { return *decoder_; }

 private:
  void Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(size, 0);
      bytes.remove_prefix(static_cast<size_t>(size));
    }
  }
  bool Read() {
    std::array<char, 65536> piece;
    const ssize_t size = recv(fd_, piece.data(), piece.size(), 0);
    if (size > 0) received_.append(piece.data(), static_cast<size_t>(size));
    return size > 0;
  }

  int fd_;
  std::string received_;
  http::Buffer out_;
  ClientHandshake::Result result_;
  std::optional<Encoder> encoder_;
  std::optional<Decoder> decoder_;
};

TEST(Interop, OurClientTheirServer) {
  if (!PeerInstalled()) GTEST_SKIP() << "python3-websockets is not installed";
  FILE* const script = StartScript("interop_server.py");
  ASSERT_NE(script, nullptr);
  int port = 0;
  ASSERT_EQ(std::fscanf(script, "%d", &port), 1);
  {
    Client client(static_cast<uint16_t>(port));
    EXPECT_EQ(client.result().subprotocol, "chat");
    EXPECT_TRUE(client.result().deflate.has_value());
    for (const std::string& text :
         {std::string(), std::string("k\xc3\xb6s"), std::string(70000, 'a'), std::string("end")}) {
      client.encoder().Message(MessageType::kText, text, client.out());
      ASSERT_EQ(client.Exchange(), Event::kMessage);
      EXPECT_EQ(client.decoder().message(), text);
    }
    client.encoder().Ping("p", client.out());
    ASSERT_EQ(client.Exchange(), Event::kPong);
    EXPECT_EQ(client.decoder().control(), "p");
    client.encoder().Close(static_cast<CloseCode>(4000), "done", client.out());
    ASSERT_EQ(client.Exchange(), Event::kClose);
    EXPECT_EQ(client.decoder().close_code(), static_cast<CloseCode>(4000));
  }
  std::array<char, 100> ended{};
  ASSERT_NE(std::fgets(ended.data(), ended.size(), script), nullptr);  // The port's line end.
  ASSERT_NE(std::fgets(ended.data(), ended.size(), script), nullptr);
  EXPECT_STREQ(ended.data(), "4000 done\n");
  EXPECT_EQ(pclose(script), 0);
}

}  // namespace
}  // namespace corelane::ws
