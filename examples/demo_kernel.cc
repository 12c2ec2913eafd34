// The demo application on kernel sockets, for checks by hand: demo_kernel [PORT].

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "examples/demo_app.h"
#include "http/serve.h"

namespace {

namespace asio = boost::asio;
namespace http = corelane::http;
namespace examples = corelane::examples;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;

// Numbers that move, so that the page has something to draw.
class MadeUpStats final : public examples::StatsSource {
 public:
  examples::StatsSnapshot Snapshot() override {
    const auto age = std::chrono::steady_clock::now() - start_;
    const double seconds = std::chrono::duration<double>(age).count();
    const auto wave = [&](double rate, double period) {
      return static_cast<uint64_t>(rate *
                                   (seconds + period / 7 * std::sin(seconds / period * 6.28)));
    };
    examples::StatsSnapshot stats;
    stats.device_uri = "ring:";
    stats.device_name = "in-process ring";
    stats.uptime_ms = static_cast<uint64_t>(seconds * 1000);
    stats.turns = wave(210000, 9);
    stats.interfaces = {{"server", wave(52000, 7), wave(81000, 5), wave(9.1e6, 7), wave(1.04e8, 5),
                         0, wave(0.2, 3)}};
    stats.drops = {{"bad_checksum", wave(0.1, 3)}, {"no_listener", wave(0.5, 3)}, {"no_route", 0}};
    stats.tcp = {0, wave(41, 6), 37, wave(52000, 7), wave(81000, 5), wave(3, 5), wave(0.3, 4)};
    for (uint64_t i = 0; i < 37; ++i) {
      stats.connections.push_back({"10.0.0.1:80", "10.0.0.2:" + std::to_string(49152 + i * 7),
                                   i % 9 == 8 ? "CLOSE-WAIT" : "ESTABLISHED", 40 + i * 13 % 170,
                                   9 + i % 7, 14480 * (1 + i % 5), wave(900 + 31.0 * i, 4),
                                   wave(80000 + 7000.0 * i, 5), i % 11 == 3 ? i : 0,
                                   stats.uptime_ms / (1 + i % 6)});
    }
    return stats;
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  asio::io_context context(1);
  MadeUpStats stats;
  http::Router router;
  examples::AddDemoRoutes(router, stats);
  http::Server<Acceptor> server(
      Acceptor(context, Tcp::endpoint(asio::ip::make_address("127.0.0.1"), port)), router,
      http::ServerOptions());
  asio::co_spawn(context, server.Run(), asio::detached);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { server.Stop(); });
  std::printf("http://127.0.0.1:%u/\n", server.acceptor().local_endpoint().port());
  std::fflush(stdout);
  context.run();
  std::printf("%llu requests\n", static_cast<unsigned long long>(server.stats().requests));
}
