// One request of an HTTP/2 connection and what answers it: a stream in the hands of a handler. Part
// of H2Server, which recycles them.

#ifndef CORELANE_HTTP_H2_EXCHANGE_H_
#define CORELANE_HTTP_H2_EXCHANGE_H_

#include <coroutine>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/intrusive_list.h"
#include "core/time.h"
#include "http/h2/session.h"
#include "http/handler_wait.h"
#include "http/message.h"
#include "http/router.h"
#include "http/task.h"
#include "http/wire/buffer.h"

namespace corelane::http {

class H2Server;

class H2Exchange final : private HandlerContext, private h2::DataSource {
 public:
  explicit H2Exchange(H2Server& server) : server_(server) {}

  // Events of the stream. No handler runs within them.
  void OnRequest(h2::Stream& stream, const h2::RequestHead& head, bool end);
  void OnData(std::string_view bytes, bool end);
  void OnTrailers(const Fields& fields);
  // Whether nothing is left: what waits outside must come back first.
  bool OnClosed(h2::ErrorCode code);

  // Goes on as far as it can.
  void Advance();
  // Looks again whether it can go on: the server stops.
  void OnStop();
  // A response is under way, and not for want of anything from its handler.
  bool waits_for_client() const { return stall_until_ != kNever; }
  Instant due() const;
  void OnTime(Instant now);

  // As new, but for the memory of its buffers.
  void Clear();

  ListNode live;
  ListNode ready;

 private:
  enum class Phase : uint8_t {
    kStart,
    kCollect,     // Receiving the body of a plain handler.
    kHandler,     // A coroutine handler runs.
    kResponse,    // On its way.
    kSourceWait,  // Its source waits.
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
  bool stopping() const override;
  Instant now() const override;
  void SetTimeout(Duration duration) override;
  bool timed_out() const override { return wait_.timed_out(); }
  Fields trailers() const override { return {trailer_text_.data(), trailer_slots_}; }
  const ConnectionInfo& connection() const override;
  uint64_t max_content_bytes() const override;

  // h2::DataSource
  Result Read(h2::Stream& stream, std::span<char> out) override;
  Result ReadSource(std::span<char> out);
  void EndSource();

  // Copies what the session only lends.
  void KeepHead(const h2::RequestHead& head);
  void Route();
  // The body of a plain handler, as far as it has come.
  void Collect();
  void RunPlain(std::string_view content);
  void TakeResponse();
  // Goes on with the source's wait; what follows when it has ended.
  void DriveWait();
  bool runs() const { return phase_ == Phase::kHandler || wait_task_; }
  void Respond(Response response);
  h2::SubmitResult Submit(bool head_only);

  void Suspend(HandlerWait::For what, Duration most, std::coroutine_handle<> waiter);
  template <class T>
  void StartTask(Task<T>& task);
  // True when it has ended.
  template <class T>
  bool Drive(Task<T>& task);
  bool task_waits_outside() const;
  void BeginBodyWait();
  void EndBodyWait();
  void ReleaseChunk();
  bool body_ready() const { return !in_.empty() || ended_ || failed_; }

  H2Server& server_;
  h2::Stream* stream_ = nullptr;  // Null once it is closed.
  Phase phase_ = Phase::kStart;
  bool ended_ = false;   // The client has sent everything.
  bool failed_ = false;  // The body will not be complete.
  bool body_late_ = false;
  bool expect_continue_ = false;
  bool tunnel_ = false;
  bool duplex_ = false;
  bool slow_body_ = false;

  std::string text_;  // What request_ points into.
  std::vector<FieldSlot> slots_;
  std::string trailer_text_;
  std::vector<FieldSlot> trailer_slots_;
  Request request_;
  RouteMatch match_;
  std::string path_scratch_;

  Buffer in_;     // What was received and nobody has.
  Buffer chunk_;  // What the handler has.
  std::string content_;
  uint64_t body_bytes_ = 0;
  Duration body_waited_{};
  Instant body_since_ = kNever;
  Instant body_until_ = kNever;

  Response response_;
  size_t sent_ = 0;  // Of a body that is no source.
  std::optional<uint64_t> source_left_;
  Instant stall_until_ = kNever;

  HandlerWait wait_;
  Task<Response> task_;
  Task<void> wait_task_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H2_EXCHANGE_H_
