// One HTTP/1.1 connection of a server as a sans-IO engine.
//
// Responses to pipelined requests gather in one write; a large body goes out beside its head
// without a copy. The buffers are kept for the life of the connection. While a handler waits for
// something else than the client, a small read is under way that sees the client go away.

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
#include "http/handler_wait.h"
#include "http/message.h"
#include "http/response_pace.h"
#include "http/router.h"
#include "http/server_engine.h"
#include "http/server_options.h"
#include "http/task.h"
#include "http/wire/buffer.h"

namespace corelane::http {

class H1Server final : public ServerEngine, private HandlerContext {
 public:
  // All must outlive the engine.
  H1Server(const Router& router, const ServerOptions& options, ServerStats& stats,
           const ConnectionInfo& connection);
  ~H1Server() override;

  IoAction Next(Instant now, int64_t unix_seconds) override;
  std::span<char> ReadBuffer() override;
  void OnRead(size_t size, Instant now) override;
  std::array<std::string_view, 2> WriteBuffers() const override { return {out_.view(), body_out_}; }
  void OnWritten(size_t size, Instant now) override;
  void OnDeadline(Instant now) override;
  void OnFailure() override;
  void OnProtocol(std::string_view alpn) override;
  void Stop() override;
  std::string_view TakeInput() override { return in_.view(); }

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

  // HandlerContext
  std::optional<BodyChunk> PollBody() override;
  void AwaitBody(std::coroutine_handle<> waiter) override {
    Suspend(HandlerWait::For::kBody, Duration::max(), waiter);
  }
  void AwaitBodyOr(Duration most, std::coroutine_handle<> waiter) override {
    Suspend(HandlerWait::For::kBodyOr, most, waiter);
  }
  void AwaitSleep(Duration duration, std::coroutine_handle<> waiter) override {
    Suspend(HandlerWait::For::kSleep, duration, waiter);
  }
  void AwaitInterrupt(std::coroutine_handle<> waiter) override {
    Suspend(HandlerWait::For::kInterrupt, Duration::max(), waiter);
  }
  void Interrupt() override;
  void ResumeOutput() override;
  void AllowSlowBody() override { slow_body_ = true; }
  bool stopping() const override { return stopping_; }
  Instant now() const override { return now_; }
  void SetTimeout(Duration duration) override;
  bool timed_out() const override { return wait_.timed_out(); }
  Fields trailers() const override { return body_.trailers(); }
  const ConnectionInfo& connection() const override { return connection_; }
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

  // Between two requests, with nothing of the next.
  bool idle() const { return phase_ == Phase::kHead && in_.empty(); }
  // The client speaks HTTP/2, or may yet.
  Step DetectHttp2();
  Step ReadMoreHead();
  void Dispatch();
  void StartRequest(const RequestHead& head);
  void Route();
  void RunPlain(std::string_view content);
  // Drives task_ or wait_task_; true when it has ended.
  template <class T>
  bool Drive(Task<T>& task, Step& step);
  // Asks what the handler waits for to end early.
  void CancelOutside() { phase_ == Phase::kHandler ? task_.Cancel() : wait_task_.Cancel(); }
  // What a task that cannot go on waits for.
  Step Await();
  template <class T>
  void Start(Task<T>& task) {
    wait_.Begin();
    task.Start([](void* self) { static_cast<H1Server*>(self)->NotifyOutside(); }, this);
  }
  void Suspend(HandlerWait::For what, Duration most, std::coroutine_handle<> waiter) {
    wait_.Suspend(what, most, waiter);
    NotifyOutside();
  }
  void ResumeWaiter();
  void TakeResponse();

  void Respond(Response response);
  void RespondError(int status, std::string_view reason);
  bool StartTunnel();
  void WriteLastChunk();
  void WriteHead(const Response& response, std::optional<uint64_t> length);
  Step PullSource();
  void EndSource();
  bool CanSwallowBody() const;
  void FinishExchange();
  void NextRequest();
  void Abort();

  std::string_view RawBody() const { return in_.view().substr(body_at_); }
  // Asks for more of the body: interim response, flush, buffer, deadline.
  Step ReadMoreBody();
  Step Write();
  Step Read(Instant deadline);
  // While a handler waits for something else: sees whether the client is still there.
  Step Watch();
  bool WantsWrite() const { return !out_.empty() || !body_out_.empty(); }
  bool handler_runs() const {
    return phase_ == Phase::kHandler || (wait_task_ && !wait_task_.done());
  }
  void NotifyOutside() {
    if (!in_next_) Notify();
  }

  const Router& router_;
  const ServerOptions& options_;
  ServerStats& stats_;
  const ConnectionInfo& connection_;

  Instant now_{};
  int64_t unix_seconds_ = 0;
  Instant idle_since_ = kNever;
  Instant head_since_ = kNever;
  Instant linger_until_ = kNever;
  Instant write_until_ = kNever;  // Of the write that is under way.
  ResponsePace pace_;
  Instant body_until_ = kNever;  // Of the wait for more of a body.
  Phase phase_ = Phase::kHead;
  HandlerWait wait_;
  bool reading_ = false;
  bool watching_ = false;  // The read that is under way goes into watch_.
  bool writing_ = false;
  bool in_next_ = false;
  bool tunnel_ = false;
  bool slow_body_ = false;
  bool output_ready_ = false;  // Of a duplex source, whose wait goes on.
  bool source_ended_ = false;  // Likewise.
  bool eof_ = false;
  bool failed_ = false;
  bool stopping_ = false;
  bool http1_agreed_ = false;
  bool http2_agreed_ = false;
  bool keep_alive_ = true;
  bool expect_continue_ = false;
  bool chunked_ = false;
  bool body_failed_ = false;
  bool timed_out_ = false;

  static constexpr size_t kWatchBytes = 512;
  std::array<char, kWatchBytes> watch_;
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
  DateCache date_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_SERVER_H_
