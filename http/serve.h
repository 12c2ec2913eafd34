// The I/O shells of the server: H1Server over any AsyncStream, connections from any acceptor.
//
//   asio::io_context context;
//   asio::ip::tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 8080});
//   asio::co_spawn(context, http::Serve(std::move(acceptor), router, http::ServerOptions()),
//                  asio::detached);
//   context.run();
//
// A stream has async_read_some, async_write_some, close, get_executor and executor_type; an
// acceptor has async_accept(token) that gives the stream, and close. Kernel sockets and our own
// both do. One coroutine serves a connection; a request spawns nothing. All of a server runs on its
// acceptor's executor, which must be one thread or a strand.

#ifndef CORELANE_HTTP_SERVE_H_
#define CORELANE_HTTP_SERVE_H_

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <utility>

#include "core/check.h"
#include "core/time.h"
#include "http/connection_group.h"
#include "http/h1_server.h"
#include "http/router.h"
#include "http/server_options.h"
#include "http/stream_traits.h"

namespace corelane::http {

namespace internal {

// A stream with one lazily moved timer that breaks its operations off at a deadline. Shared with
// the timer's handler, which may come after the connection has ended.
template <class Stream, class Timer>
class WatchedStream : public std::enable_shared_from_this<WatchedStream<Stream, Timer>> {
 public:
  explicit WatchedStream(Stream stream)
      : stream_(std::move(stream)), timer_(stream_.get_executor()) {}

  Stream& stream() { return stream_; }

  void SetDeadline(Instant deadline) {
    deadline_ = deadline;
    expired_ = false;
    if (deadline < armed_until_) Arm();
  }
  bool expired() const { return expired_; }
  void Close() {
    closed_ = true;
    timer_.cancel();
    CloseStream(stream_);
  }

 private:
  void Arm() {
    armed_until_ = deadline_;
    timer_.expires_at(ToTimerTime<Timer>(deadline_));
    timer_.async_wait(
        [self = this->shared_from_this(), arm = ++arm_](const boost::system::error_code& error) {
          if (!error && arm == self->arm_) self->OnTimer();
        });
  }
  void OnTimer() {
    armed_until_ = kNever;
    if (closed_ || deadline_ == kNever) return;
    if (TimerNow<Timer>(stream_.get_executor()) < deadline_) return Arm();
    expired_ = true;
    deadline_ = kNever;
    CancelStream(stream_);
  }

  Stream stream_;
  Timer timer_;
  Instant deadline_ = kNever;
  Instant armed_until_ = kNever;
  uint64_t arm_ = 0;
  bool expired_ = false;
  bool closed_ = false;
};

// What wakes a connection whose handler waits: time, the handler, or the server.
template <class Stream, class Timer>
class ServedConnection final : public ConnectionGroup::Member {
 public:
  ServedConnection(ConnectionGroup& group, WatchedStream<Stream, Timer>& watched, H1Server& engine)
      : Member(group), watched_(watched), engine_(engine), event_(watched.stream().get_executor()) {
    engine.set_notify(
        [](void* self) {
          auto* const connection = static_cast<ServedConnection*>(self);
          if (connection->waiting_) connection->event_.cancel();
        },
        this);
    if (group.stopping()) engine.Stop();
  }

  void Stop() override {
    engine_.Stop();
    if (waiting_) event_.cancel();
    if (reading_ && engine_.idle()) CancelStream(watched_.stream());
  }
  void Close() override { CloseStream(watched_.stream()); }

  Timer& event() { return event_; }
  void set_waiting(bool waiting) { waiting_ = waiting; }
  void set_reading(bool reading) { reading_ = reading; }

 private:
  WatchedStream<Stream, Timer>& watched_;
  H1Server& engine_;
  Timer event_;
  bool waiting_ = false;
  bool reading_ = false;
};

}  // namespace internal

// Serves one connection until it ends. `router` must live as long.
template <class Stream, class Timer = typename TimerFor<typename Stream::executor_type>::type>
boost::asio::awaitable<void, typename Stream::executor_type> ServeConnection(
    Stream stream, const Router& router, ServerOptions options,
    std::shared_ptr<ConnectionGroup> group = nullptr) {
  namespace asio = boost::asio;
  using Executor = typename Stream::executor_type;
  constexpr asio::use_awaitable_t<Executor> kAwait;
  constexpr Duration kLongWait = std::chrono::hours(24);

  if (group == nullptr) group = std::make_shared<ConnectionGroup>();
  const auto watched = std::make_shared<internal::WatchedStream<Stream, Timer>>(std::move(stream));
  H1Server engine(router, options, group->stats());
  internal::ServedConnection<Stream, Timer> connection(*group, *watched, engine);
  Stream& io = watched->stream();
  const Executor executor = io.get_executor();
  const auto now = [&executor] { return TimerNow<Timer>(executor); };
  boost::system::error_code error;
  auto token = asio::redirect_error(kAwait, error);
  ++group->stats().connections;

  for (bool open = true; open;) {
    const IoAction action = engine.Next(now(), std::time(nullptr));
    switch (action) {
      case IoAction::kRead: {
        const std::span<char> room = engine.ReadBuffer();
        const auto buffer = asio::buffer(room.data(), room.size());
        watched->SetDeadline(engine.deadline());
        connection.set_reading(true);
        const size_t size = co_await io.async_read_some(buffer, token);
        connection.set_reading(false);
        if (!error || error == asio::error::eof) {
          engine.OnRead(size, now());
        } else if (watched->expired()) {
          engine.OnDeadline(now());
        } else if (error != asio::error::operation_aborted || !group->stopping()) {
          engine.OnFailure();
        }
        break;
      }
      case IoAction::kWrite: {
        const std::array<std::string_view, 2> bytes = engine.WriteBuffers();
        const std::array<asio::const_buffer, 2> buffers = {
            asio::const_buffer(bytes[0].data(), bytes[0].size()),
            asio::const_buffer(bytes[1].data(), bytes[1].size())};
        watched->SetDeadline(engine.deadline());
        const size_t size = co_await io.async_write_some(buffers, token);
        if (!error) {
          engine.OnWritten(size, now());
        } else if (watched->expired()) {
          engine.OnDeadline(now());
        } else {
          engine.OnFailure();
        }
        break;
      }
      case IoAction::kSleep:
      case IoAction::kWait: {
        watched->SetDeadline(kNever);
        const Instant until = action == IoAction::kSleep ? engine.wake_at() : now() + kLongWait;
        connection.event().expires_at(ToTimerTime<Timer>(until));
        connection.set_waiting(true);
        co_await connection.event().async_wait(token);
        connection.set_waiting(false);
        break;
      }
      case IoAction::kShutdown:
        ShutdownSend(io);
        break;
      case IoAction::kClose:
        open = false;
        break;
    }
  }
  watched->Close();
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
      Spawn(std::move(stream));
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

  template <class Stream>
  void Spawn(Stream stream) {
    const auto executor = stream.get_executor();
    boost::asio::co_spawn(
        executor, ServeConnection<Stream, Timer>(std::move(stream), router_, options_, group_),
        boost::asio::detached);
  }

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
