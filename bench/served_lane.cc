// usage: served_lane --device=URI --address=ADDR/LEN ...: the server of `served` on our stack, as a
// program would write it: an App, and a coroutine for each connection. See bench/served.py.

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/peer_protocol.h"
#include "runtime/app/app.h"
#include "runtime/app/flags.h"
#include "runtime/flags/flag_parser.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"

namespace corelane::bench {
namespace {

namespace asio = boost::asio;
using runtime::TcpListener;
using runtime::TcpStream;
using Task = asio::awaitable<void, runtime::WorkerExecutor>;
using boost::system::error_code;

constexpr asio::use_awaitable_t<runtime::WorkerExecutor> kAwait;

Task Sink(TcpStream stream) {
  error_code ec;
  while (!ec) {
    co_await stream.async_read_packet(asio::redirect_error(kAwait, ec));
  }
}

Task Echo(TcpStream stream) {
  std::array<char, 2048> buffer;
  for (;;) {
    error_code ec;
    const size_t n =
        co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(kAwait, ec));
    if (ec) co_return;
    const auto bytes = asio::buffer(buffer, n);
    co_await asio::async_write(stream, bytes, asio::redirect_error(kAwait, ec));
    if (ec) co_return;
  }
}

Task Answer(TcpStream stream) {
  std::array<char, 2048> buffer;
  error_code ec;
  const size_t n =
      co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(kAwait, ec));
  const auto bytes = asio::buffer(buffer, n);
  if (!ec) co_await asio::async_write(stream, bytes, asio::redirect_error(kAwait, ec));
}

Task Source(TcpStream stream) {
  const std::vector<char> bytes(kServedChunk, 's');
  const auto all = asio::buffer(bytes);
  error_code ec;
  while (!ec) co_await asio::async_write(stream, all, asio::redirect_error(kAwait, ec));
}

Task Accept(runtime::WorkerContext& context, uint16_t port, Task (*serve)(TcpStream)) {
  TcpListener listener(context.get_executor(), context.stack());
  listener.listen({IpAddress(Ipv6Address()), port});
  for (;;) {
    error_code ec;
    TcpStream stream = co_await listener.async_accept(asio::redirect_error(kAwait, ec));
    if (ec) co_return;
    stream.set_option(asio::ip::tcp::no_delay(true));
    asio::co_spawn(context.get_executor(), serve(std::move(stream)), asio::detached);
  }
}

Task ServeLane(runtime::WorkerContext& context) {
  const auto spawn = [&](uint16_t port, Task (*serve)(TcpStream)) {
    asio::co_spawn(context.get_executor(), Accept(context, port, serve), asio::detached);
  };
  spawn(kSinkPort, &Sink);
  spawn(kEchoPort, &Echo);
  spawn(kAnswerPort, &Answer);
  if (context.lane() == 0) {
    std::puts("ready");
    std::fflush(stdout);
  }
  co_await Accept(context, kSourcePort, &Source);
}

int Main(int argc, char** argv) {
  runtime::FlagParser parser("served_lane",
                             "A sink, an echo and a source, for a client elsewhere.");
  runtime::AppConfig config;
  config.drain = Duration::zero();
  runtime::AddAppFlags(parser, config);
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  auto app = runtime::App::Open(config);
  if (!app.ok()) {
    std::fprintf(stderr, "served_lane: %s\n", std::string(app.status().message()).c_str());
    return runtime::FlagParser::kUsageStatus;
  }
  const absl::Status status = (*app)->Run(ServeLane);
  if (status.ok()) return 0;
  std::fprintf(stderr, "served_lane: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
