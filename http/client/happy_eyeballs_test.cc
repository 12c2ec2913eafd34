#include "http/client/happy_eyeballs.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/memory_stream.h"

// A timer on the test's clock for this executor.
namespace corelane::http {
template <>
struct TimerFor<testing::TestExecutor> {
  using type = testing::ManualTimer;
};
}  // namespace corelane::http

namespace corelane::http {
namespace {

using boost::system::error_code;
using std::chrono::milliseconds;
using testing::ManualTime;
using testing::TestExecutor;

struct Host {
  std::vector<std::string> log;
  std::vector<std::string> addresses;
  error_code resolve_error;
  bool resolver_silent = false;
  std::shared_ptr<void> silent;
  std::map<std::string, testing::Pending<error_code>> waiting;
};

struct FakeEntry {
  std::string text;
  std::string endpoint() const { return text; }
};

class FakeNet {
 public:
  using Executor = TestExecutor;
  using Endpoint = std::string;  // "6a", "4a" and so on.
  struct Stream {
    using executor_type = TestExecutor;
    TestExecutor executor;
    Host* host;
    std::string to;
    template <class Handler>
    void async_connect(const std::string& endpoint, Handler handler) {
      to = endpoint;
      host->log.push_back("try " + endpoint);
      host->waiting[endpoint].Set(std::move(handler), executor);
    }
    void close() {
      host->log.push_back("close " + to);
      host->waiting[to].Call(boost::asio::error::operation_aborted);
    }
  };
  struct Resolver {
    using results_type = std::vector<FakeEntry>;
    TestExecutor executor;
    Host* host;
    template <class Handler>
    void async_resolve(const std::string&, const std::string&, Handler handler) {
      if (host->resolver_silent) {
        host->silent = std::make_shared<Handler>(std::move(handler));
        return;
      }
      results_type results;
      for (const std::string& address : host->addresses) results.push_back({address});
      boost::asio::post(executor, [handler = std::move(handler), results, host = host]() mutable {
        handler(host->resolve_error, results);
      });
    }
    void cancel() {}
  };

  FakeNet(TestExecutor executor, Host& host) : executor_(executor), host_(&host) {}
  const TestExecutor& executor() const { return executor_; }
  Stream MakeStream() const { return {executor_, host_, ""}; }
  Resolver MakeResolver() const { return {executor_, host_}; }
  static std::optional<Endpoint> Literal(const std::string&, uint16_t) { return std::nullopt; }
  static bool IsV6(const Endpoint& endpoint) { return endpoint[0] == '6'; }
  static std::string Text(const Endpoint& endpoint) { return endpoint; }
  static void SetNoDelay(Stream&) {}

 private:
  TestExecutor executor_;
  Host* host_;
};

class HappyEyeballsTest : public ::testing::Test {
 protected:
  void Connect(std::vector<std::string> addresses) {
    host_.addresses = std::move(addresses);
    connector_.async_connect("name", 80, report_,
                             boost::asio::bind_cancellation_slot(
                                 signal_.slot(), [this](error_code error, FakeNet::Stream stream) {
                                   done_ = true;
                                   error_ = error;
                                   winner_ = stream.to;
                                 }));
    Poll();
  }
  void Poll() {
    context_.restart();
    context_.poll();
  }
  void Advance(milliseconds by) {
    ManualTime::Get().Advance(by);
    Poll();
  }
  void End(const std::string& address, error_code error) {
    host_.waiting[address].Call(error);
    Poll();
  }
  std::vector<std::string> Log() { return std::exchange(host_.log, {}); }

  using Lines = std::vector<std::string>;
  boost::asio::io_context context_;
  Host host_;
  HappyConnector<FakeNet> connector_{FakeNet(context_.get_executor(), host_)};
  std::shared_ptr<ConnectReport> report_ = std::make_shared<ConnectReport>();
  boost::asio::cancellation_signal signal_;
  bool done_ = false;
  error_code error_;
  std::string winner_;
};

TEST_F(HappyEyeballsTest, GivesEachAHeadStart) {
  Connect({"6a", "6b", "4a"});
  EXPECT_EQ(Log(), Lines{"try 6a"});
  Advance(milliseconds(249));
  EXPECT_EQ(Log(), Lines{});
  Advance(milliseconds(2));
  EXPECT_EQ(Log(), Lines{"try 4a"});  // The families take turns.
  EXPECT_EQ(report_->address, "4a");
  Advance(milliseconds(251));
  EXPECT_EQ(Log(), Lines{"try 6b"});
  End("4a", {});
  EXPECT_TRUE(done_);
  EXPECT_FALSE(error_);
  EXPECT_EQ(winner_, "4a");
  EXPECT_EQ(Log(), (Lines{"close 6a", "close 6b"}));
}

TEST_F(HappyEyeballsTest, AFailureStartsTheNextAtOnce) {
  Connect({"6a", "4a"});
  End("6a", boost::asio::error::network_unreachable);
  EXPECT_EQ(Log(), (Lines{"try 6a", "try 4a"}));
  End("4a", boost::asio::error::connection_refused);
  EXPECT_TRUE(done_);
  EXPECT_EQ(error_, boost::asio::error::connection_refused);
}

TEST_F(HappyEyeballsTest, ALateFailureDoesNotStartOneTwice) {
  Connect({"6a", "4a", "6b"});
  Advance(milliseconds(251));
  End("6a", boost::asio::error::connection_refused);
  EXPECT_EQ(Log(), (Lines{"try 6a", "try 4a", "try 6b"}));
  Advance(milliseconds(1000));
  EXPECT_EQ(Log(), Lines{});
  End("4a", boost::asio::error::connection_refused);
  EXPECT_FALSE(done_);
  End("6b", {});
  EXPECT_EQ(winner_, "6b");
}

TEST_F(HappyEyeballsTest, NamesThatDoNotResolve) {
  host_.resolve_error = boost::asio::error::host_not_found;
  Connect({});
  EXPECT_EQ(error_, boost::asio::error::host_not_found);
  EXPECT_EQ(report_->phase, ClientPhase::kResolve);
}

TEST_F(HappyEyeballsTest, IsCancelledWhileItResolves) {
  host_.resolver_silent = true;
  Connect({});
  signal_.emit(boost::asio::cancellation_type::terminal);
  Poll();
  EXPECT_EQ(error_, boost::asio::error::operation_aborted);
}

TEST_F(HappyEyeballsTest, IsCancelledWhileItConnects) {
  Connect({"6a", "4a"});
  signal_.emit(boost::asio::cancellation_type::terminal);
  Poll();
  EXPECT_EQ(error_, boost::asio::error::operation_aborted);
  EXPECT_EQ(Log(), (Lines{"try 6a", "close 6a"}));
}

TEST(TakeTurns, KeepsTheOrderWithinAFamily) {
  const auto is_v6 = [](const std::string& address) { return address[0] == '6'; };
  using Addresses = std::vector<std::string>;
  EXPECT_EQ(TakeTurns(Addresses{"4a", "4b", "6a", "4c"}, is_v6),
            (Addresses{"4a", "6a", "4b", "4c"}));
  EXPECT_EQ(TakeTurns(Addresses{}, is_v6), Addresses{});
}

}  // namespace
}  // namespace corelane::http
