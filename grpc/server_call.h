// One call of a server: the handler's coroutine between a request's body and its response's. Part
// of services (service.h), which read and write messages by it.
//
//   request's body -> messages -> handler -> messages -> response's body, trailers
//
// The handler runs within the HTTP handler until it has something to say, so that it may set
// initial metadata, and goes on beside the response from then on. It always runs as if the
// coroutine that waits in Run were its caller, so all that HTTP's engines do for their handlers
// holds for it: times out, is cancelled, waits outside.

#ifndef CORELANE_GRPC_SERVER_CALL_H_
#define CORELANE_GRPC_SERVER_CALL_H_

#include <google/protobuf/message_lite.h>

#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "grpc/server_context.h"
#include "grpc/server_options.h"
#include "grpc/wire/frame.h"
#include "http/message.h"
#include "http/task.h"
#include "http/wire/buffer.h"

namespace corelane::grpc::internal {

class ServerCall;

// Of one route; shared by its calls, which may outlive the router.
struct ServedMethod {
  Method method;
  std::function<http::Task<Status>(ServerCall&)> run;
  ServerOptions options;
};

class ServerCall final : public ServerContext, public http::BodySource, private http::Cancellable {
 public:
  ServerCall(std::shared_ptr<const ServedMethod> method, const http::Request& request);
  ~ServerCall() override;

  static void* operator new(size_t size) { return http::internal::AllocateFrame(size); }
  static void operator delete(void* call, size_t size) { http::internal::FreeFrame(call, size); }

  // --- The server's side ---

  // The whole of it, as an HTTP handler.
  static http::Task<http::Response> Serve(std::shared_ptr<const ServedMethod> method,
                                          const http::Request& request);

  http::BodySource::Result Read(std::span<char> out) override;
  http::Task<void> Wait() override;
  bool duplex() const override { return !ended_; }
  const http::FieldLines* trailers() const override { return &FinalFields(); }

  // --- The handler's side: see Reader and Writer. One operation of a kind at a time. ---

  // Suspends the handler until a message is there.
  class ReadAwaiter {
   public:
    ReadAwaiter(ServerCall& call, google::protobuf::MessageLite& message, bool only)
        : call_(call), message_(message), only_(only) {}
    bool await_ready();
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handler) {
      more_ = call_.ReadOn(message_, only_);
      return std::move(more_).operator co_await().await_suspend(handler);
    }
    bool await_resume();

   private:
    ServerCall& call_;
    google::protobuf::MessageLite& message_;
    const bool only_;
    bool got_ = false;
    http::Task<bool> more_;
  };
  ReadAwaiter ReadMessage(google::protobuf::MessageLite& message) {
    return {*this, message, false};
  }
  // The one message of a method that takes one: also waits for the end behind it.
  ReadAwaiter ReadOnly(google::protobuf::MessageLite& message) { return {*this, message, true}; }

  // Suspends the handler until the head is on its way, and there is room for more.
  class WriteAwaiter {
   public:
    WriteAwaiter(ServerCall& call, const google::protobuf::MessageLite* message)
        : call_(call), message_(message) {}
    bool await_ready() { return call_.BeginWrite(message_); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> handler) {
      return call_.SuspendWrite(handler);
    }
    bool await_resume() { return call_.EndWrite(); }

   private:
    ServerCall& call_;
    const google::protobuf::MessageLite* const message_;
  };
  WriteAwaiter WriteMessage(const google::protobuf::MessageLite& message) {
    return {*this, &message};
  }
  WriteAwaiter SendHeaders() { return {*this, nullptr}; }
  bool TryWriteMessage(const google::protobuf::MessageLite& message);
  // The one message of a method that gives one, at its end.
  void WriteLast(const google::protobuf::MessageLite& message);

 private:
  // Runs the handler, whatever it does, and goes on with who waits in Run.
  struct Root {
    struct promise_type {
      explicit promise_type(ServerCall& owner) : call(owner) {}
      static void* operator new(size_t size) { return http::internal::AllocateFrame(size); }
      static void operator delete(void* frame, size_t size) {
        http::internal::FreeFrame(frame, size);
      }
      Root get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      struct Ended {
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(
            std::coroutine_handle<promise_type> self) const noexcept {
          return std::exchange(self.promise().call.caller_, std::noop_coroutine());
        }
        void await_resume() const noexcept {}
      };
      Ended final_suspend() const noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() noexcept { std::terminate(); }

      ServerCall& call;
    };
    std::coroutine_handle<promise_type> handle;
  };

  // co_await Run(): until the handler has something to send first, or has ended.
  struct RunAwaiter {
    ServerCall& call;
    bool await_ready() const { return call.ended_; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) {
      call.caller_ = caller;
      call.caller_promise_ = &caller.promise();
      call.caller_promise_->set_waits_for(&call);
      return std::exchange(call.handler_, std::noop_coroutine());
    }
    void await_resume() const {
      if (call.caller_promise_ != nullptr) call.caller_promise_->set_waits_for(nullptr);
      call.caller_promise_ = nullptr;
    }
  };
  RunAwaiter Run() { return RunAwaiter{*this}; }

  // http::Cancellable
  void Cancel() override { task_.Cancel(); }

  enum class Got : uint8_t { kMessage, kNothingYet, kEnd };

  // Before the handler runs: what of the request cannot be served.
  Status Open();
  Root RunHandler();
  void End(Status status);
  http::Response MakeHead();
  static http::Response Finish(std::unique_ptr<ServerCall> call);

  Got TakeMessage(google::protobuf::MessageLite& message);
  Got Parse(google::protobuf::MessageLite& message);
  Got Fail(Status status);
  bool CountOnly(Got got);
  http::Task<bool> ReadOn(google::protobuf::MessageLite& message, bool only);

  static const http::FieldLines& OkTrailers();
  const http::FieldLines& FinalFields() const {
    return trailers_.empty() ? OkTrailers() : trailers_;
  }
  void WriteTrailers();
  bool MaySend(size_t size);
  bool Append(const google::protobuf::MessageLite& message);
  bool BeginWrite(const google::protobuf::MessageLite* message);
  std::coroutine_handle<> SuspendWrite(std::coroutine_handle<> handler);
  bool EndWrite();
  bool has_room() const { return out_.size() < options().send_buffer; }
  const ServerOptions& options() const { return served_->options; }

  const std::shared_ptr<const ServedMethod> served_;

  // The handler.
  Root root_{};
  http::Task<Status> task_;
  std::coroutine_handle<> handler_ = std::noop_coroutine();  // What goes on with Run.
  std::coroutine_handle<> caller_ = std::noop_coroutine();   // What goes on when it stops.
  http::internal::TaskPromiseBase* caller_promise_ = nullptr;
  bool started_ = false;
  bool ended_ = false;
  bool head_sent_ = false;
  bool waits_for_room_ = false;
  int refusals_ = 0;

  // In.
  MessageReader reader_;
  std::string_view input_;
  bool read_one_ = false;
  Status failure_;  // Why reading has ended, where that is the call's end.

  // Out.
  http::Buffer out_;
  std::string_view last_;  // On the arena.
  Compressor compressor_;
  std::string plain_;
  std::string compressed_;
  Status status_;
  http::FieldLines trailers_;
};

}  // namespace corelane::grpc::internal

#endif  // CORELANE_GRPC_SERVER_CALL_H_
