// What the handler of a WebSocket has in its hands.
//
//   router.Get("/echo", ws::Handler([](ws::Socket& socket) -> http::Task<void> {
//     while (std::optional<ws::Message> message = co_await socket.Receive()) {
//       co_await socket.Send(*message);
//     }
//   }));
//
// Pings are answered, silent clients are pinged, and the close handshake is made by itself. When
// the handler ends, the connection is closed with 1000; when it throws, with 1011; when the server
// stops, with 1001. Messages are compressed where the handshake has agreed on it.
//
// Receive, Send and Sleep are for the handler's own coroutine and what it awaits: one of them at a
// time. The rest may be called from anywhere on the connection's thread, at any time until the
// handler has ended; none of it resumes a handler before it returns. A message is always sent
// whole, in several frames where it is longer than Options::fragment_size, with nothing but pings,
// pongs and the close frame between them.
//
// The connection's end shows as nullopt from Receive and false from the others. A handler that goes
// on all the same is destroyed where it waits, after a thousand such answers. If it waits for
// something else than its socket when the connection ends, it goes on when that comes, and the
// socket lives as long as it.

#ifndef CORELANE_HTTP_WS_SOCKET_H_
#define CORELANE_HTTP_WS_SOCKET_H_

#include <coroutine>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/time.h"
#include "http/message.h"
#include "http/ws/codec.h"
#include "http/ws/frame.h"

namespace corelane::ws {

namespace internal {
class Session;
}

struct Message {
  MessageType type = MessageType::kText;
  std::string_view data;  // Text is valid UTF-8.

  bool text() const { return type == MessageType::kText; }
};

class Socket {
 public:
  explicit Socket(internal::Session& session) : session_(session) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  class ReceiveAwaiter {
   public:
    explicit ReceiveAwaiter(internal::Session& session) : session_(session) {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiter);
    std::optional<Message> await_resume();

   private:
    internal::Session& session_;
  };
  class SendAwaiter {
   public:
    SendAwaiter(internal::Session& session, Message message)
        : session_(session), message_(message) {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiter);
    bool await_resume();

   private:
    internal::Session& session_;
    Message message_;
    bool sent_ = false;
  };
  class SleepAwaiter {
   public:
    SleepAwaiter(internal::Session& session, Duration duration)
        : session_(session), duration_(duration) {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiter);
    bool await_resume();

   private:
    internal::Session& session_;
    Duration duration_;
  };

  // The next message; nullopt: the connection has been closed, see close_code(). What it points to
  // is valid until the next Receive. At most one message more is taken from the client ahead of
  // that.
  [[nodiscard]] ReceiveAwaiter Receive() { return ReceiveAwaiter(session_); }
  // Awaits until no more than Options::send_buffer bytes wait to be sent, this message among them;
  // what it points to must stay until then. False: the connection has been closed, and the message
  // may not have arrived. Text must be UTF-8.
  SendAwaiter Send(Message message) { return SendAwaiter(session_, message); }
  SendAwaiter SendText(std::string_view text) { return Send({MessageType::kText, text}); }
  SendAwaiter SendBinary(std::string_view data) { return Send({MessageType::kBinary, data}); }
  // True after `duration`; false, early, when the connection has been closed. What the client sends
  // waits meanwhile.
  SleepAwaiter Sleep(Duration duration) { return SleepAwaiter(session_, duration); }

  // Without waiting. False, with the message dropped, where more than Options::max_send_buffer
  // bytes would wait to be sent, or the connection has been closed.
  bool TrySend(Message message);
  bool TrySendText(std::string_view text) { return TrySend({MessageType::kText, text}); }
  bool TrySendBinary(std::string_view data) { return TrySend({MessageType::kBinary, data}); }
  // Begins the close handshake, once: what was sent before still goes out; nothing can be sent or
  // received after. A code that may not be sent (IsSendable) makes a close frame without one; of
  // the reason, which must be UTF-8, at most kMaxCloseReason bytes are sent.
  void Close(CloseCode code = CloseCode::kNormal, std::string_view reason = {});
  // A ping with at most kMaxControlPayload bytes; the answer only counts as a sign of life. False
  // where more than Options::max_send_buffer bytes wait, or the connection has been closed.
  bool Ping(std::string_view payload = {});

  bool open() const;
  // After the end: the client's code and reason where it closed first (kNoCode: it gave none), ours
  // where we did, kAbnormal where the connection just ended.
  CloseCode close_code() const;
  std::string_view close_reason() const;
  // Bytes that wait to be taken by the connection.
  size_t buffered() const;
  // What the handshake has chosen; empty where nothing.
  std::string_view subprotocol() const;
  bool compressed() const;
  // That of the handshake. Valid while open().
  const http::Request& request() const;

 private:
  internal::Session& session_;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_SOCKET_H_
