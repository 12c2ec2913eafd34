// One HTTP/1.1 connection of a server as a sans-IO engine. serve.h drives it over a stream.
//
// Call Next and do what it says, until kClose:
//
//   kRead     receive into ReadBuffer(), then OnRead(size), 0 for the end of the stream
//   kWrite    send a prefix of WriteBuffers(), then OnWritten(size)
//   kSleep    wait until wake_at() or Stop
//   kWait     wait until the callback of set_notify is called
//   kShutdown end the sending side, then go on
//   kClose    done
//
// While it waits, deadline() holds: when it passes, break the wait off and call OnDeadline. When
// the stream fails, call OnFailure. Either way, go on with Next.
//
// Responses to pipelined requests gather in one write; a large body goes out beside its head
// without a copy. The buffers are kept for the life of the connection. Not thread-safe.

#ifndef CORELANE_HTTP_H1_SERVER_H_
#define CORELANE_HTTP_H1_SERVER_H_

#include <array>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/time.h"
#include "http/h1/chunked.h"
#include "http/h1/parser.h"
#include "http/h1/serializer.h"
#include "http/message.h"
#include "http/router.h"
#include "http/server_options.h"
#include "http/task.h"
#include "http/wire/buffer.h"

namespace corelane::http {

enum class IoAction : uint8_t { kRead, kWrite, kSleep, kWait, kShutdown, kClose };

class H1Server final : private HandlerContext {
 public:
  // All three must outlive the engine.
  H1Server(const Router& router, const ServerOptions& options, ServerStats& stats);
  ~H1Server();
  H1Server(const H1Server&) = delete;
  H1Server& operator=(const H1Server&) = delete;

  // `unix_seconds` is for the Date field.
  IoAction Next(Instant now, int64_t unix_seconds);

  std::span<char> ReadBuffer();
  void OnRead(size_t size, Instant now);
  std::array<std::string_view, 2> WriteBuffers() const { return {out_.view(), body_out_}; }
  void OnWritten(size_t size, Instant now);
  Instant deadline() const { return deadline_; }
  void OnDeadline(Instant now);
  void OnFailure();
  Instant wake_at() const { return wake_at_; }

  // Called when something outside has resumed the handler, and Next has something new to say.
  void set_notify(void (*notify)(void*), void* context) {
    notify_ = notify;
    notify_context_ = context;
  }

  // Finish what is in flight, then close.
  void Stop() { stopping_ = true; }
  // Between two requests: a pending read may be broken off.
  bool idle() const { return phase_ == Phase::kHead && in_.empty(); }

 private:
  enum class Phase : uint8_t {
    kHead,        // Between requests or inside a head.
    kCollect,     // Receiving the body of a plain handler.
    kHandler,     // A coroutine handler runs.
    kSendBody,    // A body that is not copied is on its way.
    kStream,      // Pulling from a source.
    kStreamWait,  // The source waits.
    kDrain,       // Swallowing what the handler did not read.
    kFlush,       // The last bytes before the end.
    kLinger,
    kClosed,
  };
  enum class Waiting : uint8_t { kOutside, kBody, kSleep };

  // HandlerContext
  std::optional<BodyChunk> PollBody() override;
  void AwaitBody(std::coroutine_handle<> waiter) override;
  void AwaitSleep(Duration duration, std::coroutine_handle<> waiter) override;
  bool stopping() const override { return stopping_; }
  uint64_t max_content_bytes() const override { return options_.max_content_bytes; }

  // Each does a step of its phase; nullopt: go on with the phase that is now.
  using Step = std::optional<IoAction>;
  Step StepHead();
  Step StepCollect();
  Step StepHandler();
  Step StepSendBody();
  Step StepStream();
  Step StepStreamWait();
  Step StepDrain();
  Step StepFlush();
  Step StepLinger();

  void Dispatch();
  void RunPlain(std::string_view content);
  // Drives task_ or wait_task_; true when it has ended.
  template <class T>
  bool Drive(Task<T>& task, Step& step);
  template <class T>
  void Start(Task<T>& task) {
    waiting_ = Waiting::kOutside;
    task.Start([](void* self) { static_cast<H1Server*>(self)->Notify(); }, this);
  }
  void ResumeWaiter();
  void TakeResponse();

  void Respond(Response response);
  void RespondError(int status, std::string_view reason);
  void WriteHead(const Response& response, std::optional<uint64_t> length);
  Step PullSource();
  bool CanSwallowBody() const;
  void FinishExchange();
  void NextRequest();
  void Abort();

  std::string_view RawBody() const { return in_.view().substr(body_at_); }
  // Asks for more of the body: interim response, flush, buffer, deadline.
  Step ReadMoreBody();
  Step Write();
  Step Read(Instant deadline);
  bool WantsWrite() const { return !out_.empty() || !body_out_.empty(); }
  void Notify();

  const Router& router_;
  const ServerOptions& options_;
  ServerStats& stats_;
  void (*notify_)(void*) = nullptr;
  void* notify_context_ = nullptr;

  Instant now_{};
  int64_t unix_seconds_ = 0;
  Instant deadline_ = kNever;
  Instant wake_at_ = kNever;
  Duration sleep_for_{};  // Not yet counted from now.
  Instant idle_since_ = kNever;
  Instant head_since_ = kNever;
  Instant linger_until_ = kNever;
  Phase phase_ = Phase::kHead;
  Waiting waiting_ = Waiting::kOutside;
  bool in_next_ = false;
  bool eof_ = false;
  bool failed_ = false;
  bool stopping_ = false;
  bool keep_alive_ = true;
  bool expect_continue_ = false;
  bool chunked_ = false;
  bool body_failed_ = false;
  bool timed_out_ = false;

  Buffer in_;   // [head | what of the body is not yet consumed | pipelined requests]
  Buffer out_;  // Heads, small bodies, chunks.
  std::string_view body_out_;
  size_t body_at_ = 0;  // Where the unconsumed body begins in in_.
  size_t head_size_ = 0;
  RequestParser parser_;
  BodyDecoder body_;
  Request request_;
  RouteMatch match_;
  std::string path_scratch_;
  std::string content_;             // Of a body that came in pieces.
  std::string_view content_slice_;  // Of a body that came in one.
  uint64_t body_bytes_ = 0;
  Duration body_waited_{};
  std::optional<BodyChunk>
      polled_;  // Decoded to see whether there is something; PollBody gives it.
  Instant read_since_ = kNever;
  uint64_t drained_ = 0;
  uint64_t requests_ = 0;
  std::optional<uint64_t> stream_left_;  // Of a source with a size.

  Response response_;
  Task<Response> task_;
  Task<void> wait_task_;
  std::coroutine_handle<> waiter_;
  DateCache date_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_SERVER_H_
