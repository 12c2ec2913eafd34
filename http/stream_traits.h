// What the I/O shells need to know of a stream and its executor beyond AsyncStream.

#ifndef CORELANE_HTTP_STREAM_TRAITS_H_
#define CORELANE_HTTP_STREAM_TRAITS_H_

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>

#include "core/time.h"

namespace corelane::runtime {
class WorkerExecutor;
template <class Executor>
class BasicSteadyTimer;
}  // namespace corelane::runtime

namespace corelane::http {

// The timer that belongs to an executor: Asio's, but ours on our own workers, where Asio's must not
// be made (its hidden thread would call the worker's executor from outside). Specialise it for
// other such executors, or give the shells another Timer.
template <class Executor>
struct TimerFor {
  using type = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
};

// Complete once runtime/steady_timer.h is included.
template <>
struct TimerFor<runtime::WorkerExecutor> {
  using type = runtime::BasicSteadyTimer<runtime::WorkerExecutor>;
};

// The time that the executor's timers go by: the worker's turn, or the timer's clock.
template <class Timer, class Executor>
Instant TimerNow(const Executor& executor) {
  if constexpr (requires { WorkerOf(executor).now(); }) {
    return WorkerOf(executor).now();
  } else {
    return Instant{
        std::chrono::duration_cast<Duration>(Timer::clock_type::now().time_since_epoch())};
  }
}

template <class Timer>
typename Timer::time_point ToTimerTime(Instant at) {
  return typename Timer::time_point(
      std::chrono::duration_cast<typename Timer::duration>(at.time_since_epoch()));
}

// Small writes leave at once (RFC 9293 §3.7.4): a head may go out before its body. For streams that
// know the option.
template <class Stream>
void SetNoDelay(Stream& stream) {
  if constexpr (requires { stream.next_layer(); }) {
    SetNoDelay(stream.next_layer());
  } else {
    boost::system::error_code ignored;
    const boost::asio::ip::tcp::no_delay on(true);
    if constexpr (requires { stream.set_option(on, ignored); }) {
      stream.set_option(on, ignored);
    } else if constexpr (requires(boost::asio::ip::tcp::no_delay is) { stream.get_option(is); }) {
      boost::asio::ip::tcp::no_delay is;
      stream.get_option(is);
      if (!is.value()) stream.set_option(on);  // Options of its own take memory.
    }
  }
}

// Ends the sending side. Streams without it (a TLS layer has its own close) are left as they are.
template <class Stream>
void ShutdownSend(Stream& stream) {
  boost::system::error_code ignored;
  if constexpr (requires { stream.shutdown(boost::asio::socket_base::shutdown_send, ignored); }) {
    stream.shutdown(boost::asio::socket_base::shutdown_send, ignored);
  } else if constexpr (requires { stream.shutdown(Stream::shutdown_send, ignored); }) {
    stream.shutdown(Stream::shutdown_send, ignored);
  }
}

template <class Stream>
void CloseStream(Stream& stream) {
  boost::system::error_code ignored;
  if constexpr (requires { stream.close(ignored); }) {
    stream.close(ignored);
  } else if constexpr (requires { stream.close(); }) {
    stream.close();
  } else {
    CloseStream(stream.next_layer());
  }
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_STREAM_TRAITS_H_
