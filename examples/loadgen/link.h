// Link: a connection of a Lane over any AsyncStream; LaneOver: a Lane of such connections.
// Callbacks and no coroutines, so that a request costs neither.
//
// A Transport has
//
//   using Stream = ...;                     // async_read_some, async_write_some, close
//   Stream NewStream();                     // Not connected.
//   void Connect(Stream&, handler);         // void(error_code, Failure): of what failed
//   std::string_view alpn(Stream&) const;   // What TLS agreed on; empty without it.
//
// KernelTransport and StackTransport are in examples/load_transport.h, with TLS over either.

#ifndef CORELANE_EXAMPLES_LOADGEN_LINK_H_
#define CORELANE_EXAMPLES_LOADGEN_LINK_H_

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "examples/loadgen/lane.h"
#include "http/stream_traits.h"

namespace corelane::load {

// Lives until the lane has closed it, and the operations that it has started have ended.
template <class Transport>
class Link final : public LinkBase,
                   public boost::intrusive_ref_counter<Link<Transport>,
                                                       boost::sp_adl_block::thread_unsafe_counter> {
 public:
  using Ref = boost::intrusive_ptr<Link>;

  Link(Lane& lane, Transport& transport)
      : lane_(lane), transport_(transport), stream_(transport.NewStream()) {}

  void Connect(bool http2) {
    open_ref_ = Ref(this);
    transport_.Connect(stream_, [self = Ref(this), http2](const boost::system::error_code& error,
                                                          Failure failure) {
      self->OnConnected(error, failure, http2);
    });
  }

  void Flush() override {
    if (closed_) return;
    if (!writing_) StartWrite();
    if (engine->finished()) return lane_.OnEnded(*this);
    if (!reading_) StartRead();
  }
  void Close() override {
    if (std::exchange(closed_, true)) return;
    http::CloseStream(stream_);
    open_ref_.reset();
  }

 private:
  void OnConnected(const boost::system::error_code& error, Failure failure, bool http2) {
    if (closed_) return;
    if (error) return lane_.OnDialFailed(*this, failure, error.message());
    if (const std::string_view alpn = transport_.alpn(stream_);
        transport_.secure() && http2 && alpn != "h2") {
      return lane_.OnDialFailed(*this, Failure::kTls, "the server does not offer h2 by ALPN");
    }
    lane_.OnOpen(*this);
  }

  void StartWrite() {
    const std::string_view bytes = engine->Output();
    if (bytes.empty()) return;
    writing_ = true;
    stream_.async_write_some(boost::asio::const_buffer(bytes.data(), bytes.size()),
                             OnWritten{Ref(this)});
  }
  void StartRead() {
    reading_ = true;
    const std::span<char> room = engine->ReadBuffer();
    stream_.async_read_some(boost::asio::mutable_buffer(room.data(), room.size()),
                            OnRead{Ref(this)});
  }

  struct OnRead {
    Ref self;
    void operator()(const boost::system::error_code& error, size_t size) const {
      self->Read(error, size);
    }
  };
  struct OnWritten {
    Ref self;
    void operator()(const boost::system::error_code& error, size_t size) const {
      self->Written(error, size);
    }
  };

  // One look at the clock for all answers that arrive together, and what is sent upon them.
  void Read(const boost::system::error_code& error, size_t size) {
    if (closed_) return;
    reading_ = false;
    const Instant now = lane_.Now();
    if (!error) {
      engine->OnRead(size, now);
    } else if (error == boost::asio::error::eof) {
      engine->OnEnd(now);
    } else {
      engine->Fail(Failure::kClosed, error.message(), now);
    }
    lane_.Fill(*this, now);
    Flush();
  }
  void Written(const boost::system::error_code& error, size_t size) {
    if (closed_) return;
    writing_ = false;
    const Instant now = lane_.Now();
    if (error) {
      engine->Fail(Failure::kClosed, error.message(), now);
    } else {
      engine->OnWritten(size);
      lane_.pacer().CountBytes(0, size, now);
    }
    Flush();
  }

  Lane& lane_;  // Not used once it is closed.
  Transport& transport_;
  typename Transport::Stream stream_;
  Ref open_ref_;  // The lane's.
  bool reading_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

// Timer: of the transport's executor. Destroyed on its thread, or with its execution context.
template <class Transport, class Timer>
class LaneOver final : public Lane {
 public:
  LaneOver(const Plan& plan, const Request& request, bool http2, const Clock& clock,
           Transport transport)
      : Lane(plan, request, http2, clock),
        transport_(std::move(transport)),
        timer_(transport_.get_executor()) {}
  ~LaneOver() override { CloseAll(); }

  void Run(std::function<void()> on_tick, std::function<void()> on_over) override {
    on_tick_ = std::move(on_tick);
    on_over_ = std::move(on_over);
    Start();
    Wait();
  }

 private:
  void Dial() override {
    const boost::intrusive_ptr<Link<Transport>> link(new Link<Transport>(*this, transport_));
    Add(*link);
    link->Connect(http2());
  }
  void Wait() {
    timer_.expires_at(
        http::ToTimerTime<Timer>(http::TimerNow<Timer>(transport_.get_executor()) + kTick));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      Tick();
      on_tick_();
      if (over()) return on_over_();
      Wait();
    });
  }

  Transport transport_;
  Timer timer_;
  std::function<void()> on_tick_;
  std::function<void()> on_over_;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_LINK_H_
