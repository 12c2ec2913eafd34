// Started: an Asio operation that is under way, for a handler that does something else before it
// waits for it.
//
//   Started<Answer> sent;
//   client.Send(request, sent.Handler());
//   ...co_await other things...
//   Answer answer = co_await sent;        // sent.error() says whether it has failed

#ifndef CORELANE_EXAMPLES_STARTED_H_
#define CORELANE_EXAMPLES_STARTED_H_

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/error_code.hpp>
#include <coroutine>
#include <memory>
#include <utility>

#include "http/task.h"

namespace corelane::examples {

// Result: default-constructible. One thread. Destroying it cancels the operation.
template <class Result>
class Started {
 public:
  Started() = default;
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;
  ~Started() {
    state_->waiter = {};
    state_->Cancel();
  }

  // For one operation: void(error_code, Result).
  auto Handler() {
    struct Completion {
      using cancellation_slot_type = boost::asio::cancellation_slot;
      std::shared_ptr<State> state;

      cancellation_slot_type get_cancellation_slot() const noexcept { return state->signal.slot(); }
      void operator()(const boost::system::error_code& error, Result result) {
        state->error = error;
        state->result = std::move(result);
        state->done = true;
        if (!state->waiter) return;
        state->promise->set_waits_for(nullptr);
        std::exchange(state->waiter, {}).resume();
      }
    };
    return Completion{state_};
  }

  const boost::system::error_code& error() const { return state_->error; }

  bool await_ready() const noexcept { return state_->done; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiter) {
    state_->waiter = waiter;
    state_->promise = &waiter.promise();
    state_->promise->set_waits_for(state_.get());
  }
  Result await_resume() { return std::move(state_->result); }

 private:
  struct State final : http::Cancellable {
    void Cancel() override {
      if (done) return;
      using Type = boost::asio::cancellation_type;
      signal.emit(Type::terminal | Type::partial | Type::total);
    }

    boost::asio::cancellation_signal signal;
    std::coroutine_handle<> waiter;
    http::internal::TaskPromiseBase* promise = nullptr;
    boost::system::error_code error;
    Result result;
    bool done = false;
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_STARTED_H_
