// Streams over the kernel's sockets: a pair of local ones on one thread.

#include "tls/stream.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <string>
#include <vector>

#include "tls/engine_pair.h"

namespace corelane::tls {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Socket = asio::local::stream_protocol::socket;
using TlsStream = Stream<Socket>;

static_assert(beast::is_async_stream<TlsStream>::value);
static_assert(std::is_nothrow_move_constructible_v<TlsStream>);
static_assert(!std::is_copy_constructible_v<TlsStream>);

class StreamTest : public ::testing::Test {
 protected:
  void Spawn(asio::awaitable<void> task) {
    ++running_;
    asio::co_spawn(context_, std::move(task), [this](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      --running_;
    });
  }
  // All that was spawned comes to its end, and nothing else keeps the context running.
  void Finish() {
    context_.run();
    context_.restart();
    EXPECT_EQ(running_, 0);
  }
  void Shake() {
    Spawn(client_.async_handshake(asio::use_awaitable));
    Spawn(server_.async_handshake(asio::use_awaitable));
    Finish();
  }
  static asio::awaitable<void> Send(TlsStream& stream, std::string text, bool shutdown = false) {
    co_await asio::async_write(stream, asio::buffer(text), asio::use_awaitable);
    if (shutdown) co_await stream.async_shutdown(asio::use_awaitable);
  }
  // Reads to the end, whatever that is.
  static asio::awaitable<void> ReadAll(TlsStream& stream, std::string& to, error_code& end) {
    std::string buffer(7000, '\0');
    while (!end) {
      const size_t size = co_await stream.async_read_some(
          asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, end));
      to.append(buffer, 0, size);
    }
  }

  static std::string Pattern(size_t size) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
    return text;
  }

  asio::io_context context_{1};
  TestSettings settings_;
  int running_ = 0;

  std::pair<Socket, Socket> sockets_ = Pair();
  TlsStream client_{std::move(sockets_.first), settings_.Client(), "server.test"};
  TlsStream server_{std::move(sockets_.second), settings_.Server()};

 private:
  std::pair<Socket, Socket> Pair() {
    std::pair<Socket, Socket> pair{Socket(context_), Socket(context_)};
    asio::local::connect_pair(pair.first, pair.second);
    return pair;
  }
};

TEST_F(StreamTest, ShakesHands) {
  Shake();
  EXPECT_TRUE(client_.engine().handshake_done());
  EXPECT_TRUE(server_.engine().handshake_done());
}

TEST_F(StreamTest, BothWaysAtOnceWithoutAHandshakeOfItsOwn) {
  const std::string up = Pattern(3'000'000);
  const std::string down = Pattern(2'000'000);
  std::string at_server;
  std::string at_client;
  error_code server_end;
  error_code client_end;
  Spawn(Send(client_, up, true));
  Spawn(Send(server_, down, true));
  Spawn(ReadAll(server_, at_server, server_end));
  Spawn(ReadAll(client_, at_client, client_end));
  Finish();
  EXPECT_EQ(at_server, up);
  EXPECT_EQ(at_client, down);
  EXPECT_EQ(server_end, asio::error::eof);
  EXPECT_EQ(client_end, asio::error::eof);
}

TEST_F(StreamTest, AfterTheClientsShutdownTheServerStillAnswers) {
  std::string answer;
  error_code end;
  Spawn(Send(client_, "question", true));
  Spawn([](TlsStream& server) -> asio::awaitable<void> {
    std::string question;
    error_code end;
    co_await ReadAll(server, question, end);
    EXPECT_EQ(question, "question");
    EXPECT_EQ(end, asio::error::eof);
    co_await Send(server, "answer", true);
  }(server_));
  Spawn(ReadAll(client_, answer, end));
  Finish();
  EXPECT_EQ(answer, "answer");
  EXPECT_EQ(end, asio::error::eof);
}

TEST_F(StreamTest, AClosedTransportIsTruncation) {
  Shake();
  std::string text;
  error_code end;
  Spawn(ReadAll(client_, text, end));
  server_.close();
  Finish();
  EXPECT_EQ(end, Error::kTruncated);
}

TEST_F(StreamTest, ShutdownInTheBackgroundEndsBothLayers) {
  Shake();
  error_code ignored;
  server_.shutdown(Socket::shutdown_send, ignored);
  std::string text;
  error_code end;
  Spawn(ReadAll(client_, text, end));
  Finish();
  EXPECT_EQ(end, asio::error::eof);
  char byte = 0;
  error_code below;
  client_.next_layer().read_some(asio::buffer(&byte, 1), below);
  EXPECT_EQ(below, asio::error::eof);
}

TEST_F(StreamTest, SmallBuffersOfOneWriteShareARecord) {
  Shake();
  const std::string large = Pattern(40'000);
  const std::vector<asio::const_buffer> buffers = {asio::buffer("head", 4), asio::buffer("", 0),
                                                   asio::buffer("er", 2), asio::buffer(large)};
  std::string text;
  Spawn([](TlsStream& client, const auto& buffers) -> asio::awaitable<void> {
    co_await asio::async_write(client, buffers, asio::use_awaitable);
    co_await client.async_shutdown(asio::use_awaitable);
  }(client_, buffers));
  error_code end;
  Spawn(ReadAll(server_, text, end));
  Finish();
  EXPECT_EQ(text, "header" + large);
}

TEST_F(StreamTest, ReadsAndWritesQueueInOrder) {
  Shake();
  char first = 0;
  char second = 0;
  std::string order;
  server_.async_read_some(asio::buffer(&first, 1), [&](error_code, size_t) { order += '1'; });
  server_.async_read_some(asio::buffer(&second, 1), [&](error_code, size_t) { order += '2'; });
  client_.async_write_some(asio::buffer("a", 1), asio::detached);
  client_.async_write_some(asio::buffer("b", 1), asio::detached);
  Finish();
  EXPECT_EQ(order, "12");
  EXPECT_EQ(first, 'a');
  EXPECT_EQ(second, 'b');
}

TEST_F(StreamTest, NothingCompletesInsideItsStart) {
  Shake();
  bool inside = true;
  server_.async_read_some(asio::mutable_buffer(),
                          [&](error_code, size_t) { EXPECT_FALSE(inside); });
  server_.async_write_some(asio::buffer("x"), [&](error_code, size_t) { EXPECT_FALSE(inside); });
  server_.close();
  server_.async_read_some(asio::mutable_buffer(), [&](error_code ec, size_t) {
    EXPECT_FALSE(inside);
    EXPECT_EQ(ec, asio::error::bad_descriptor);
  });
  inside = false;
  Finish();
}

TEST_F(StreamTest, ACancelledReadLeavesTheStreamWhole) {
  Shake();
  asio::cancellation_signal signal;
  char byte = 0;
  error_code result;
  client_.async_read_some(
      asio::buffer(&byte, 1),
      asio::bind_cancellation_slot(signal.slot(), [&](error_code ec, size_t) { result = ec; }));
  context_.poll();
  signal.emit(asio::cancellation_type::total);
  Finish();
  EXPECT_EQ(result, asio::error::operation_aborted);
  Spawn(Send(server_, "text", true));
  std::string text;
  error_code end;
  Spawn(ReadAll(client_, text, end));
  Finish();
  EXPECT_EQ(text, "text");
}

TEST_F(StreamTest, CancelEndsAllThatIsPending) {
  int aborted = 0;
  const auto count = [&](error_code ec, size_t = 0) {
    aborted += ec == asio::error::operation_aborted;
  };
  char byte = 0;
  client_.async_handshake(count);
  client_.async_read_some(asio::buffer(&byte, 1), count);
  client_.async_write_some(asio::buffer("x", 1), count);
  context_.poll();
  client_.cancel();
  Finish();
  EXPECT_EQ(aborted, 3);
}

TEST_F(StreamTest, ADestroyedStreamAbortsWhatIsPending) {
  error_code result;
  {
    const TlsStream gone = std::move(client_);
    char byte = 0;
    client_ = TlsStream(Socket(context_), settings_.Client(), "server.test");
    const_cast<TlsStream&>(gone).async_read_some(asio::buffer(&byte, 1),
                                                 [&](error_code ec, size_t) { result = ec; });
  }
  Finish();
  EXPECT_EQ(result, asio::error::operation_aborted);
}

TEST_F(StreamTest, AMovedStreamKeepsItsOperations) {
  Shake();
  char byte = 0;
  client_.async_read_some(asio::buffer(&byte, 1), asio::detached);
  TlsStream moved = std::move(client_);
  client_ = TlsStream(Socket(context_), settings_.Client(), "server.test");
  Spawn(Send(server_, "x"));
  Finish();
  EXPECT_EQ(byte, 'x');
}

TEST_F(StreamTest, TheOtherSideLearnsWhyItWasRefused) {
  settings_.client.ca = TestCa("other CA").pem();
  client_ = TlsStream(std::move(client_.next_layer()), settings_.Client(), "server.test");
  error_code at_client;
  error_code at_server;
  client_.async_handshake([&](error_code ec) {
    at_client = ec;
    client_.close();
  });
  server_.async_handshake([&](error_code ec) { at_server = ec; });
  Finish();
  EXPECT_EQ(at_client, Error::kUnknownCa);
  EXPECT_EQ(at_server, Error::kPeerUnknownCa);
}

TEST(StreamEndTest, ADestroyedContextLeaksNothing) {
  TestSettings settings;
  bool waits = false;
  {
    asio::io_context context{1};
    Socket client(context);
    Socket server(context);
    asio::local::connect_pair(client, server);
    asio::co_spawn(
        context,
        [](Socket socket, ServerContext tls, bool& waits) -> asio::awaitable<void> {
          TlsStream stream(std::move(socket), tls);
          char byte = 0;
          waits = true;
          co_await stream.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
        }(std::move(server), settings.Server(), waits),
        asio::detached);
    context.poll();
  }
  EXPECT_TRUE(waits);  // Under ASan, the end of its frame must be clean.
}

}  // namespace
}  // namespace corelane::tls
