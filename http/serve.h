// The I/O shell of the server: HTTP over any AsyncStream, connections from any acceptor.
//
//   asio::io_context context;
//   asio::ip::tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 8080});
//   asio::co_spawn(context, http::Serve(std::move(acceptor), router, http::ServerOptions()),
//                  asio::detached);
//   context.run();
//
// A stream has async_read_some, async_write_some, close, get_executor and executor_type; an
// acceptor has async_accept(token) that gives the stream, and close. Kernel sockets and our own
// both do, and tls::Stream and tls::Acceptor over either. A connection speaks HTTP/1.1 or HTTP/2,
// as its first bytes say. A request spawns nothing. All of a server runs on its acceptor's
// executor, which must be one thread or a strand.

#ifndef CORELANE_HTTP_SERVE_H_
#define CORELANE_HTTP_SERVE_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "core/check.h"
#include "core/time.h"
#include "http/connection_group.h"
#include "http/router.h"
#include "http/served_connection.h"
#include "http/server_options.h"
#include "http/stream_traits.h"

namespace corelane::http {

// Serves one connection until it ends, on the stream's executor. `router` must live as long.
template <class Stream, class Timer = typename TimerFor<typename Stream::executor_type>::type>
void StartConnection(Stream stream, const Router& router, const ServerOptions& options,
                     std::shared_ptr<ConnectionGroup> group) {
  internal::ServedConnection<Stream, Timer>::Start(std::move(stream), router, options,
                                                   std::move(group));
}

// Accepts connections and serves them, until Stop or until the acceptor fails for good.
template <class Acceptor, class Timer = typename TimerFor<typename Acceptor::executor_type>::type>
class Server {
 public:
  using Executor = typename Acceptor::executor_type;

  // `router` must outlive the server and its connections.
  Server(Acceptor acceptor, const Router& router, ServerOptions options)
      : acceptor_(std::move(acceptor)),
        router_(router),
        options_(options),
        group_(std::make_shared<ConnectionGroup>()),
        timer_(acceptor_.get_executor()) {
    CL_CHECK(router.status().ok());
    group_->set_on_empty([](void* self) { static_cast<Server*>(self)->timer_.cancel(); }, this);
  }
  ~Server() { group_->set_on_empty(nullptr, nullptr); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Acceptor& acceptor() { return acceptor_; }
  const ServerStats& stats() const { return group_->stats(); }
  size_t connections() const { return group_->size(); }

  // Stops accepting, lets requests in flight end, then closes; Run ends after at most
  // drain_timeout. On the server's thread.
  void Stop() {
    if (group_->stopping()) return;
    CloseStream(acceptor_);
    group_->Stop();
    timer_.cancel();
  }

  boost::asio::awaitable<void, Executor> Run() {
    namespace asio = boost::asio;
    constexpr asio::use_awaitable_t<Executor> kAwait;
    boost::system::error_code error;
    auto token = asio::redirect_error(kAwait, error);
    while (!group_->stopping()) {
      auto stream = co_await acceptor_.async_accept(token);
      if (group_->stopping()) break;
      if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) break;
      if (error) {  // No descriptors, or a peer that has gone: try again soon.
        timer_.expires_at(ToTimerTime<Timer>(Now() + kAcceptPause));
        co_await timer_.async_wait(token);
        continue;
      }
      if (options_.max_connections != 0 && group_->size() >= options_.max_connections) {
        ++group_->stats().refused_connections;
        CloseStream(stream);
        continue;
      }
      using Stream = decltype(stream);
      StartConnection<Stream, Timer>(std::move(stream), router_, options_, group_);
    }
    if (group_->size() > 0) {
      timer_.expires_at(ToTimerTime<Timer>(Now() + options_.drain_timeout));
      co_await timer_.async_wait(token);
      group_->Close();
    }
    while (group_->size() > 0) {
      timer_.expires_at(ToTimerTime<Timer>(Now() + std::chrono::hours(1)));
      co_await timer_.async_wait(token);
    }
  }

 private:
  Instant Now() { return TimerNow<Timer>(acceptor_.get_executor()); }

  static constexpr Duration kAcceptPause = std::chrono::milliseconds(20);

  Acceptor acceptor_;
  const Router& router_;
  const ServerOptions options_;
  std::shared_ptr<ConnectionGroup> group_;
  Timer timer_;
};

// A server without a handle: runs until the acceptor is closed.
template <class Acceptor, class Timer = typename TimerFor<typename Acceptor::executor_type>::type>
boost::asio::awaitable<void, typename Acceptor::executor_type> Serve(Acceptor acceptor,
                                                                     const Router& router,
                                                                     ServerOptions options) {
  Server<Acceptor, Timer> server(std::move(acceptor), router, options);
  co_await server.Run();
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SERVE_H_
