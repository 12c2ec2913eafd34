#include "http/use_task.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>

#include "http/client.h"
#include "http/serve.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using Timer = TimerFor<Executor>::type;

class UseTaskTest : public ::testing::Test {
 protected:
  // Runs `task` to its end.
  void Run(Task<void> task) {
    bool done = false;
    task.Start([](void* flag) { *static_cast<bool*>(flag) = true; }, &done);
    context_.run();
    ASSERT_TRUE(done);
    task.Take();
  }

  asio::io_context context_{1};
};

Task<void> Talk(asio::io_context& context) {
  Acceptor acceptor(context, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Socket client(context);
  co_await client.async_connect(acceptor.local_endpoint(), use_task);
  Socket server = co_await acceptor.async_accept(use_task);
  const std::string text = "through a task";
  const size_t sent = co_await asio::async_write(client, asio::buffer(text), use_task);
  EXPECT_EQ(sent, text.size());
  std::string got(text.size(), '\0');
  co_await asio::async_read(server, asio::buffer(got), use_task);
  EXPECT_EQ(got, text);
  client.close();
  boost::system::error_code error;
  co_await server.async_read_some(asio::buffer(got), use_task(error));
  EXPECT_EQ(error, asio::error::eof);
  bool thrown = false;
  try {
    co_await server.async_read_some(asio::buffer(got), use_task);
  } catch (const boost::system::system_error& failure) {
    thrown = failure.code() == asio::error::eof;
  }
  EXPECT_TRUE(thrown);
}

TEST_F(UseTaskTest, WaitsForAnyOperation) { Run(Talk(context_)); }

Task<int> Inner(Timer& timer) {
  boost::system::error_code error;
  co_await timer.async_wait(use_task(error));
  co_return error == asio::error::operation_aborted ? 1 : 0;
}
Task<void> Outer(Timer& timer, int& cancelled) { cancelled = co_await Inner(timer); }

TEST_F(UseTaskTest, CancelReachesWhatTheInnermostTaskWaitsFor) {
  Timer timer(context_);
  timer.expires_after(std::chrono::hours(1));
  int cancelled = 0;
  Task<void> task = Outer(timer, cancelled);
  task.Start([](void*) {}, nullptr);
  asio::post(context_, [&] { task.Cancel(); });
  context_.run();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(cancelled, 1);
  task.Cancel();  // Nothing is left to be cancelled.
}

// A server whose handler waits for a timer of an hour.
class WaitingServerTest : public UseTaskTest {
 protected:
  WaitingServerTest() {
    router_.Get("/wait", [this](const Request& request) { return Wait(request); });
    router_.Get("/wait/a/while", [this](const Request& request) {
      request.SetTimeout(std::chrono::milliseconds(20));
      return Wait(request);
    });
  }
  Task<Response> Wait(const Request& request) {
    Timer timer(context_);
    timer.expires_after(std::chrono::hours(1));
    boost::system::error_code error;
    co_await timer.async_wait(use_task(error));
    cancelled_ = error == asio::error::operation_aborted;
    co_return Response::Text(request.timed_out() ? "time is up" : "cancelled", 503);
  }
  asio::awaitable<void, Executor> Ask(const char* path, bool leave) {
    asio::use_awaitable_t<Executor> await;
    Socket socket(context_);
    co_await socket.async_connect(server_.acceptor().local_endpoint(), await);
    if (leave) {
      const std::string request = std::string("GET ") + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
      co_await asio::async_write(socket, asio::buffer(request), await);
      while (server_.stats().requests == 0) co_await asio::post(context_, await);
      socket.set_option(asio::socket_base::linger(true, 0));  // A reset.
      socket.close();
      while (!cancelled_) co_await asio::post(context_, await);
    } else {
      ResponseReader reader;
      const ClientRequest request("GET", path, "a");
      const ClientResponse response = co_await AsyncRequest(socket, reader, request);
      EXPECT_EQ(response.status, 503);
      EXPECT_EQ(response.body, "time is up");
    }
    server_.Stop();
  }
  void RunClient(const char* path, bool leave) {
    asio::co_spawn(context_, server_.Run(), [](std::exception_ptr) {});
    asio::co_spawn(context_, Ask(path, leave),
                   [](std::exception_ptr failure) { EXPECT_EQ(failure, nullptr); });
    context_.run();
    EXPECT_TRUE(cancelled_);
  }

  Router router_;
  Server<Acceptor> server_{Acceptor(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
                           router_, ServerOptions()};
  bool cancelled_ = false;
};

TEST_F(WaitingServerTest, AClientThatLeavesCancelsWhatItsHandlerWaitsFor) {
  RunClient("/wait", true);
}
TEST_F(WaitingServerTest, AHandlerOutOfTimeIsCancelled) { RunClient("/wait/a/while", false); }

}  // namespace
}  // namespace corelane::http
