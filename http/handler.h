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
#include <vector>

#include "http/extract.h"
#include "http/message.h"
#include "http/state.h"
#include "http/task.h"

namespace corelane::http {

using PlainHandler = std::function<Response(const Request&)>;
using CoroutineHandler = std::function<Task<Response>(const Request&)>;

// One of the two.
struct Handler {
  PlainHandler plain;
  CoroutineHandler coroutine;
  // What Router::Provide() has to give it; copies of the handler share it.
  std::vector<std::shared_ptr<internal::StateNeed>> needs;

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

using Needs = std::vector<std::shared_ptr<StateNeed>>;

// A handler's way to one State<T>, made with the handler.
template <class S>
class StateBinding;
template <class T>
class StateBinding<State<T>> {
 public:
  void Collect(Needs& needs) const { needs.push_back(need_); }
  bool provided() const { return need_->value != nullptr; }
  State<T> Get() const { return State<T>(*static_cast<T*>(need_->value.get())); }

 private:
  std::shared_ptr<StateNeed> need_ = std::make_shared<StateNeed>(
      StateNeed{&kTypeKey<std::remove_const_t<T>>, TypeName<T>(), !std::is_const_v<T>, nullptr});
};

// Router::status() tells it before; without, this is the answer.
Response RefuseWithoutState();

// A handler's way to one of its parameters.
template <class V>
class Binding {  // FromRequest<V>::From(const Request&)
 public:
  void Collect(Needs&) const {}
  Extracted<V> From(const Request& request) const { return FromRequest<V>::From(request); }
};

template <class T>
class Binding<State<T>> {
 public:
  void Collect(Needs& needs) const { state_.Collect(needs); }
  Extracted<State<T>> From(const Request&) const {
    if (!state_.provided()) return RefuseWithoutState();
    return state_.Get();
  }

 private:
  StateBinding<State<T>> state_;
};

// FromRequest<V>::From(const Request&, State<T>...)
template <class V, class... S>
class BindingWithState {
 public:
  void Collect(Needs& needs) const {
    std::apply([&](const auto&... state) { (state.Collect(needs), ...); }, states_);
  }
  Extracted<V> From(const Request& request) const {
    return std::apply(
        [&](const auto&... state) -> Extracted<V> {
          if (!(state.provided() && ...)) return RefuseWithoutState();
          return FromRequest<V>::From(request, state.Get()...);
        },
        states_);
  }

 private:
  std::tuple<StateBinding<S>...> states_;
};

template <class V, class R, class... S>
BindingWithState<V, S...> BindingFor(R (*)(const Request&, S...));

template <class V>
  requires(
      !requires(const Request& request) { FromRequest<V>::From(request); } &&
      requires { BindingFor<V>(&FromRequest<V>::From); })
class Binding<V> : public decltype(BindingFor<V>(&FromRequest<V>::From)) {};

struct NoBinding {
  void Collect(Needs&) const {}
};

// One argument of a handler, between the request and the call.
template <class A>
class Argument {
 public:
  using Value = std::remove_cvref_t<A>;
  static_assert(!std::is_lvalue_reference_v<A> || std::is_const_v<std::remove_reference_t<A>>,
                "a handler takes its parameters by value or by const reference");
  static constexpr bool kByValue = !std::is_reference_v<A>;
  static constexpr bool kNeedsContent = NeedsContent<Value>;
  using Bound = Binding<Value>;

  bool Take(const Bound& binding, const Request& request, std::optional<Response>& refusal) {
    Extracted<Value> extracted = binding.From(request);
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
  using Bound = NoBinding;

  bool Take(const Bound&, const Request& request, std::optional<Response>&) {
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
    ExtractingHandler handler(std::move(f));
    std::apply([&](const auto&... binding) { (binding.Collect(made.needs), ...); },
               handler.bindings_);
    if constexpr (!kIsCoroutine) {
      made.plain = [self = std::move(handler)](const Request& request) mutable {
        return self.Call(request, [](Response refusal) { return refusal; });
      };
    } else if constexpr (kNeedsContent) {
      made.coroutine = [self = std::move(handler)](const Request& request) mutable {
        return self.CallWithContent(request);
      };
    } else {
      made.coroutine = [self = std::move(handler)](const Request& request) mutable {
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
    return CallWith(request, std::move(refuse), std::index_sequence_for<A...>());
  }
  template <class Refuse, size_t... kAt>
  auto CallWith(const Request& request, Refuse refuse, std::index_sequence<kAt...>)
      -> std::invoke_result_t<Refuse, Response> {
    std::tuple<Argument<A>...> arguments;
    std::optional<Response> refusal;
    const bool taken =
        (std::get<kAt>(arguments).Take(std::get<kAt>(bindings_), request, refusal) && ...);
    if (!taken) return refuse(*std::move(refusal));
    return f_(std::get<kAt>(arguments).Pass()...);
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
  std::tuple<typename Argument<A>::Bound...> bindings_;
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
