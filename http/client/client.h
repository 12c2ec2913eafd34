// The HTTP client: HTTP/1.1 and HTTP/2, plain and over TLS, on any connector.
//
//   http::Client<http::KernelConnector<>> client(executor, http::KernelConnector<>(executor));
//   auto response = co_await client.Send(http::OutgoingRequest::Get("https://example.com/"),
//   token); std::string page = co_await response.ReadAll(1 << 20, token);
//
// Connections are kept and shared; redirects, retries, proxies, compression and time-outs go by
// ClientOptions. A response's head completes Send; its body is read when it is wanted, and what is
// not read keeps the server from sending on.
//
// Any completion token. Errors are of ClientErrorCategory (or operation_aborted), and
// response.failure().message() says more of them: with asio::as_tuple or asio::redirect_error the
// response is there also when Send has failed.
//
// Ownership: responses may outlive the client, but what they have not read by then ends with
// operation_aborted. The executor's context must outlive both. Threading: one client per lane; it
// and its responses belong to the executor, which must be one thread or a strand. io_context::run
// does not return while idle connections are watched: Close, or destroy the client.
//
// A Connector has executor_type, stream_type, get_executor() and
//   async_connect(const std::string& host, uint16_t port, token)   // void(error_code, stream_type)
// that observes cancellation. Where it takes a std::shared_ptr<ConnectReport> before the token, it
// says there how far it is.

#ifndef CORELANE_HTTP_CLIENT_CLIENT_H_
#define CORELANE_HTTP_CLIENT_CLIENT_H_

#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "http/client/client_core.h"
#include "http/client/stream_transport.h"
#include "http/stream_traits.h"

namespace corelane::http {

namespace internal {

// A handler that waits for a call: posted when it completes, and a way to cancel it.
template <class Base, class Handler, class Executor>
class CallHandler : public Base {
 public:
  CallHandler(Handler handler, const Executor& executor)
      : executor_(executor),
        handler_(std::move(handler)),
        work_(boost::asio::get_associated_executor(handler_, executor)) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    call_ = std::make_shared<std::weak_ptr<Call>>();
    slot.assign([call = call_](boost::asio::cancellation_type) {
      if (const auto locked = call->lock()) locked->Cancel();
    });
  }
  // What a cancellation ends. Not when it has completed already.
  std::shared_ptr<std::weak_ptr<Call>> target() const { return call_; }

 protected:
  template <class... Results>
  void Complete(Results&&... results) {
    if (call_ != nullptr) boost::asio::get_associated_cancellation_slot(handler_).clear();
    boost::asio::post(executor_,
                      boost::asio::append(std::move(handler_), std::forward<Results>(results)...));
  }

 private:
  using Associated = boost::asio::associated_executor_t<Handler, Executor>;
  Executor executor_;
  Handler handler_;
  boost::asio::executor_work_guard<Associated> work_;
  std::shared_ptr<std::weak_ptr<Call>> call_;
};

}  // namespace internal

// A response, and the rest of its body. Move-only; destroying it breaks off what was not read.
template <class Executor>
class IncomingResponse {
 public:
  using executor_type = Executor;

  IncomingResponse() = default;
  explicit IncomingResponse(std::shared_ptr<Call> call, const Executor& executor)
      : call_(std::move(call)), executor_(executor) {}
  IncomingResponse(IncomingResponse&&) noexcept = default;
  IncomingResponse& operator=(IncomingResponse&& other) noexcept {
    if (this == &other) return *this;
    Cancel();
    call_ = std::move(other.call_);
    executor_ = std::move(other.executor_);
    return *this;
  }
  ~IncomingResponse() { Cancel(); }

  // False for one that was default-constructed or moved from: nothing else may be called then.
  explicit operator bool() const { return call_ != nullptr; }
  // 0: there is none, failure() says why.
  int status() const { return call_->status(); }
  const std::string& reason() const { return call_->reason(); }
  // 10, 11 or 20.
  int version() const { return call_->version(); }
  Fields fields() const { return call_->fields(); }
  std::optional<std::string_view> Header(std::string_view name) const {
    return call_->fields().Find(name);
  }
  // After the body's end.
  Fields trailers() const { return call_->trailers(); }
  // Of the body, where it is known.
  std::optional<uint64_t> content_length() const { return call_->length(); }
  // Where the last redirect has led to.
  const Url& url() const { return call_->url(); }
  int redirects() const { return call_->redirects(); }
  // Attempts that had to be repeated after a pause.
  int retries() const { return call_->retries(); }
  // The server's, or the proxy's.
  const std::string& remote_address() const { return call_->address(); }
  const Failure& failure() const { return call_->failure(); }

  // void(error_code, size_t): the next bytes of the body; asio::error::eof at its end. One read at
  // a time. `buffer` must live until then.
  template <class Token>
  auto Read(boost::asio::mutable_buffer buffer, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [call = call_, executor = *executor_](auto handler, boost::asio::mutable_buffer into) {
          using Done = ReadHandler<decltype(handler)>;
          auto done = std::make_unique<Done>(std::move(handler), executor, into.size() == 0);
          if (const auto target = done->target()) *target = call;
          call->Read({static_cast<char*>(into.data()), into.size()}, std::move(done));
        },
        token, buffer);
  }
  // void(error_code, std::string): all of the rest. More than `limit` bytes, counted as they are
  // after decompression, are ClientError::kBodyTooLarge.
  template <class Token>
  auto ReadAll(size_t limit, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::string)>(
        [call = call_, executor = *executor_](auto handler, size_t most) {
          using Done = ReadAllHandler<decltype(handler)>;
          auto done = std::make_unique<Done>(std::move(handler), executor);
          if (const auto target = done->target()) *target = call;
          call->ReadAll(most, std::move(done));
        },
        token, limit);
  }

  // Breaks off what was not read; a pending read ends with operation_aborted.
  void Cancel() {
    if (call_ != nullptr) call_->Cancel();
  }

 private:
  template <class Handler>
  struct ReadHandler final : internal::CallHandler<ReadDone, Handler, Executor> {
    ReadHandler(Handler handler, const Executor& executor, bool empty)
        : internal::CallHandler<ReadDone, Handler, Executor>(std::move(handler), executor),
          empty(empty) {}
    void OnRead(boost::system::error_code error, size_t size) override {
      if (!error && size == 0 && !empty) error = boost::asio::error::eof;
      this->Complete(error, size);
    }
    const bool empty;
  };
  template <class Handler>
  struct ReadAllHandler final : internal::CallHandler<ReadAllDone, Handler, Executor> {
    using internal::CallHandler<ReadAllDone, Handler, Executor>::CallHandler;
    void OnReadAll(boost::system::error_code error, std::string body) override {
      this->Complete(error, std::move(body));
    }
  };

  std::shared_ptr<Call> call_;
  std::optional<Executor> executor_;
};

template <class Connector, class Timer = typename TimerFor<typename Connector::executor_type>::type>
class Client {
 public:
  using executor_type = typename Connector::executor_type;
  using Response = IncomingResponse<executor_type>;

  Client(const executor_type& executor, Connector connector,
         const ClientOptions& options = ClientOptions())
      : impl_(std::make_shared<Impl>(executor, std::move(connector), options)) {
    impl_->Start(options);
  }
  // Requests and bodies that are not complete end with operation_aborted.
  ~Client() {
    if (impl_ != nullptr) impl_->Stop();
  }
  Client(Client&&) noexcept = default;
  Client& operator=(Client&&) = delete;

  executor_type get_executor() const { return impl_->executor; }

  // void(error_code, Response), once the response's head is there. Cancellation gives the request
  // up.
  template <class Token>
  auto Send(OutgoingRequest request, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, Response)>(
        [impl = impl_](auto handler, OutgoingRequest what) {
          using Done = SendHandler<decltype(handler)>;
          auto done = std::make_unique<Done>(std::move(handler), impl->executor);
          const auto target = done->target();
          if (!impl->core) return done->OnSent(boost::asio::error::operation_aborted, nullptr);
          const auto call = impl->core->Send(std::move(what), std::move(done));
          if (target != nullptr) *target = call;
        },
        token, std::move(request));
  }

  // Ends all requests, and closes all connections. The client can be used again.
  void Close() { impl_->core->Close(); }
  const ClientStats& stats() const { return impl_->core->stats(); }
  const ClientOptions& options() const { return impl_->core->options(); }

 private:
  using Stream = typename Connector::stream_type;

  template <class Handler>
  struct SendHandler final : internal::CallHandler<SendDone, Handler, executor_type> {
    SendHandler(Handler handler, const executor_type& executor)
        : internal::CallHandler<SendDone, Handler, executor_type>(std::move(handler), executor),
          executor(executor) {}
    void OnSent(boost::system::error_code error, std::shared_ptr<Call> call) override {
      this->Complete(error, Response(std::move(call), executor));
    }
    const executor_type executor;
  };

  struct Impl final : Dialer, Alarm, std::enable_shared_from_this<Impl> {
    Impl(const executor_type& executor, Connector connector, const ClientOptions&)
        : executor(executor), connector(std::move(connector)), timer(executor) {}
    void Start(const ClientOptions& options) { core.emplace(options, *this, *this); }
    void Stop() {
      core.reset();
      timer.cancel();
    }

    // Alarm
    Instant Now() const override { return TimerNow<Timer>(executor); }
    int64_t UnixSeconds() const override { return std::time(nullptr); }
    void Set(Instant at) override {
      ++alarm;
      if (at == kNever) {
        timer.cancel();
        return;
      }
      timer.expires_at(ToTimerTime<Timer>(at));
      timer.async_wait(
          [weak = this->weak_from_this(), mine = alarm](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self != nullptr && self->core && self->alarm == mine)
              self->core->OnAlarm();
          });
    }

    // Dialer
    struct Attempt final : Dialer::Attempt {
      struct State {
        Dialer::Done done;
        boost::asio::cancellation_signal signal;
        std::shared_ptr<ConnectReport> report = std::make_shared<ConnectReport>();
      };
      ~Attempt() override {
        if (state->done == nullptr) return;
        state->done = nullptr;
        state->signal.emit(boost::asio::cancellation_type::terminal);
      }
      ConnectReport report() const override { return *state->report; }
      std::shared_ptr<State> state = std::make_shared<State>();
    };
    std::unique_ptr<Dialer::Attempt> Dial(const std::string& host, uint16_t port,
                                          Done done) override {
      auto attempt = std::make_unique<Attempt>();
      const auto state = attempt->state;
      state->done = std::move(done);
      auto handler = boost::asio::bind_cancellation_slot(
          state->signal.slot(), [state](boost::system::error_code error, Stream stream) {
            const Done call = std::exchange(state->done, nullptr);
            if (call == nullptr) return;
            std::unique_ptr<Transport> transport;
            if (!error) transport = std::make_unique<StreamTransport<Stream>>(std::move(stream));
            call(error, std::move(transport), *state->report);
          });
      if constexpr (requires {
                      connector.async_connect(host, port, state->report, std::move(handler));
                    }) {
        connector.async_connect(host, port, state->report, std::move(handler));
      } else {
        connector.async_connect(host, port, std::move(handler));
      }
      return attempt;
    }

    const executor_type executor;
    Connector connector;
    Timer timer;
    uint64_t alarm = 0;
    std::optional<ClientCore> core;
  };

  std::shared_ptr<Impl> impl_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_CLIENT_H_
