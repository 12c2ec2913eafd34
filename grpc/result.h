// Result<T>: a reply, or the status that stands for it.
//
//   Task<Result<HelloReply>> SayHello(ServerContext& context, const HelloRequest& request) {
//     if (request.name().empty()) co_return Status(StatusCode::kInvalidArgument, "name: empty");
//     HelloReply reply;
//     reply.set_message("Hello, " + request.name());
//     co_return reply;
//   }
//
// A handler may also give a reply that lives on the call's arena (ServerContext::New).

#ifndef CORELANE_GRPC_RESULT_H_
#define CORELANE_GRPC_RESULT_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "core/check.h"
#include "grpc/wire/status.h"

namespace corelane::grpc {

// A message that an arena owns.
template <class T>
class ArenaPtr {
 public:
  explicit ArenaPtr(T* message) : message_(message) {}
  T& operator*() const { return *message_; }
  T* operator->() const { return message_; }
  T* get() const { return message_; }

 private:
  T* message_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result() : status_(StatusCode::kUnknown, "no result") {}
  Result(T value) : value_(std::move(value)) {}  // NOLINT: converts, as absl::StatusOr does
  Result(ArenaPtr<T> message) : on_arena_(message.get()) {}  // NOLINT: likewise
  // An OK without a value is an INTERNAL error.
  Result(Status status) : status_(std::move(status)) {  // NOLINT: likewise
    if (status_.ok()) status_ = Status(StatusCode::kInternal, "OK without a reply");
  }
  Result(const absl::Status& status) : Result(Status(status)) {}  // NOLINT: likewise

  bool ok() const { return value_.has_value() || on_arena_ != nullptr; }
  explicit operator bool() const { return ok(); }
  // OK when there is a value.
  const Status& status() const { return status_; }

  // Only when ok().
  T& value() & { return *Get(); }
  const T& value() const& { return *const_cast<Result*>(this)->Get(); }
  T&& value() && { return std::move(*Get()); }
  T& operator*() & { return *Get(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*Get()); }
  T* operator->() { return Get(); }
  const T* operator->() const { return &value(); }

 private:
  T* Get() {
    CL_CHECK(ok());
    return on_arena_ != nullptr ? on_arena_ : &*value_;
  }

  std::optional<T> value_;
  T* on_arena_ = nullptr;
  Status status_;
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_RESULT_H_
