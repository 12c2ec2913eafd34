// What the tests of TcpStream and TcpListener share: two stacks over a ring, in virtual time, IPv4
// or IPv6 by the parameter.

#ifndef CORELANE_RUNTIME_TCP_TEST_FIXTURE_H_
#define CORELANE_RUNTIME_TCP_TEST_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/test_util.h"
#include "runtime/testing.h"

namespace corelane::runtime {

class TcpTest : public testing::TestWithParam<bool> {
 protected:
  Endpoint Server(uint16_t port = 80) const {
    return GetParam() ? pair_.ServerEndpoint6(port) : pair_.ServerEndpoint(port);
  }
  WorkerExecutor executor() { return pair_.worker.get_executor(); }
  TcpListener Listen(uint16_t port = 80) {
    return TcpListener(executor(), pair_.server, Server(port));
  }
  // A connected pair.
  void Connect() {
    TcpListener listener = Listen();
    tasks_.Add([&]() -> Task<> {
      TcpStream accepted = co_await listener.async_accept(kAwait);
      server_ = std::move(accepted);
    });
    tasks_.Add([&]() -> Task<> { co_await client_.async_connect(Server(), kAwait); });
    ASSERT_TRUE(tasks_.Finish());
  }
  // Until the operation's error is there.
  boost::system::error_code Ended(std::optional<boost::system::error_code>& ended) {
    EXPECT_TRUE(pair_.worker.RunUntil([&] { return ended.has_value(); }, std::chrono::minutes(30)));
    return std::exchange(ended, std::nullopt).value_or(boost::system::error_code());
  }
  auto Into(std::optional<boost::system::error_code>& ended) {
    return [&ended](boost::system::error_code ec, auto&&...) { ended = ec; };
  }

  TestPair pair_;
  Tasks tasks_{pair_.worker};
  TcpStream client_{executor(), pair_.client};
  TcpStream server_{executor(), pair_.server};
  std::array<char, 100> bytes_{};
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TCP_TEST_FIXTURE_H_
