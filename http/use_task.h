// use_task: a completion token with which handlers wait for Asio operations.
//
//   Task<Response> Proxy(const Request& request) {
//     TcpStream stream(executor, stack);
//     co_await stream.async_connect(endpoint, use_task);
//     const size_t size = co_await stream.async_read_some(buffer, use_task);
//     ...
//
// co_await gives what the operation gives, and throws boost::system::system_error for an error;
// use_task(error) stores it instead. The operation must complete on the
// connection's thread. It is cancelled, and completes with operation_aborted, when the client goes
// away or the handler runs out of time (Request::SetTimeout).

#ifndef CORELANE_HTTP_USE_TASK_H_
#define CORELANE_HTTP_USE_TASK_H_

#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/system_error.hpp>
#include <coroutine>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "http/task.h"

namespace corelane::http {

struct UseTask {
  // Errors go there, and are not thrown.
  UseTask operator()(boost::system::error_code& to) const { return {&to}; }

  boost::system::error_code* error = nullptr;
};
inline constexpr UseTask use_task{};

namespace internal {

// Keeps what an operation gives until its coroutine takes it. Initiate: starts the operation with a
// handler. Args: what the operation completes with.
template <class Initiate, class... Args>
class OperationAwaiter final : private Cancellable {
 public:
  OperationAwaiter(Initiate initiate, boost::system::error_code* error)
      : initiate_(std::move(initiate)), error_(error) {}
  OperationAwaiter(OperationAwaiter&&) = default;

  struct Handler {
    using cancellation_slot_type = boost::asio::cancellation_slot;

    OperationAwaiter* awaiter;

    cancellation_slot_type get_cancellation_slot() const noexcept {
      return awaiter->signal_->slot();
    }
    template <class... Results>
    void operator()(Results&&... results) {
      OperationAwaiter* const to = awaiter;
      to->result_.emplace(std::forward<Results>(results)...);
      to->promise_->set_waits_for(nullptr);
      to->waiter_.resume();
    }
  };

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiter) {
    static_assert(std::is_base_of_v<TaskPromiseBase, Promise>, "use_task is for http::Task");
    waiter_ = waiter;
    promise_ = &waiter.promise();
    signal_.emplace();
    promise_->set_waits_for(this);
    std::move(initiate_)(Handler{this});
  }
  auto await_resume() {
    using First = std::tuple_element_t<0, std::tuple<Args..., void>>;
    if constexpr (std::is_same_v<First, boost::system::error_code>) {
      const boost::system::error_code& error = std::get<0>(*result_);
      if (error_ != nullptr) {
        *error_ = error;
      } else if (error) {
        throw boost::system::system_error(error);
      }
      return Take<1>();
    } else {
      return Take<0>();
    }
  }

 private:
  void Cancel() override {
    using Type = boost::asio::cancellation_type;
    signal_->emit(Type::terminal | Type::partial | Type::total);
  }

  template <size_t kFrom>
  auto Take() {
    if constexpr (sizeof...(Args) == kFrom) {
      return;
    } else if constexpr (sizeof...(Args) == kFrom + 1) {
      return std::get<kFrom>(std::move(*result_));
    } else {
      return std::apply(
          [](auto&&... all) { return Tail<kFrom>(std::forward<decltype(all)>(all)...); },
          std::move(*result_));
    }
  }
  template <size_t kFrom, class First, class... Rest>
  static auto Tail(First&& first, Rest&&... rest) {
    if constexpr (kFrom == 0) {
      return std::tuple(std::forward<First>(first), std::forward<Rest>(rest)...);
    } else {
      return std::tuple(std::forward<Rest>(rest)...);
    }
  }

  Initiate initiate_;
  boost::system::error_code* error_;
  std::coroutine_handle<> waiter_;
  TaskPromiseBase* promise_ = nullptr;
  std::optional<boost::asio::cancellation_signal> signal_;
  std::optional<std::tuple<std::decay_t<Args>...>> result_;
};

}  // namespace internal

}  // namespace corelane::http

template <class... Args>
class boost::asio::async_result<corelane::http::UseTask, void(Args...)> {
 public:
  template <class Initiation, class... InitArgs>
  static auto initiate(Initiation&& initiation, corelane::http::UseTask token, InitArgs&&... args) {
    // Until the co_await that follows, in the same expression: arguments are kept, by value.
    auto start = [initiation = std::decay_t<Initiation>(std::forward<Initiation>(initiation)),
                  args = std::tuple<std::decay_t<InitArgs>...>(std::forward<InitArgs>(args)...)](
                     auto handler) mutable {
      std::apply(
          [&](auto&&... each) {
            std::move(initiation)(std::move(handler), std::forward<decltype(each)>(each)...);
          },
          std::move(args));
    };
    return corelane::http::internal::OperationAwaiter<decltype(start), Args...>(std::move(start),
                                                                                token.error);
  }
};

#endif  // CORELANE_HTTP_USE_TASK_H_
