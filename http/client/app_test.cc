// The server and the client as Apps, a thread and a lane each, on the ring and on DPDK's net_ring:
// HTTP/1.1, HTTP/2 by prior knowledge, and TLS with either, all on one port each.

#include "runtime/app/app.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "driver/ring/ring.h"
#include "http/client/client.h"
#include "http/client/worker_connector.h"
#include "http/serve.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "testing/net_ring_pair.h"
#include "tls/acceptor.h"
#include "tls/context.h"
#include "tls/engine_pair.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using runtime::App;
using runtime::AppConfig;
using runtime::TcpListener;
using runtime::WorkerContext;
using runtime::WorkerExecutor;
using Awaitable = asio::awaitable<void, WorkerExecutor>;

constexpr asio::use_awaitable_t<WorkerExecutor> kAwait;
constexpr size_t kLarge = 2'000'000;

AppConfig ConfigOf(uint8_t host) {
  AppConfig config;
  config.addresses = {{IpAddress(Ipv4Address(10, 0, 0, host)), 24}};
  config.lanes = 1;
  return config;
}

// The body back, as it comes.
class EchoSource final : public BodySource {
 public:
  explicit EchoSource(const Request& request) : request_(request) {}
  Result Read(std::span<char> out) override {
    if (left_.empty()) {
      const std::optional<BodyChunk> chunk = request_.PollBody();
      if (!chunk.has_value()) return Result::Pending();
      if (chunk->end()) return chunk->failed() ? Result::Failed() : Result::End();
      left_ = chunk->data;
    }
    const size_t size = std::min(out.size(), left_.size());
    std::memcpy(out.data(), left_.data(), size);
    left_.remove_prefix(size);
    return Result::Data(size);
  }
  Task<void> Wait() override { co_await request_.WaitForBody(); }

 private:
  const Request& request_;
  std::string_view left_;
};

class AppHttpTest : public ::testing::TestWithParam<bool> {
 protected:
  AppHttpTest() {
    if (GetParam()) {
      net_ring_.emplace();
      server_device_ = net_ring_->Take(0);
      client_device_ = net_ring_->Take(1);
    } else {
      driver::RingOptions options;
      options.threads = true;
      driver::RingPair pair = driver::MakeRingPair(options);
      server_device_ = std::move(pair.a);
      client_device_ = std::move(pair.b);
    }
    router_.Get("/about", [](const Request& request) {
      return Response::Text(std::string(VersionName(request.version())) +
                            (request.connection().secure ? " secure" : " plain"));
    });
    router_.Post("/echo", [](const Request& request) -> Task<Response> {
      co_return Response::Stream("text/plain", std::make_unique<EchoSource>(request));
    });
  }

  // On the server's lane: port 80, and port 443 under TLS.
  Awaitable Serve(WorkerContext& lane) {
    tls::ServerOptions options;
    options.identities.push_back(ca_.Issue({.names = {}, .addresses = {"10.0.0.1"}}));
    options.alpn = {"h2", "http/1.1"};
    TcpListener plain(lane.get_executor(), lane.stack());
    plain.listen({IpAddress(Ipv6Address()), 80});
    TcpListener secure(lane.get_executor(), lane.stack());
    secure.listen({IpAddress(Ipv6Address()), 443});
    Server<tls::Acceptor<TcpListener>> tls_server(
        tls::Acceptor<TcpListener>(std::move(secure), *tls::ServerContext::Create(options)),
        router_, ServerOptions());
    Server<TcpListener> server(std::move(plain), router_, ServerOptions());
    ready_ = true;
    using namespace asio::experimental::awaitable_operators;  // NOLINT: for &&
    co_await (server.Run() && tls_server.Run());
  }

  Awaitable Ask(WorkerContext& lane) {
    ClientOptions options;
    options.tls.ca = ca_.pem();
    const WorkerExecutor executor = lane.get_executor();
    Client<WorkerConnector> client(executor, WorkerConnector(executor, lane.stack()), options);
    co_await AskOne(client, "http://10.0.0.1", HttpVersion::kAny, "HTTP/1.1 plain");
    co_await AskOne(client, "http://10.0.0.1", HttpVersion::kHttp2, "HTTP/2 plain");
    co_await AskOne(client, "https://10.0.0.1", HttpVersion::kAny, "HTTP/2 secure");
    co_await AskOne(client, "https://10.0.0.1", HttpVersion::kHttp1, "HTTP/1.1 secure");
    client.Close();
  }

  Awaitable AskOne(Client<WorkerConnector>& client, std::string origin, HttpVersion version,
                   std::string expected) {
    OutgoingRequest about = OutgoingRequest::Get(origin + "/about");
    about.Version(version);
    auto response = co_await client.Send(about, kAwait);
    EXPECT_EQ(response.status(), 200);
    const std::string said = co_await response.ReadAll(1000, kAwait);
    EXPECT_EQ(said, expected);
    std::string large;
    while (large.size() < kLarge) large += std::to_string(large.size()) + " ";
    OutgoingRequest echo = OutgoingRequest::Post(origin + "/echo");
    echo.Version(version).Body(large, "text/plain");
    auto echoed = co_await client.Send(echo, kAwait);
    const std::string body = co_await echoed.ReadAll(2 * kLarge, kAwait);
    EXPECT_EQ(body == large, true) << expected << ": " << body.size() << " bytes";
    ++answered_;
  }

  std::optional<testing::NetRingPair> net_ring_;
  std::unique_ptr<driver::Device> server_device_;
  std::unique_ptr<driver::Device> client_device_;
  tls::TestCa ca_;
  Router router_;
  std::atomic<bool> ready_{false};
  std::atomic<int> answered_{0};
};

TEST_P(AppHttpTest, AllVersionsOnTheSamePorts) {
  auto server = *App::Open(ConfigOf(1), std::move(server_device_));
  absl::Status served;
  std::thread thread([&] {
    served = server->Run([this](WorkerContext& lane) -> Awaitable { co_await Serve(lane); });
  });
  while (!ready_) std::this_thread::yield();
  auto client = *App::Open(ConfigOf(2), std::move(client_device_));
  const absl::Status asked =
      client->Run([this](WorkerContext& lane) -> Awaitable { co_await Ask(lane); });
  EXPECT_TRUE(asked.ok()) << asked;
  EXPECT_EQ(answered_, 4);
  server->Stop();
  thread.join();
  EXPECT_TRUE(served.ok()) << served;
}

#if defined(__has_feature)
#define CORELANE_HAS_FEATURE(x) __has_feature(x)
#else
#define CORELANE_HAS_FEATURE(x) 0
#endif
#if CORELANE_HAS_FEATURE(thread_sanitizer) || defined(__SANITIZE_THREAD__)
// DPDK's own rings and pools are not instrumented: what they hand over would look like a race.
const auto kDevices = ::testing::Values(false);
#else
const auto kDevices = ::testing::Bool();
#endif

INSTANTIATE_TEST_SUITE_P(Devices, AppHttpTest, kDevices,
                         [](const auto& info) { return info.param ? "net_ring" : "ring"; });

}  // namespace
}  // namespace corelane::http
