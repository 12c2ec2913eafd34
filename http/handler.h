// Handlers of requests, made from any callable.
//
//   Response(const Request&)                plain: runs once the body is complete; no coroutine
//   frame Task<Response>(const Request&)          a coroutine: reads the body as it comes
//   Response(Path<"id", int>, Query<...>)   either, with parameters that are taken out of the
//   request
//                                           (extract.h)

#ifndef CORELANE_HTTP_HANDLER_H_
#define CORELANE_HTTP_HANDLER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "http/extract.h"
#include "http/message.h"
#include "http/task.h"

namespace corelane::http {

using PlainHandler = std::function<Response(const Request&)>;
using CoroutineHandler = std::function<Task<Response>(const Request&)>;

// One of the two.
struct Handler {
  PlainHandler plain;
  CoroutineHandler coroutine;

  explicit operator bool() const { return plain != nullptr || coroutine != nullptr; }
};

namespace internal {

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  using Arguments = std::tuple<std::type_identity<A>...>;
};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...)> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R (*)(A...)> {};

template <class T>
concept NeedsContent = requires { requires FromRequest<T>::kNeedsContent; };

// One argument of a handler, between the request and the call.
template <class A>
class Argument {
 public:
  using Value = std::remove_cvref_t<A>;
  static_assert(!std::is_lvalue_reference_v<A> || std::is_const_v<std::remove_reference_t<A>>,
                "a handler takes its parameters by value or by const reference");
  static constexpr bool kByValue = !std::is_reference_v<A>;
  static constexpr bool kNeedsContent = NeedsContent<Value>;

  bool Take(const Request& request, std::optional<Response>& refusal) {
    Extracted<Value> extracted = FromRequest<Value>::From(request);
    if (!extracted.ok()) {
      refusal.emplace(std::move(extracted.refusal()));
      return false;
    }
    value_.emplace(std::move(extracted.value()));
    return true;
  }
  Value&& Pass() { return *std::move(value_); }

 private:
  std::optional<Value> value_;
};

template <>
class Argument<const Request&> {
 public:
  static constexpr bool kByValue = true;  // it outlives the handler
  static constexpr bool kNeedsContent = false;

  bool Take(const Request& request, std::optional<Response>&) {
    request_ = &request;
    return true;
  }
  const Request& Pass() { return *request_; }

 private:
  const Request* request_ = nullptr;
};

inline Task<Response> Answer(Response response) { co_return std::move(response); }

// The whole body, at most as long as a plain handler's. Otherwise what the client is to be told.
Task<std::optional<Response>> ReadContent(const Request& request, std::string& content);

// A request with its body, at an address of its own: a streamed response's source may go on using
// it.
struct WholeRequest {
  explicit WholeRequest(const Request& from) : request(from) {}
  Request request;
  std::string content;
};
// `response` as it is; what it streams keeps `request`.
Response Keep(std::unique_ptr<WholeRequest> request, Response response);

template <class F, class... A>
class ExtractingHandler {
 public:
  explicit ExtractingHandler(F f) : f_(std::move(f)) {}

  static Handler Make(F f) {
    Handler made;
    if constexpr (!kIsCoroutine) {
      made.plain = [self = ExtractingHandler(std::move(f))](const Request& request) mutable {
        return self.Call(request, [](Response refusal) { return refusal; });
      };
    } else if constexpr (kNeedsContent) {
      made.coroutine = [self = ExtractingHandler(std::move(f))](const Request& request) mutable {
        return self.CallWithContent(request);
      };
    } else {
      made.coroutine = [self = ExtractingHandler(std::move(f))](const Request& request) mutable {
        return self.Call(request, Answer);
      };
    }
    return made;
  }

 private:
  using Result = std::invoke_result_t<F&, A...>;
  static constexpr bool kIsCoroutine = std::is_same_v<Result, Task<Response>>;
  static constexpr bool kNeedsContent = (Argument<A>::kNeedsContent || ...);
  static_assert(kIsCoroutine || std::is_convertible_v<Result, Response>,
                "a handler returns Response or Task<Response>");
  static_assert(!kIsCoroutine || (Argument<A>::kByValue && ...),
                "a coroutine takes its parameters by value: references to them would dangle");

  template <class Refuse>
  auto Call(const Request& request, Refuse refuse) -> std::invoke_result_t<Refuse, Response> {
    std::tuple<Argument<A>...> arguments;
    std::optional<Response> refusal;
    return std::apply(
        [&](auto&... argument) -> std::invoke_result_t<Refuse, Response> {
          if (!(argument.Take(request, refusal) && ...)) return refuse(*std::move(refusal));
          return f_(argument.Pass()...);
        },
        arguments);
  }
  Task<Response> CallWithContent(const Request& request) {
    auto whole = std::make_unique<WholeRequest>(request);
    if (std::optional<Response> refusal = co_await ReadContent(request, whole->content)) {
      co_return *std::move(refusal);
    }
    whole->request.set_content(whole->content);
    Response response = co_await Call(whole->request, Answer);
    co_return Keep(std::move(whole), std::move(response));
  }

  F f_;
};

template <class F, class... A>
Handler MakeExtractingHandler(F f, std::tuple<std::type_identity<A>...>) {
  return ExtractingHandler<F, A...>::Make(std::move(f));
}

}  // namespace internal

template <class F>
Handler MakeHandler(F&& handler) {
  using Function = std::decay_t<F>;
  if constexpr (std::is_invocable_v<Function&, const Request&>) {
    using Result = std::invoke_result_t<Function&, const Request&>;
    Handler made;
    if constexpr (std::is_same_v<Result, Task<Response>>) {
      made.coroutine = std::forward<F>(handler);
    } else {
      static_assert(std::is_convertible_v<Result, Response>,
                    "a handler returns Response or Task<Response>");
      made.plain = std::forward<F>(handler);
    }
    return made;
  } else {
    using Arguments = typename internal::Signature<Function>::Arguments;
    return internal::MakeExtractingHandler(Function(std::forward<F>(handler)), Arguments());
  }
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_HANDLER_H_
