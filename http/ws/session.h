// One WebSocket of a server behind its handshake, with the handler that it runs; sans-IO.
//
//                   +---------+ --> the handler's coroutine
//   OnInput, ... -->| Session |
//    Output() <-----+---------+ <-- Socket
//
// The owner calls Advance, gives input for as long as wants_input(), and sends output() until
// finished(). It does so again after set_wake's callback, at NextDeadline(), and when output has
// been sent. The handler is resumed within these calls only, or by what it waits for outside.

#ifndef CORELANE_HTTP_WS_SESSION_H_
#define CORELANE_HTTP_WS_SESSION_H_

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"
#include "http/message.h"
#include "http/task.h"
#include "http/wire/buffer.h"
#include "http/ws/codec.h"
#include "http/ws/options.h"
#include "http/ws/outbox.h"
#include "http/ws/socket.h"

namespace corelane::ws::internal {

using HandlerFunction = std::function<http::Task<void>(Socket&)>;

// Of one route; shared by its sessions, which may outlive the router.
struct Endpoint {
  HandlerFunction handler;
  Options options;
};

class Session {
 public:
  Session(std::shared_ptr<const Endpoint> endpoint, const http::Request& request,
          std::string subprotocol, const std::optional<DeflateParams>& deflate);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Ends `session` as by the connection's loss: the handler learns of it. Where it waits outside,
  // the session stays until it has ended.
  static void Release(std::unique_ptr<Session> session);

  // --- The owner's side ---

  // Lets time pass, and everything go on that can. The first call starts the handler.
  void Advance(Instant now, bool stopping);
  bool wants_input() const { return input_.empty() && !ready_ && !finish_; }
  // Only while wants_input(). `bytes` stay where they are until it is so again.
  void OnInput(std::string_view bytes, Instant now);
  void OnInputEnd(Instant now);
  std::string_view output() const { return outbox_.view(); }
  void OnSent(size_t size) { outbox_.Consume(size); }
  // All is said, and sent: end the connection.
  bool finished() const { return finish_ && outbox_.empty(); }
  Instant NextDeadline() const;
  // The next Advance has something new to say; never called within the functions above.
  void set_wake(void (*wake)(void*), void* context) {
    wake_ = wake;
    wake_context_ = context;
  }

  // --- The socket's side ---

  enum class Waiting : uint8_t { kNothing, kMessage, kRoom, kTime };

  // Whether an operation that fails since the connection is closed may say so once more.
  bool MayRefuse() { return ++refusals_ <= kMaxRefusals; }
  void Suspend(Waiting what, Duration duration, std::coroutine_handle<> waiter);
  bool over() const { return over_; }
  bool has_message() const { return ready_; }
  std::optional<Message> TakeMessage();
  // A message too large for one frame stays the handler's until sent().
  bool Submit(const Message& message);
  bool sent() const { return !outbox_.lent() && outbox_.has_room(); }
  bool TrySubmit(const Message& message);
  size_t buffered() const { return outbox_.size(); }
  void Close(CloseCode code, std::string_view reason);
  bool Ping(std::string_view payload);

  CloseCode close_code() const { return close_code_; }
  std::string_view close_reason() const { return close_reason_; }
  std::string_view subprotocol() const { return subprotocol_; }
  bool compressed() const { return compressed_; }
  const http::Request& request() const { return request_; }
  const Options& options() const { return endpoint_->options; }

 private:
  // Awaits the handler, whatever it does, and tells the session, which may delete itself then.
  struct Root {
    struct promise_type {
      explicit promise_type(Session& owner) : session(owner) {}
      Root get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      struct Ended {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
          self.promise().session.OnHandlerEnd();
        }
        void await_resume() const noexcept {}
      };
      Ended final_suspend() const noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() noexcept { std::terminate(); }

      Session& session;
    };
    std::coroutine_handle<promise_type> handle;
  };

  static constexpr int kMaxRefusals = 1000;

  Root Run();
  void OnHandlerEnd();
  void Pump(Instant now);
  bool ResumeHandler();
  bool CanResume();
  bool Decode();
  void CheckTime();
  void CheckSilence();
  // A quiet connection keeps no buffers, however large its messages were.
  void ReleaseMemory();
  bool IsDue(Instant from, Duration after) const;

  void OnPeerClose();
  // RFC 6455 §7.1.7
  void Fail(CloseCode code, std::string_view reason);
  void EndAs(CloseCode code, std::string_view reason);
  void SendPong();
  void Wake();

  const std::shared_ptr<const Endpoint> endpoint_;
  const http::Request request_;
  const std::string subprotocol_;
  const bool compressed_;
  Socket socket_;
  void (*wake_)(void*) = nullptr;
  void* wake_context_ = nullptr;

  // The handler.
  http::Task<void> task_;
  Root root_{};
  std::coroutine_handle<> waiter_;  // Set: it waits here, and may be destroyed. Else it runs, or
                                    // waits outside, until handler_ended_.
  Waiting waiting_ = Waiting::kNothing;
  Duration sleep_for_{};
  Instant wake_at_ = kNever;
  int refusals_ = 0;
  bool started_ = false;
  bool handler_ended_ = false;
  bool pumping_ = false;
  bool detached_ = false;  // The owner has gone.

  // Bytes.
  Decoder decoder_;
  Outbox outbox_;
  std::string_view input_;
  bool ready_ = false;  // A message waits in the decoder.
  http::Buffer lent_;   // The message that the handler has.
  std::array<char, kMaxControlPayload> pong_{};
  size_t pong_size_ = 0;
  bool pong_due_ = false;

  // The end.
  bool over_ = false;        // For the handler.
  bool close_sent_ = false;  // Or behind what is still to be sent.
  bool finish_ = false;      // Nothing more is said or heard.
  CloseCode close_code_ = CloseCode::kNoCode;
  std::string close_reason_;

  // Time.
  Instant now_{};
  Instant close_until_ = kNever;
  Instant heard_{};         // When bytes came last.
  Instant last_message_{};  // In either direction.
  Instant pong_until_ = kNever;
  bool messages_sent_ = false;  // Since the last look.
  bool listens_again_ = false;  // The handler has taken what had stopped input.
};

}  // namespace corelane::ws::internal

#endif  // CORELANE_HTTP_WS_SESSION_H_
