// What handlers get and give: Request, Response, and the two ends of streamed bodies.

#ifndef CORELANE_HTTP_MESSAGE_H_
#define CORELANE_HTTP_MESSAGE_H_

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/ip_address.h"
#include "core/time.h"
#include "http/h1/parser.h"
#include "http/task.h"
#include "http/wire/fields.h"
#include "http/wire/method.h"

namespace corelane::http {

// A piece of a request's body. `data` is valid until the next read.
struct BodyChunk {
  enum class Kind : uint8_t { kData, kEnd, kFailed };

  Kind kind = Kind::kEnd;
  std::string_view data;

  bool end() const { return kind != Kind::kData; }
  bool failed() const {
    return kind == Kind::kFailed;
  }  // The client went away or broke the framing.
};

// What a request's connection is.
struct ConnectionInfo {
  Endpoint remote;
  Endpoint local;
  bool secure = false;  // TLS.
};

// What a handler that has run out of time meets where it waits (Request::SetTimeout).
class HandlerTimeout : public std::exception {
 public:
  const char* what() const noexcept override { return "the handler ran out of time"; }
};

// What a connection does for the handler it runs. Implemented by the protocol engine; handlers use
// Request's methods.
class HandlerContext {
 public:
  // What has already arrived: a piece, the end, a failure; nullopt when more must be received
  // first.
  virtual std::optional<BodyChunk> PollBody() = 0;
  // Resumes the coroutine once PollBody has something.
  virtual void AwaitBody(std::coroutine_handle<> waiter) = 0;
  // The same, or after `most`, or by Interrupt.
  virtual void AwaitBodyOr(Duration most, std::coroutine_handle<> waiter) = 0;
  // Resumes the coroutine after `duration`, or early when the server stops.
  virtual void AwaitSleep(Duration duration, std::coroutine_handle<> waiter) = 0;
  // Resumes the coroutine by Interrupt only.
  virtual void AwaitInterrupt(std::coroutine_handle<> waiter) = 0;
  // Resumes early what waits in one of the latter three; nothing when nobody does.
  virtual void Interrupt() = 0;
  // The response's source has something to read, although its Wait goes on.
  virtual void ResumeOutput() = 0;
  // The body is a conversation: it may come as slowly as it likes.
  virtual void AllowSlowBody() = 0;
  virtual bool stopping() const = 0;
  // Of the connection's last turn, which may be the one that goes on.
  virtual Instant now() const = 0;
  // Runs out of time after `duration`; Duration::max(): never.
  virtual void SetTimeout(Duration duration) = 0;
  virtual bool timed_out() const = 0;
  // After the end of the body.
  virtual Fields trailers() const = 0;
  virtual const ConnectionInfo& connection() const = 0;
  // What a handler that wants a whole body takes at most.
  virtual uint64_t max_content_bytes() const = 0;

 protected:
  ~HandlerContext() = default;
};

// Path parameters, decoded. Views live as long as the request.
class PathParams {
 public:
  static constexpr size_t kMax = 8;

  void Clear() { count_ = 0; }
  bool Add(std::string_view name, std::string_view value) {
    if (count_ == kMax) return false;
    entries_[count_++] = {name, value};
    return true;
  }
  void Truncate(size_t count) { count_ = count; }
  size_t size() const { return count_; }
  std::string_view Get(std::string_view name) const {
    for (size_t i = 0; i < count_; ++i) {
      if (entries_[i].first == name) return entries_[i].second;
    }
    return {};
  }

 private:
  std::array<std::pair<std::string_view, std::string_view>, kMax> entries_;
  size_t count_ = 0;
};

// Typed values beside a message, one of a type. Copies share what was there when they were made. A
// node comes from the free list of frames (task.h), so that a warm server allocates none.
class Attachments {
 public:
  // What was set of the same type before is hidden.
  template <class T>
  void Set(T value) {
    first_ = std::allocate_shared<Holder<T>>(internal::FrameAllocator<Holder<T>>(),
                                             std::move(value), std::move(first_));
  }
  // Null: none of that type. Lives as long as these attachments or a copy of them.
  template <class T>
  const T* Find() const {
    for (const Node* node = first_.get(); node != nullptr; node = node->next.get()) {
      if (node->type == &kType<T>) return &static_cast<const Holder<T>*>(node)->value;
    }
    return nullptr;
  }

 private:
  struct Node {
    const char* type;
    std::shared_ptr<const Node> next;
  };
  template <class T>
  struct Holder : Node {
    Holder(T value, std::shared_ptr<const Node> next)
        : Node{&kType<T>, std::move(next)}, value(std::move(value)) {}
    T value;
  };
  template <class T>
  static inline char kType = 0;  // Its address is the type's name.

  std::shared_ptr<const Node> first_;
};

// One request. Views into the connection's buffer: valid until the response has been written, so
// also in a streamed response's source. Not thread-safe.
class Request {
 public:
  Request() = default;
  Request(const RequestHead& head, HandlerContext* context) : head_(head), context_(context) {}

  Method method() const { return head_.method; }
  std::string_view target() const { return head_.target; }  // As received.
  std::string_view path() const { return head_.path; }      // Not decoded.
  std::string_view query() const { return head_.query; }    // Not decoded, without "?".
  std::string_view authority() const { return head_.authority; }
  Version version() const { return head_.version; }
  // What an extended CONNECT of HTTP/2 asks for (RFC 8441); it is routed as a GET. Else empty.
  std::string_view protocol() const { return head_.protocol; }
  const Fields& fields() const { return head_.fields; }
  std::optional<std::string_view> Header(std::string_view name) const {
    return head_.fields.Find(name);
  }
  // A path parameter of the route's pattern; empty when there is none of that name.
  std::string_view Param(std::string_view name) const { return params_.Get(name); }
  std::optional<uint64_t> NumberParam(std::string_view name) const;
  // The first value of that name in the query, decoded ("+" is a space).
  std::optional<std::string> QueryValue(std::string_view name) const;

  // The whole body. Plain handlers only: they run once it is complete.
  std::string_view content() const { return content_; }

  // The length the client has announced, when it has.
  std::optional<uint64_t> content_length() const {
    if (head_.body.kind != BodyKind::kNone && head_.body.kind != BodyKind::kLength) {
      return std::nullopt;
    }
    return head_.body.length;
  }
  // The fields behind the body, once its end has been read; views as long as the request's.
  Fields trailers() const { return context_->trailers(); }
  const ConnectionInfo& connection() const { return context_->connection(); }

  // co_await request.ReadBody(): the next BodyChunk. For coroutine handlers and body sources.
  auto ReadBody() const {
    struct Awaiter {
      const Request* request;
      std::optional<BodyChunk> chunk;
      bool await_ready() {
        chunk = request->PollBody();
        return chunk.has_value();
      }
      void await_suspend(std::coroutine_handle<> waiter) { request->context_->AwaitBody(waiter); }
      BodyChunk await_resume() {
        if (request->timed_out()) throw HandlerTimeout();
        if (!chunk.has_value()) chunk = request->PollBody();
        return chunk.value_or(BodyChunk{BodyChunk::Kind::kFailed, {}});
      }
    };
    return Awaiter{this, std::nullopt};
  }
  // What of the body has already arrived; nullopt: await WaitForBody() and ask again. Such a wait
  // also ends after `most`, and by Interrupt.
  std::optional<BodyChunk> PollBody() const {
    if (body_over_limit()) return BodyChunk{BodyChunk::Kind::kFailed, {}};
    std::optional<BodyChunk> chunk = context_->PollBody();
    if (!chunk.has_value() || chunk->end()) return chunk;
    body_read_ += chunk->data.size();
    if (body_over_limit()) return BodyChunk{BodyChunk::Kind::kFailed, {}};
    return chunk;
  }
  auto WaitForBody(Duration most = Duration::max()) const {
    struct Awaiter {
      HandlerContext* context;
      Duration most;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiter) { context->AwaitBodyOr(most, waiter); }
      void await_resume() const {
        if (context->timed_out()) throw HandlerTimeout();
      }
    };
    return Awaiter{context_, most};
  }

  // co_await request.Sleep(d): true after `d`, or early by Interrupt; false, early, when the server
  // is stopping.
  auto Sleep(Duration duration) const {
    struct Awaiter {
      HandlerContext* context;
      Duration duration;
      bool await_ready() const { return context->stopping(); }
      void await_suspend(std::coroutine_handle<> waiter) { context->AwaitSleep(duration, waiter); }
      bool await_resume() const {
        if (context->timed_out()) throw HandlerTimeout();
        return !context->stopping();
      }
    };
    return Awaiter{context_, duration};
  }
  // Only Interrupt ends it, or the handler's time.
  auto WaitForInterrupt() const {
    struct Awaiter {
      HandlerContext* context;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiter) { context->AwaitInterrupt(waiter); }
      void await_resume() const {
        if (context->timed_out()) throw HandlerTimeout();
      }
    };
    return Awaiter{context_};
  }
  // Resumes early the coroutine that waits in WaitForBody, Sleep or WaitForInterrupt of this
  // request; nothing when none does. For what has news for it from elsewhere on the connection's
  // thread.
  void Interrupt() const { context_->Interrupt(); }

  // Has the response's duplex source read again, which had nothing.
  void ResumeOutput() const { context_->ResumeOutput(); }
  // The body is one half of a conversation, without a minimum rate and an end in time.
  void AllowSlowBody() const { context_->AllowSlowBody(); }

  // Whether the server is stopping: what has no end of its own should end.
  bool stopping() const { return context_->stopping(); }
  // The time at which the connection was last heard of; exact in BodySource::Read and Wait.
  Instant now() const { return context_->now(); }

  // The handler, and what it calls, may take this long from now: then what it waits for throws
  // HandlerTimeout, and operations by use_task.h are cancelled. Duration::max(): no longer limited.
  void SetTimeout(Duration duration) const { context_->SetTimeout(duration); }
  bool timed_out() const { return context_->timed_out(); }

  // The longest body that is gathered for a handler (ServerOptions::max_content_bytes).
  uint64_t max_content_bytes() const { return context_->max_content_bytes(); }

  // Reading the body fails behind `most` bytes, whoever reads it. For middleware; the lowest limit
  // holds.
  void LimitBody(uint64_t most) const { body_limit_ = std::min(body_limit_, most); }
  bool body_over_limit() const { return body_read_ > body_limit_; }

  // Values that a middleware leaves for what is inside of it and for body sources. They change
  // nothing of what the client has sent, hence const.
  template <class T>
  void Attach(T value) const {
    attachments_.Set(std::move(value));
  }
  // Null: nobody has left one. Lives as long as the request.
  template <class T>
  const T* Attached() const {
    return attachments_.Find<T>();
  }

  // For the engine.
  PathParams& mutable_params() { return params_; }
  void set_content(std::string_view content) { content_ = content; }

 private:
  RequestHead head_;
  HandlerContext* context_ = nullptr;
  PathParams params_;
  std::string_view content_;
  mutable uint64_t body_limit_ = UINT64_MAX;
  mutable uint64_t body_read_ = 0;
  mutable Attachments attachments_;
};

// Field lines to be sent. What could break out of its line, and what frames messages (which is the
// engine's), makes them invalid.
class FieldLines {
 public:
  void Add(std::string_view name, std::string_view value);
  // All of that name; names are compared without case.
  void Remove(std::string_view name);
  // The first of that name.
  std::optional<std::string_view> Find(std::string_view name) const;
  bool valid() const { return valid_; }
  bool empty() const { return lines_.empty(); }
  // "Name: value\r\n" of each.
  const std::string& text() const { return lines_; }
  // Calls visit(name, value) with each.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    std::string_view rest = lines_;
    while (!rest.empty()) {
      const size_t colon = rest.find(':');
      const size_t end = rest.find('\r');
      visit(rest.substr(0, colon), rest.substr(colon + 2, end - colon - 2));
      rest.remove_prefix(end + 2);
    }
  }

 private:
  std::string lines_;
  bool valid_ = true;
};

// Where a streamed response comes from. Pulled: Read is called when the bytes of before are on
// their way, so a slow client slows the source down.
class BodySource {
 public:
  struct Result {
    enum class Kind : uint8_t {
      kData,     // `size` bytes, at least one.
      kEnd,      // No more.
      kPending,  // Nothing yet: await Wait(), then Read again.
      kFailed,   // Break the connection off, so that the client sees that it has not got all.
    };
    Kind kind = Kind::kEnd;
    size_t size = 0;

    static Result Data(size_t size) { return {Kind::kData, size}; }
    static Result End() { return {Kind::kEnd, 0}; }
    static Result Pending() { return {Kind::kPending, 0}; }
    static Result Failed() { return {Kind::kFailed, 0}; }
  };

  virtual ~BodySource() = default;
  // The exact number of bytes, when known: becomes Content-Length. Else the body is chunked.
  virtual std::optional<uint64_t> size() const { return std::nullopt; }
  // Fills a prefix of `out`, which is never empty.
  virtual Result Read(std::span<char> out) = 0;
  // Ends when Read may have something again.
  virtual Task<void> Wait() { co_return; }
  // Whether Wait runs beside Read: it is called with the response, and goes on while what was read
  // is on its way, however slow the client (on HTTP/1.1 only between two writes).
  // Request::ResumeOutput has Read called again after a kPending; when Wait has ended, Read must
  // know the end.
  virtual bool duplex() const { return false; }
  // What follows the body; asked after kEnd. Null: nothing. Lost on HTTP/1.0, and where size() is
  // known on HTTP/1.1.
  virtual const FieldLines* trailers() const { return nullptr; }
};

// One response. Framing fields (Content-Length, Transfer-Encoding, Connection, Date) are the
// engine's.
class Response {
 public:
  Response() = default;
  explicit Response(int status) : status_(status) {}

  static Response Text(std::string body, int status = 200);
  static Response Html(std::string body, int status = 200);
  static Response Json(std::string body, int status = 200);
  // A body and type of static storage: nothing is copied or allocated.
  static Response Static(std::string_view content_type, std::string_view body, int status = 200);
  // `content_type` has static storage; the same below.
  static Response Owned(std::string_view content_type, std::string body, int status = 200);
  // A body that others share: it is not copied, and kept until it has been written.
  static Response Shared(std::string_view content_type, std::shared_ptr<const std::string> body,
                         int status = 200);
  static Response Stream(std::string_view content_type, std::unique_ptr<BodySource> source,
                         int status = 200);
  // The connection (HTTP/1.1: 101, which names `protocol`) or the stream (HTTP/2: 200) becomes a
  // tunnel: what the client sends comes by Request::PollBody, without framing; `source` gives what
  // it is sent, and ends the tunnel with its end.
  static Response Tunnel(std::string_view protocol, std::unique_ptr<BodySource> source);

  // A name or value that could break out of its line, or a framing field, makes the answer a 500.
  Response& Add(std::string_view name, std::string_view value);
  // Add() in place of all fields of that name that there are.
  Response& Set(std::string_view name, std::string_view value);
  Response& Remove(std::string_view name);
  Response& set_status(int status) {
    status_ = status;
    return *this;
  }
  // The connection is closed after this response.
  Response& CloseConnection() {
    close_ = true;
    return *this;
  }

  int status() const { return status_; }
  std::string_view content_type() const { return content_type_; }
  bool valid() const { return fields_.valid(); }
  bool close() const { return close_; }
  const FieldLines& fields() const { return fields_; }
  // Of a tunnel; else empty.
  std::string_view tunnel_protocol() const { return tunnel_protocol_; }
  BodySource* source() const { return source_.get(); }
  // The body when it is not streamed.
  std::string_view body() const { return owned_.empty() ? static_body_ : std::string_view(owned_); }
  // The first field of that name, without case; Content-Type among them. Valid until the next
  // change.
  std::optional<std::string_view> Find(std::string_view name) const;

  // In place of the body or source that there is; the fields stay as they are.
  Response& SetBody(std::string body);
  Response& SetSource(std::unique_ptr<BodySource> source);
  // Null: it is not streamed. The response is then left without a body.
  std::unique_ptr<BodySource> TakeSource() { return std::move(source_); }
  // The body as a source, whichever it is. The response is then left without one.
  std::unique_ptr<BodySource> TakeBodyAsSource();

 private:
  int status_ = 200;
  bool close_ = false;
  std::string_view content_type_;
  std::string_view tunnel_protocol_;
  std::string_view static_body_;
  std::string owned_;
  std::shared_ptr<const std::string> shared_;  // What static_body_ points into, when it does.
  FieldLines fields_;
  std::unique_ptr<BodySource> source_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MESSAGE_H_
