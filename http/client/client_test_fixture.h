// For the tests of the whole client: a connector to servers in memory that the test plays by hand,
// on a clock that it moves.

#ifndef CORELANE_HTTP_CLIENT_CLIENT_TEST_FIXTURE_H_
#define CORELANE_HTTP_CLIENT_CLIENT_TEST_FIXTURE_H_

#include <gtest/gtest.h>

#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/client/client.h"
#include "http/memory_stream.h"

namespace corelane::http::testing {

// The server's side of one connection.
struct TestPeer {
  std::string where;  // host:port that was dialled.
  std::optional<MemoryStream> stream;

  // What the client has sent and nobody has taken yet.
  std::string Take() { return std::exchange(stream->in().bytes, {}); }
  void Send(std::string_view bytes) {
    stream->out().bytes += bytes;
    stream->out().Wake();
  }
  void End() {
    stream->out().ended = true;
    stream->out().Wake();
  }
  // The client has closed its side.
  bool closed() { return stream->out().broken; }
};

// Shared by the copies of a connector and the test.
struct TestNetwork {
  std::vector<std::unique_ptr<TestPeer>> peers;
  // What the next attempts end with; empty: success.
  std::function<boost::system::error_code(const std::string&)> fail;
  bool silent = false;  // Attempts never end.
  std::vector<std::function<void()>> pending;
  int attempts = 0;
  int cancelled = 0;
};

class TestConnector {
 public:
  using executor_type = TestExecutor;
  using stream_type = MemoryStream;

  TestConnector(TestExecutor executor, std::shared_ptr<TestNetwork> network)
      : executor_(executor), network_(std::move(network)) {}
  executor_type get_executor() const { return executor_; }

  template <class Token>
  auto async_connect(const std::string& host, uint16_t port, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, MemoryStream)>(
        [this](auto handler, const std::string& where) {
          ++network_->attempts;
          auto [mine, theirs] = MakeStreamPair(executor_);
          const error_code error = network_->fail ? network_->fail(where) : error_code();
          auto slot = boost::asio::get_associated_cancellation_slot(handler);
          if (network_->silent) {
            auto kept = std::make_shared<decltype(handler)>(std::move(handler));
            slot.assign([this](boost::asio::cancellation_type) { ++network_->cancelled; });
            network_->pending.push_back([kept] {});
            return;
          }
          if (!error) {
            auto peer = std::make_unique<TestPeer>();
            peer->where = where;
            peer->stream.emplace(std::move(theirs));
            network_->peers.push_back(std::move(peer));
          }
          boost::asio::post(executor_,
                            boost::asio::append(std::move(handler), error, std::move(mine)));
        },
        token, host + ":" + std::to_string(port));
  }

 private:
  TestExecutor executor_;
  std::shared_ptr<TestNetwork> network_;
};

using TestClient = Client<TestConnector, ManualTimer>;

// How a Send went.
struct Outcome {
  bool done = false;
  error_code error;
  TestClient::Response response;
  int status() const { return response ? response.status() : -1; }
};

class ClientTest : public ::testing::Test {
 protected:
  TestClient& Make(ClientOptions options = {}) {
    client_.emplace(context_.get_executor(), TestConnector(context_.get_executor(), network_),
                    options);
    return *client_;
  }
  TestClient& client() { return client_ ? *client_ : Make(Plain()); }
  // Few defaults, so that what is sent is easy to read.
  static ClientOptions Plain() {
    ClientOptions options;
    options.user_agent.clear();
    options.decompress = false;
    options.random_seed = 7;
    return options;
  }

  std::shared_ptr<Outcome> Send(OutgoingRequest request) {
    auto outcome = std::make_shared<Outcome>();
    client().Send(std::move(request), [outcome](error_code error, TestClient::Response response) {
      outcome->done = true;
      outcome->error = error;
      outcome->response = std::move(response);
    });
    Poll();
    return outcome;
  }
  std::shared_ptr<Outcome> Get(std::string_view url = "http://a/") {
    return Send(OutgoingRequest::Get(url));
  }
  // All of the body; sets error_ on failure.
  std::string ReadAll(Outcome& outcome, size_t limit = 1 << 24) {
    read_done_ = false;
    body_.clear();
    outcome.response.ReadAll(limit, [this](error_code error, std::string body) {
      error_ = error;
      body_ = std::move(body);
      read_done_ = true;
    });
    Poll();
    return body_;
  }
  void Poll() {
    context_.restart();
    context_.poll();
  }
  void Advance(std::chrono::nanoseconds by) {
    ManualTime::Get().Advance(by);
    Poll();
  }
  size_t peers() const { return network_->peers.size(); }
  TestPeer& peer(size_t at = 0) { return *network_->peers.at(at); }
  void Answer(size_t at, std::string_view bytes) {
    peer(at).Take();
    peer(at).Send(bytes);
    Poll();
  }

  boost::asio::io_context context_;
  std::shared_ptr<TestNetwork> network_ = std::make_shared<TestNetwork>();
  std::optional<TestClient> client_;
  error_code error_;
  std::string body_;
  bool read_done_ = false;
};

inline constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace corelane::http::testing

#endif  // CORELANE_HTTP_CLIENT_CLIENT_TEST_FIXTURE_H_
