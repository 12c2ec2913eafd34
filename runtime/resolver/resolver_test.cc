// Resolver and NameService over a ring: the resolver on one stack, a name server that the test
// plays on the other.

#include "runtime/resolver/resolver.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/resolver/test_answers.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/test_util.h"
#include "runtime/testing.h"
#include "runtime/udp_socket.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::seconds;

class ResolverTest : public testing::Test {
 protected:
  // Of a resolver that asks the other stack.
  std::shared_ptr<NameService> Names(std::string_view conf = "nameserver 10.0.0.2\n") {
    NameServiceOptions options;
    options.conf = dns::ResolvConf::Parse(conf);
    options.hosts = dns::HostsFile::Parse("10.7.7.7 box\n");
    options.secret = SipKey{3, 4};
    return NameService::New(pair_.worker, pair_.client, std::move(options));
  }
  Resolver MakeResolver(std::string_view conf = "nameserver 10.0.0.2\n") {
    return Resolver(executor(), Names(conf));
  }
  WorkerExecutor executor() { return pair_.worker.get_executor(); }

  void Serve(uint16_t port = 53) {
    asio::co_spawn(executor(), ServeUdp(port), asio::detached);
    asio::co_spawn(executor(), ServeTcp(port), asio::detached);
  }
  // What the server says: the addresses of `zone_`, NXDOMAIN for every other name.
  std::vector<uint8_t> Respond(std::span<const uint8_t> bytes, bool tcp) {
    const dns::ReadQuery query(bytes);
    const std::string name = query.question.name.ToString();
    const auto at = zone_.find(name);
    const bool cut = truncates_ && !tcp;
    const auto flags =
        static_cast<uint16_t>(dns::kAnswerFlags | (cut ? 0x0200 : 0) | (at == zone_.end() ? 3 : 0));
    dns::MessageBuilder message(query.id, flags);
    message.Question(query.question);
    if (at == zone_.end() || cut) return message.bytes();
    for (const std::string& address : at->second) {
      const bool v4 = IpAddress::Parse(address)->is_v4();
      if (v4 == (query.question.type == dns::RecordType::kA)) message.Address(name, address);
    }
    return message.bytes();
  }
  Task<> ServeUdp(uint16_t port) {
    UdpSocket socket(executor(), pair_.server, pair_.ServerEndpoint(port));
    std::vector<uint8_t> bytes(1500);
    for (;;) {
      Endpoint from;
      const size_t n = co_await socket.async_receive_from(asio::buffer(bytes), from, kAwait);
      ++udp_queries_;
      ports_.insert(from.port);
      if (silent_) continue;
      const auto answer = Respond(std::span(bytes).first(n), false);
      co_await socket.async_send_to(asio::buffer(answer), from, kAwait);
    }
  }
  Task<> ServeTcp(uint16_t port) {
    TcpListener listener(executor(), pair_.server, pair_.ServerEndpoint(port));
    for (;;) {
      TcpStream stream = co_await listener.async_accept(kAwait);
      ++tcp_queries_;
      std::vector<uint8_t> bytes(2);
      co_await asio::async_read(stream, asio::buffer(bytes), kAwait);
      bytes.resize(LoadBe16(bytes.data()));
      co_await asio::async_read(stream, asio::buffer(bytes), kAwait);
      const auto answer = Respond(bytes, true);
      std::vector<uint8_t> length(2);
      StoreBe16(length.data(), static_cast<uint16_t>(answer.size()));
      const std::array<asio::const_buffer, 2> pieces = {asio::buffer(length), asio::buffer(answer)};
      co_await asio::async_write(stream, pieces, kAwait);
    }
  }

  // The outcome of one async_resolve.
  struct Outcome {
    auto Handler() {
      return [this](error_code e, ResolverResults r) {
        ec = e;
        results = std::move(r);
      };
    }
    std::string Text() const {
      std::string text;
      for (const ResolverEntry& entry : results) {
        text += (text.empty() ? "" : " ") + entry.endpoint().ToString();
      }
      return text;
    }
    std::optional<error_code> ec;
    ResolverResults results;
  };
  // Until it is there.
  error_code Ended(Outcome& outcome) {
    EXPECT_TRUE(pair_.worker.RunUntil([&] { return outcome.ec.has_value(); }));
    return outcome.ec.value_or(error_code());
  }
  template <class... Args>
  Outcome Resolve(Resolver& resolver, Args&&... args) {
    Outcome outcome;
    resolver.async_resolve(std::forward<Args>(args)..., outcome.Handler());
    EXPECT_FALSE(outcome.ec);  // never inside the function that starts it
    Ended(outcome);
    return outcome;
  }

  std::map<std::string, std::vector<std::string>> zone_;
  bool silent_ = false;
  bool truncates_ = false;
  int udp_queries_ = 0;
  int tcp_queries_ = 0;
  std::set<uint16_t> ports_;
  TestPair pair_;
  Tasks tasks_{pair_.worker};
};

TEST_F(ResolverTest, FindsWhatTheServerKnows) {
  Serve();
  zone_["www.example.com"] = {"10.0.0.2", "fd00::2"};
  Resolver resolver = MakeResolver();
  const Outcome outcome = Resolve(resolver, "www.example.com", "https");
  EXPECT_FALSE(*outcome.ec);
  EXPECT_EQ(outcome.Text(), "[fd00::2]:443 10.0.0.2:443");
  EXPECT_EQ(outcome.results.begin()->host_name(), "www.example.com");
  EXPECT_EQ(outcome.results.begin()->service_name(), "https");
  EXPECT_EQ(udp_queries_, 2);
}

TEST_F(ResolverTest, EntriesCanBeConnectedTo) {
  Serve();
  zone_["www.example.com"] = {"10.0.0.2"};
  Resolver resolver = MakeResolver();
  bool connected = false;
  tasks_.Add([&]() -> Task<> {
    TcpListener listener(executor(), pair_.server, pair_.ServerEndpoint(80));
    const ResolverResults results =
        co_await resolver.async_resolve("www.example.com", "80", kAwait);
    TcpStream stream(executor(), pair_.client);
    for (const ResolverEntry& entry : results) co_await stream.async_connect(entry, kAwait);
    connected = stream.remote_endpoint() == pair_.ServerEndpoint(80);
  });
  ASSERT_TRUE(tasks_.Finish());
  EXPECT_TRUE(connected);
}

TEST_F(ResolverTest, EachQueryHasAPortOfItsOwn) {
  Serve();
  Resolver resolver = MakeResolver();
  for (int i = 0; i < 8; ++i) Resolve(resolver, "n" + std::to_string(i) + ".example.com", "80");
  EXPECT_EQ(udp_queries_, 16);
  EXPECT_EQ(ports_.size(), 16u);
  EXPECT_GT(*ports_.rbegin() - *ports_.begin(), 32);  // no neighbours
}

TEST_F(ResolverTest, SocketsEndWithTheirExchanges) {
  Serve();
  Resolver resolver = MakeResolver();
  Resolve(resolver, "www.example.com", "80");
  EXPECT_EQ(pair_.client.udp().sockets(), 0u);
}

TEST_F(ResolverTest, TruncatedAnswersAreFetchedOverTcp) {
  Serve();
  truncates_ = true;
  zone_["www.example.com"] = {"10.0.0.2", "fd00::2"};
  Resolver resolver = MakeResolver();
  const Outcome outcome = Resolve(resolver, "www.example.com", "443");
  EXPECT_FALSE(*outcome.ec);
  EXPECT_EQ(outcome.Text(), "[fd00::2]:443 10.0.0.2:443");
  EXPECT_EQ(tcp_queries_, 2);
}

TEST_F(ResolverTest, ErrorsAreAsios) {
  Serve();
  zone_["four.example.com"] = {"10.0.0.2"};
  Resolver resolver = MakeResolver();
  EXPECT_EQ(*Resolve(resolver, "nobody.example.com", "80").ec, asio::error::host_not_found);
  EXPECT_EQ(*Resolve(resolver, asio::ip::tcp::v6(), "four.example.com", "80").ec,
            asio::error::no_data);
  EXPECT_EQ(*Resolve(resolver, "four.example.com", "nothing").ec, asio::error::service_not_found);
  EXPECT_EQ(*Resolve(resolver, "four.example.com", "http", Resolver::numeric_service).ec,
            asio::error::service_not_found);
  EXPECT_EQ(*Resolve(resolver, "four.example.com", "80", Resolver::numeric_host).ec,
            asio::error::host_not_found);
  Resolver nobody = MakeResolver("");
  EXPECT_EQ(*Resolve(nobody, "four.example.com", "80").ec, asio::error::no_recovery);
}

TEST_F(ResolverTest, SilenceIsWaitedForAndThenTryAgain) {
  Serve();
  silent_ = true;
  Resolver resolver = MakeResolver("nameserver 10.0.0.2\noptions timeout:3 attempts:2\n");
  const Instant start = pair_.clock.Now();
  EXPECT_EQ(*Resolve(resolver, "www.example.com", "80").ec, asio::error::host_not_found_try_again);
  EXPECT_EQ(udp_queries_, 4);
  EXPECT_GE(pair_.clock.Now() - start, seconds(6));
  EXPECT_LT(pair_.clock.Now() - start, seconds(7));
}

TEST_F(ResolverTest, AServerThatIsNotThereIsLeftAtOnce) {
  // Nobody listens: ICMP errors, and resets of TCP.
  for (const char* conf : {"nameserver 10.0.0.2\n", "nameserver 10.0.0.2\noptions use-vc\n"}) {
    Resolver resolver = MakeResolver(conf);
    const Instant start = pair_.clock.Now();
    EXPECT_EQ(*Resolve(resolver, "www.example.com", "80").ec,
              asio::error::host_not_found_try_again);
    EXPECT_LT(pair_.clock.Now() - start, seconds(1));
  }
}

TEST_F(ResolverTest, AServerWithoutARouteIsLeftAtOnce) {
  Serve();
  zone_["www.example.com"] = {"10.0.0.2"};
  Resolver resolver = MakeResolver("nameserver 203.0.113.1\nnameserver 10.0.0.2\n");
  const Outcome outcome = Resolve(resolver, "www.example.com", "80");
  EXPECT_EQ(outcome.Text(), "10.0.0.2:80");
}

TEST_F(ResolverTest, NumbersAndHostsNeedNoServer) {
  Resolver resolver = MakeResolver();
  EXPECT_EQ(Resolve(resolver, "192.0.2.1", "80").Text(), "192.0.2.1:80");
  EXPECT_EQ(Resolve(resolver, "box", "domain").Text(), "10.7.7.7:53");
  EXPECT_EQ(Resolve(resolver, "", "80").Text(), "[::1]:80 127.0.0.1:80");
  EXPECT_EQ(Resolve(resolver, "", "80", Resolver::passive).Text(), "[::]:80 0.0.0.0:80");
  EXPECT_EQ(Resolve(resolver, asio::ip::tcp::v4(), "localhost", "").Text(), "127.0.0.1:0");
}

TEST_F(ResolverTest, ResolversShareTheCache) {
  Serve();
  zone_["www.example.com"] = {"10.0.0.2", "fd00::2"};
  const auto names = Names();
  Resolver first(executor(), names);
  Resolver second(executor(), names);
  Resolve(first, "www.example.com", "80");
  EXPECT_EQ(Resolve(second, "www.example.com", "443").Text(), "[fd00::2]:443 10.0.0.2:443");
  EXPECT_EQ(udp_queries_, 2);
}

TEST_F(ResolverTest, CancelEndsTheResolversOwn) {
  Serve();
  silent_ = true;
  const auto names = Names();
  Resolver resolver(executor(), names);
  Resolver other(executor(), names);
  Outcome cancelled;
  Outcome stays;
  resolver.async_resolve("www.example.com", "80", cancelled.Handler());
  other.async_resolve("www.example.com", "80", stays.Handler());
  resolver.cancel();
  EXPECT_FALSE(cancelled.ec);
  EXPECT_EQ(Ended(cancelled), asio::error::operation_aborted);
  EXPECT_FALSE(stays.ec);
  EXPECT_EQ(Ended(stays), asio::error::host_not_found_try_again);
}

TEST_F(ResolverTest, CancelBySlot) {
  Serve();
  silent_ = true;
  Resolver resolver = MakeResolver();
  asio::cancellation_signal signal;
  Outcome outcome;
  resolver.async_resolve("www.example.com", "80",
                         asio::bind_cancellation_slot(signal.slot(), outcome.Handler()));
  pair_.worker.RunUntil([&] { return udp_queries_ == 2; });
  signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(Ended(outcome), asio::error::operation_aborted);
  EXPECT_EQ(pair_.client.udp().sockets(), 0u);
}

TEST_F(ResolverTest, DestructionEndsWhatIsPending) {
  Outcome outcome;
  {
    Resolver resolver = MakeResolver();
    resolver.async_resolve("www.example.com", "80", outcome.Handler());
    Resolver moved = std::move(resolver);
  }
  EXPECT_EQ(Ended(outcome), asio::error::operation_aborted);
  EXPECT_EQ(pair_.client.udp().sockets(), 0u);
}

TEST_F(ResolverTest, DefaultNamesComeFromTheMachinesFiles) {
  Resolver resolver(executor());
  EXPECT_EQ(Resolve(resolver, "192.0.2.1", "http").Text(), "192.0.2.1:80");
  EXPECT_EQ(NameService::Default(pair_.worker, pair_.client),
            NameService::Default(pair_.worker, pair_.client));
}

TEST(ResolverEnd, PendingAtTheEndOfTheWorker) {
  // Of a host that does not answer ARP.
  std::optional<Resolver> outlives;
  for (const char* conf : {"nameserver 10.0.0.9\n", "nameserver 10.0.0.9\noptions use-vc\n"}) {
    TestPair pair;
    NameServiceOptions options;
    options.conf = dns::ResolvConf::Parse(conf);
    outlives.emplace(pair.worker.get_executor(),
                     NameService::New(pair.worker, pair.client, std::move(options)));
    outlives->async_resolve("www.example.com", "80", [](error_code, const ResolverResults&) {
      FAIL() << "called after its worker's end";
    });
    pair.worker.RunFor(std::chrono::microseconds(1));
  }
}

}  // namespace
}  // namespace corelane::runtime
