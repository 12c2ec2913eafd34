// One connection of a server: an engine driven over a stream.

#ifndef CORELANE_HTTP_SERVED_CONNECTION_H_
#define CORELANE_HTTP_SERVED_CONNECTION_H_

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "core/time.h"
#include "http/connection_group.h"
#include "http/describe_connection.h"
#include "http/h1_server.h"
#include "http/h2_server.h"
#include "http/router.h"
#include "http/server_engine.h"
#include "http/server_options.h"
#include "http/stream_traits.h"

namespace corelane::http::internal {

// Lives until the operations that it has started have ended, of which one always waits while it is
// open: that of its timer, which is moved lazily.
template <class Stream, class Timer>
class ServedConnection final
    : public ConnectionGroup::Member,
      public boost::intrusive_ref_counter<ServedConnection<Stream, Timer>,
                                          boost::sp_adl_block::thread_unsafe_counter> {
 public:
  using Ref = boost::intrusive_ptr<ServedConnection>;

  static void Start(Stream stream, const Router& router, const ServerOptions& options,
                    std::shared_ptr<ConnectionGroup> group) {
    const Ref connection(
        new ServedConnection(std::move(stream), router, options, std::move(group)));
    connection->Pump();
  }
  ~ServedConnection() = default;

  void Stop() override {
    if (closed_) return;
    engine_->Stop();
    Pump();
  }
  void Close() override {
    if (closed_) return;
    engine_->OnFailure();
    Pump();
  }

 private:
  ServedConnection(Stream stream, const Router& router, const ServerOptions& options,
                   std::shared_ptr<ConnectionGroup> group)
      : Member(std::move(group)),
        router_(router),
        options_(options),
        stream_(std::move(stream)),
        timer_(stream_.get_executor()),
        info_(DescribeConnection(stream_)) {
    ++this->group().stats().connections;
    SetNoDelay(stream_);
    SetEngine(std::make_unique<H1Server>(router_, options_, this->group().stats(), info_));
  }

  void SetEngine(std::unique_ptr<ServerEngine> engine) {
    engine_ = std::move(engine);
    engine_->set_notify([](void* self) { static_cast<ServedConnection*>(self)->OnNotify(); }, this);
    if (group().stopping()) engine_->Stop();
  }

  Instant Now() { return TimerNow<Timer>(stream_.get_executor()); }

  // Has the engine do all that it can do now.
  void Pump() {
    if (std::exchange(busy_, true)) return;
    for (bool more = true; more && !closed_;) {
      switch (engine_->Next(Now(), std::time(nullptr))) {
        case IoAction::kRead:
          StartRead();
          break;
        case IoAction::kWrite:
          StartWrite();
          break;
        case IoAction::kShutdown:
          ShutdownSend(stream_);
          break;
        case IoAction::kHttp2:
          StartHttp2();
          break;
        case IoAction::kWait:
          SetDeadline(engine_->deadline());
          more = false;
          break;
        case IoAction::kClose:
          closed_ = true;
          timer_.cancel();
          CloseStream(stream_);
          break;
      }
    }
    busy_ = false;
  }
  // Lets the engine know something, and go on.
  template <class Event>
  void Tell(Event&& event) {
    if (closed_) return;
    busy_ = true;
    event();
    busy_ = false;
    Pump();
  }

  void StartRead() {
    const std::span<char> room = engine_->ReadBuffer();
    stream_.async_read_some(boost::asio::buffer(room.data(), room.size()), OnRead{Ref(this)});
  }
  void StartWrite() {
    const std::array<std::string_view, 2> bytes = engine_->WriteBuffers();
    const std::array<boost::asio::const_buffer, 2> buffers = {
        boost::asio::const_buffer(bytes[0].data(), bytes[0].size()),
        boost::asio::const_buffer(bytes[1].data(), bytes[1].size())};
    stream_.async_write_some(buffers, OnWritten{Ref(this)});
  }
  void StartHttp2() {
    const std::string input(engine_->TakeInput());
    auto engine = std::make_unique<H2Server>(router_, options_, group().stats(), info_);
    engine->Begin(input, Now());
    SetEngine(std::move(engine));
  }

  // The first read has made the handshake of a TLS stream.
  void TellProtocol() {
    if constexpr (requires { stream_.engine().alpn(); }) {
      if (!std::exchange(protocol_told_, true)) engine_->OnProtocol(stream_.engine().alpn());
    }
  }

  struct OnRead {
    Ref self;
    void operator()(const boost::system::error_code& error, size_t size) const {
      ServerEngine& engine = *self->engine_;
      self->Tell([&] {
        if (error && error != boost::asio::error::eof) return engine.OnFailure();
        self->TellProtocol();
        engine.OnRead(error ? 0 : size, self->Now());
      });
    }
  };
  struct OnWritten {
    Ref self;
    void operator()(const boost::system::error_code& error, size_t size) const {
      ServerEngine& engine = *self->engine_;
      self->Tell([&] {
        if (error) return engine.OnFailure();
        engine.OnWritten(size, self->Now());
      });
    }
  };

  // The engine's handlers go on from here, and not in the stack of what has woken them: that may be
  // one of them.
  void OnNotify() {
    if (busy_ || std::exchange(notified_, true)) return;
    boost::asio::post(stream_.get_executor(), [self = Ref(this)] {
      self->notified_ = false;
      if (!self->closed_) self->Pump();
    });
  }

  void SetDeadline(Instant deadline) {
    deadline_ = deadline;
    if (deadline < armed_until_) Arm(deadline);
    if (armed_until_ == kNever) Arm(Now() + kLongWait);
  }
  void Arm(Instant until) {
    armed_until_ = until;
    timer_.expires_at(ToTimerTime<Timer>(until));
    timer_.async_wait([self = Ref(this), arm = ++arm_](const boost::system::error_code& error) {
      if (!error && arm == self->arm_) self->OnTimer();
    });
  }
  void OnTimer() {
    armed_until_ = kNever;
    if (closed_) return;
    const Instant now = Now();
    if (now < deadline_) return Arm(std::min(deadline_, now + kLongWait));
    Tell([&] { engine_->OnDeadline(now); });
  }

  static constexpr Duration kLongWait = std::chrono::hours(24);

  const Router& router_;
  const ServerOptions options_;
  Stream stream_;
  Timer timer_;
  const ConnectionInfo info_;
  std::unique_ptr<ServerEngine> engine_;
  Instant deadline_ = kNever;
  Instant armed_until_ = kNever;
  uint64_t arm_ = 0;
  bool busy_ = false;
  bool notified_ = false;
  bool protocol_told_ = false;
  bool closed_ = false;
};

}  // namespace corelane::http::internal

#endif  // CORELANE_HTTP_SERVED_CONNECTION_H_
