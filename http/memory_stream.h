// For tests: a pair of AsyncStreams in memory, and a timer on a clock that the test moves.

#ifndef CORELANE_HTTP_MEMORY_STREAM_H_
#define CORELANE_HTTP_MEMORY_STREAM_H_

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace corelane::http::testing {

using TestExecutor = boost::asio::io_context::executor_type;
using boost::system::error_code;

// A handler kept for later: called once, through its executor. Work is not counted, so that
// io_context::poll returns when nothing can go on.
template <class... Args>
class Pending {
 public:
  template <class Handler>
  void Set(Handler handler, const TestExecutor& fallback) {
    auto shared = std::make_shared<Handler>(std::move(handler));
    const auto executor = boost::asio::get_associated_executor(*shared, fallback);
    call_ = [shared, executor](Args... args) {
      boost::asio::post(executor, [shared, args...] { std::move (*shared)(args...); });
    };
  }
  explicit operator bool() const { return call_ != nullptr; }
  void Call(Args... args) {
    if (call_) std::exchange(call_, nullptr)(args...);
  }

 private:
  std::function<void(Args...)> call_;
};

// One direction.
struct MemoryPipe {
  explicit MemoryPipe(size_t capacity) : capacity(capacity) {}

  size_t capacity;
  std::string bytes;
  bool ended = false;   // The writer has shut down.
  bool broken = false;  // The reader has gone.
  size_t writes = 0;
  boost::asio::mutable_buffer read_into;
  Pending<error_code, size_t> reader;
  std::function<bool()> writer;  // Tries again; true when it has completed.

  void Wake() {
    if (reader && !bytes.empty()) {
      const size_t size = std::min(bytes.size(), read_into.size());
      std::copy_n(bytes.data(), size, static_cast<char*>(read_into.data()));
      bytes.erase(0, size);
      reader.Call(error_code(), size);
    } else if (reader && ended) {
      reader.Call(boost::asio::error::eof, 0);
    }
    if (writer && writer()) {
      writer = nullptr;
      Wake();
    }
  }
};

class MemoryStream {
 public:
  using executor_type = TestExecutor;

  MemoryStream(TestExecutor executor, std::shared_ptr<MemoryPipe> in,
               std::shared_ptr<MemoryPipe> out)
      : executor_(executor), in_(std::move(in)), out_(std::move(out)) {}
  MemoryStream(MemoryStream&&) = default;
  MemoryStream& operator=(MemoryStream&&) = default;
  ~MemoryStream() {
    if (in_ != nullptr) close();
  }

  executor_type get_executor() const { return executor_; }
  MemoryPipe& in() { return *in_; }
  MemoryPipe& out() { return *out_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(
        [this](auto handler, boost::asio::mutable_buffer buffer) {
          in_->reader.Set(std::move(handler), executor_);
          in_->read_into = buffer;
          if (closed_) {
            in_->reader.Call(boost::asio::error::bad_descriptor, 0);
          } else {
            in_->Wake();
          }
        },
        token, *boost::asio::buffer_sequence_begin(buffers));
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(
        [this](auto handler, Buffers all) {
          auto done = std::make_shared<Pending<error_code, size_t>>();
          done->Set(std::move(handler), executor_);
          ++out_->writes;
          out_->writer = [pipe = out_.get(), done, all, stream = this] {
            if (stream->closed_ || stream->cancelled_) {
              stream->cancelled_ = false;
              done->Call(boost::asio::error::operation_aborted, 0);
              return true;
            }
            if (pipe->broken) {
              done->Call(boost::asio::error::broken_pipe, 0);
              return true;
            }
            const size_t room = pipe->capacity - pipe->bytes.size();
            if (room == 0) return false;
            std::string gathered(std::min(room, boost::asio::buffer_size(all)), '\0');
            boost::asio::buffer_copy(boost::asio::buffer(gathered), all);
            pipe->bytes += gathered;
            done->Call(error_code(), gathered.size());
            return true;
          };
          out_->Wake();
        },
        token, buffers);
  }

  void shutdown(boost::asio::socket_base::shutdown_type, error_code&) {
    out_->ended = true;
    out_->Wake();
  }
  void cancel(error_code&) {
    in_->reader.Call(boost::asio::error::operation_aborted, 0);
    if (out_->writer) {
      cancelled_ = true;
      out_->Wake();
    }
  }
  void close(error_code&) { close(); }
  void close() {
    closed_ = true;
    in_->reader.Call(boost::asio::error::operation_aborted, 0);
    out_->ended = true;
    out_->Wake();
    in_->broken = true;
    in_->Wake();
  }

 private:
  TestExecutor executor_;
  std::shared_ptr<MemoryPipe> in_;
  std::shared_ptr<MemoryPipe> out_;
  bool closed_ = false;
  bool cancelled_ = false;
};

inline std::pair<MemoryStream, MemoryStream> MakeStreamPair(TestExecutor executor,
                                                            size_t capacity = 1 << 20) {
  auto there = std::make_shared<MemoryPipe>(capacity);
  auto back = std::make_shared<MemoryPipe>(capacity);
  return {MemoryStream(executor, back, there), MemoryStream(executor, there, back)};
}

// Time that stands still until AdvanceTo. One for all timers of a test.
class ManualTime {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  static ManualTime& Get() {
    static ManualTime time;
    return time;
  }
  Nanoseconds now() const { return now_; }
  // Expires what is due, in order.
  void Advance(Nanoseconds by) {
    now_ += by;
    while (!waits_.empty() && waits_.begin()->first <= now_) {
      auto wait = std::move(waits_.begin()->second.second);
      waits_.erase(waits_.begin());
      wait->Call(error_code());
    }
  }

  using Wait = std::shared_ptr<Pending<error_code>>;
  void Add(Nanoseconds at, const void* owner, Wait wait) {
    waits_.emplace(at, std::make_pair(owner, std::move(wait)));
  }
  size_t Cancel(const void* owner) {
    size_t count = 0;
    for (auto it = waits_.begin(); it != waits_.end();) {
      if (it->second.first == owner) {
        auto wait = std::move(it->second.second);
        it = waits_.erase(it);
        wait->Call(boost::asio::error::operation_aborted);
        ++count;
      } else {
        ++it;
      }
    }
    return count;
  }

 private:
  Nanoseconds now_ = std::chrono::hours(1);
  std::multimap<Nanoseconds, std::pair<const void*, Wait>> waits_;
};

// The interface of asio::steady_timer on ManualTime.
class ManualTimer {
 public:
  struct clock_type {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<clock_type, duration>;
    static constexpr bool is_steady = true;
    static time_point now() { return time_point(ManualTime::Get().now()); }
  };
  using time_point = clock_type::time_point;
  using duration = clock_type::duration;

  explicit ManualTimer(TestExecutor executor) : executor_(executor) {}
  ~ManualTimer() { cancel(); }
  ManualTimer(const ManualTimer&) = delete;
  ManualTimer& operator=(const ManualTimer&) = delete;

  size_t expires_at(time_point at) {
    at_ = at;
    return cancel();
  }
  size_t cancel() { return ManualTime::Get().Cancel(this); }
  template <class Token>
  auto async_wait(Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code)>(
        [this](auto handler) {
          auto wait = std::make_shared<Pending<error_code>>();
          wait->Set(std::move(handler), executor_);
          if (at_ <= clock_type::now()) {
            wait->Call(error_code());
          } else {
            ManualTime::Get().Add(at_.time_since_epoch(), this, std::move(wait));
          }
        },
        token);
  }

 private:
  TestExecutor executor_;
  time_point at_{};
};

}  // namespace corelane::http::testing

#endif  // CORELANE_HTTP_MEMORY_STREAM_H_
