// Transport over any AsyncStream of Asio's interface, plain or under TLS.

#ifndef CORELANE_HTTP_CLIENT_STREAM_TRANSPORT_H_
#define CORELANE_HTTP_CLIENT_STREAM_TRANSPORT_H_

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/client/transport.h"
#include "http/stream_traits.h"
#include "tls/stream.h"

namespace corelane::http {

// The peer's address of a connected stream, where it knows one.
template <class Stream>
std::string RemoteAddress(Stream& stream) {
  boost::system::error_code error;
  if constexpr (requires { stream.remote_endpoint(error).ToString(); }) {
    const auto endpoint = stream.remote_endpoint(error);
    return error ? std::string() : endpoint.ToString();
  } else if constexpr (requires { stream.remote_endpoint(error).address().to_string(); }) {
    const auto endpoint = stream.remote_endpoint(error);
    if (error) return {};
    const std::string address = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
           std::to_string(endpoint.port());
  } else {
    return {};
  }
}

template <class Stream>
class StreamTransport final : public Transport {
 public:
  explicit StreamTransport(Stream stream)
      : state_(std::make_shared<State>(std::move(stream))),
        remote_(RemoteAddress(*state_->plain)) {}
  ~StreamTransport() override { Close(); }

  void set_events(Events* events) override { state_->events = events; }
  void Read(std::span<char> into, std::shared_ptr<void> keep) override {
    const boost::asio::mutable_buffer buffer(into.data(), into.size());
    if (state_->tls) {
      state_->tls->async_read_some(buffer, Done<kRead>{state_, std::move(keep)});
    } else {
      state_->plain->async_read_some(buffer, Done<kRead>{state_, std::move(keep)});
    }
  }
  void Write(const std::array<std::string_view, 2>& bytes, std::shared_ptr<void> keep) override {
    const std::array<boost::asio::const_buffer, 2> buffers = {
        boost::asio::const_buffer(bytes[0].data(), bytes[0].size()),
        boost::asio::const_buffer(bytes[1].data(), bytes[1].size())};
    if (state_->tls) {
      state_->tls->async_write_some(buffers, Done<kWrite>{state_, std::move(keep)});
    } else {
      state_->plain->async_write_some(buffers, Done<kWrite>{state_, std::move(keep)});
    }
  }
  void StartTls(const tls::ClientContext& context, const std::string& server,
                std::shared_ptr<void> keep) override {
    state_->tls.emplace(std::move(*state_->plain), context, server);
    state_->plain.reset();
    state_->tls->async_handshake(Handshaken{state_, std::move(keep)});
  }
  std::string alpn() const override {
    return state_->tls ? std::string(state_->tls->engine().alpn()) : std::string();
  }
  std::string remote() const override { return remote_; }
  void Close() override {
    state_->events = nullptr;
    if (state_->closed) return;
    state_->closed = true;
    if (state_->tls) {
      ShutdownSend(*state_->tls);  // A close_notify, where there is room for it.
      CloseStream(*state_->tls);
    } else if (state_->plain) {
      CloseStream(*state_->plain);
    }
  }

 private:
  enum Kind { kRead, kWrite };
  // Shared with what is pending.
  struct State {
    explicit State(Stream stream) : plain(std::move(stream)) {}
    std::optional<Stream> plain;
    std::optional<tls::Stream<Stream>> tls;
    Events* events = nullptr;
    bool closed = false;
  };
  template <Kind kKind>
  struct Done {
    std::shared_ptr<State> state;
    std::shared_ptr<void> keep;
    void operator()(boost::system::error_code error, size_t size) {
      if (state->events == nullptr) return;
      if (kKind == kWrite) return state->events->OnWrite(error, size);
      if (error == boost::asio::error::eof) error = {};
      state->events->OnRead(error, error ? 0 : size);
    }
  };
  struct Handshaken {
    std::shared_ptr<State> state;
    std::shared_ptr<void> keep;
    void operator()(boost::system::error_code error) {
      if (state->events != nullptr) state->events->OnTls(error);
    }
  };

  std::shared_ptr<State> state_;
  const std::string remote_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_STREAM_TRANSPORT_H_
