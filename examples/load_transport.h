// What a Link connects with: kernel sockets or our own, bare or under TLS. All belong to a worker.

#ifndef CORELANE_EXAMPLES_LOAD_TRANSPORT_H_
#define CORELANE_EXAMPLES_LOAD_TRANSPORT_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "core/ip_address.h"
#include "examples/kernel_sockets.h"
#include "examples/loadgen/tally.h"
#include "runtime/tcp_stream.h"
#include "runtime/worker.h"
#include "stack/stack.h"
#include "tls/context.h"
#include "tls/stream.h"

namespace corelane::load {

using boost::system::error_code;

class KernelTransport {
 public:
  using Stream = examples::KernelStream;

  KernelTransport(runtime::Worker& worker, const Endpoint& server)
      : worker_(worker), server_(examples::ToTcp(server)) {}

  runtime::WorkerExecutor get_executor() const { return worker_.get_executor(); }
  bool secure() const { return false; }
  std::string_view alpn(Stream&) const { return {}; }
  Stream NewStream() { return Stream(worker_.get_executor()); }
  template <class Handler>
  void Connect(Stream& stream, Handler handler) {
    stream.async_connect(server_, [&stream, handler = std::move(handler)](const error_code& error) {
      error_code ignored;
      if (!error) {
        stream.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
      }
      handler(error, Failure::kConnect);
    });
  }

 private:
  runtime::Worker& worker_;
  boost::asio::ip::tcp::endpoint server_;
};

class StackTransport {
 public:
  using Stream = runtime::TcpStream;

  StackTransport(runtime::Worker& worker, stack::Stack& stack, const Endpoint& server)
      : worker_(worker), stack_(stack), server_(server) {}

  runtime::WorkerExecutor get_executor() const { return worker_.get_executor(); }
  bool secure() const { return false; }
  std::string_view alpn(Stream&) const { return {}; }
  Stream NewStream() { return Stream(worker_.get_executor(), stack_); }
  template <class Handler>
  void Connect(Stream& stream, Handler handler) {
    stream.async_connect(server_, [handler = std::move(handler)](const error_code& error) {
      handler(error, Failure::kConnect);
    });
  }

 private:
  runtime::Worker& worker_;
  stack::Stack& stack_;
  Endpoint server_;
};

template <class Next>
class TlsTransport {
 public:
  using Stream = tls::Stream<typename Next::Stream>;

  // name: the one that the certificate must be for.
  TlsTransport(Next next, tls::ClientContext context, std::string name)
      : next_(std::move(next)), context_(std::move(context)), name_(std::move(name)) {}

  auto get_executor() const { return next_.get_executor(); }
  bool secure() const { return true; }
  std::string_view alpn(Stream& stream) const { return stream.engine().alpn(); }
  Stream NewStream() { return Stream(next_.NewStream(), context_, name_); }
  template <class Handler>
  void Connect(Stream& stream, Handler handler) {
    next_.Connect(stream.next_layer(), [&stream, handler = std::move(handler)](
                                           const error_code& error, Failure failure) {
      if (error) return handler(error, failure);
      stream.async_handshake(
          [handler](const error_code& refused) { handler(refused, Failure::kTls); });
    });
  }

 private:
  Next next_;
  tls::ClientContext context_;
  std::string name_;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOAD_TRANSPORT_H_
