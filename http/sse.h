// Server-sent events (the HTML standard's text/event-stream), written by a coroutine.
//
//   Task<void> Ticks(EventStream& events) {
//     for (int i = 0; co_await events.Sleep(std::chrono::seconds(1)); ++i) {
//       const std::string tick = std::to_string(i);
//       co_await events.Send({.event = "tick", .data = tick, .id = tick});
//     }
//   }
//   router.Get("/events", [](const Request& request) { return StreamEvents(request, Ticks); });
//
// The coroutine runs while the connection has nothing left to send: Send() comes back when the
// event is on its way, so a slow client slows it down. It ends the stream by ending, and is
// destroyed where it waits when the client has gone, which shows when something cannot be sent;
// hence comments now and then, which WaitUntil() sends. An exception breaks the connection off.

#ifndef CORELANE_HTTP_SSE_H_
#define CORELANE_HTTP_SSE_H_

#include <chrono>
#include <coroutine>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/time.h"
#include "http/message.h"
#include "http/task.h"

namespace corelane::http {

// One event. The views need to live as long as the call that takes them.
struct ServerEvent {
  std::string_view event;  // Its type; empty: "message".
  std::string_view data;   // Any lines: LF, CRLF and CR all arrive as LF.
  // What the client says in Last-Event-ID when it comes back. An empty one makes it forget.
  std::optional<std::string_view> id;
  // How long the client is to wait before it comes back.
  std::optional<std::chrono::milliseconds> retry;
};
static_assert(
    std::is_trivially_destructible_v<ServerEvent>);  // GCC 12 destroys it twice in co_await.

// Appends the event as it is sent. Without type and data, id and retry are told and no event.
// False, with nothing appended, when the type or the id has a line's end, or the id a NUL: no
// client would understand it so.
bool AppendEvent(const ServerEvent& event, std::string& out);
// Appends a comment, which clients pass over.
void AppendComment(std::string_view text, std::string& out);

// What the coroutine writes to. Lives as long as it does.
class EventStream {
 public:
  explicit EventStream(const Request& request) : request_(request) {}
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  const Request& request() const { return request_; }
  // The id of the last event that the client has got before; empty: it is new.
  std::string_view last_event_id() const { return request_.Header("last-event-id").value_or(""); }

  // Keeps the event for the next Send() or Flush(). False: see AppendEvent().
  bool Add(const ServerEvent& event) { return AppendEvent(event, buffer_); }

  // co_await: true when the event, and what was kept, is on its way; false: see AppendEvent().
  auto Send(const ServerEvent& event) { return Yield{this, Add(event)}; }
  auto Comment(std::string_view text) {
    AppendComment(text, buffer_);
    return Yield{this, true};
  }
  auto Flush() { return Yield{this, true}; }

  // Request::Sleep(): false, early, when the server is stopping. Does not send what was kept.
  auto Sleep(Duration duration) const { return request_.Sleep(duration); }

  // Waits until has() is true, which is asked when the wait begins and when it ends: Interrupt() on
  // the request ends it early. Sends what was kept, and a comment after each `keep_alive`. False:
  // the server is stopping.
  template <class Has>
  Task<bool> WaitUntil(Has has, Duration keep_alive = std::chrono::seconds(15)) {
    for (;;) {
      if (has()) co_return true;
      Yield flush{this, true};  // Both are names for GCC 12's sake.
      co_await flush;
      auto sleep = Sleep(keep_alive);
      const bool on = co_await sleep;
      if (!on) co_return false;
      if (has()) co_return true;
      AppendComment("", buffer_);
    }
  }

 private:
  friend class EventSource;

  // Hands the thread over to who reads, until all of the buffer has been read.
  struct Yield {
    EventStream* stream;
    bool valid;
    bool await_ready() const { return stream->buffer_.empty() || !valid; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) const {
      stream->writer_ = self;
      return std::exchange(stream->reader_, std::noop_coroutine());
    }
    bool await_resume() const { return valid; }
  };

  const Request& request_;
  std::string buffer_;
  std::coroutine_handle<> writer_;                          // Waits for the buffer to become empty.
  std::coroutine_handle<> reader_ = std::noop_coroutine();  // Waits for something in it.
};

// 200 with text/event-stream, not to be stored or buffered on the way. `write` is called with the
// stream when the head has been sent, and kept until the end, captures included.
Response StreamEvents(const Request& request, std::function<Task<void>(EventStream&)> write);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SSE_H_
