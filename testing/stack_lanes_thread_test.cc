// Lanes on threads of their own; to be run under TSan.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/check.h"
#include "driver/ring/ring.h"
#include "stack/carried_queue.h"
#include "stack/lane_group.h"
#include "stack/stack.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

constexpr size_t kLanes = 2;
constexpr size_t kConnections = 12;  // of each client lane
constexpr size_t kBytes = 30'000;    // there and back on each

IpAddress Address(size_t side) { return Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(side)); }

// One thread: a lane and its stack.
class LaneThread {
 public:
  LaneThread(driver::Device& device, stack::LaneGroup& group, size_t side, size_t lane)
      : device_(device), group_(group), side_(side), lane_(lane) {}

  void Open() {
    stack::StackOptions options;
    options.seed = 100 * side_ + lane_ + 1;
    stack_ = std::make_unique<stack::Stack>(options, clock_.Now(), &group_.lane(lane_));
    stack::InterfaceOptions interface;
    interface.addresses = {{Address(side_), 24}};
    if (lane_ < device_.info().queues) {
      CL_CHECK(stack_->AddInterface(device_.queue(lane_), device_.info(), interface).ok());
      return;
    }
    carried_ = std::make_unique<stack::CarriedQueue>(group_.lane(lane_), device_.info(), 0);
    CL_CHECK(stack_->AddInterface(*carried_, carried_->info(), interface).ok());
  }
  void Turn() {
    if (!stack_->Poll(clock_.Now())) std::this_thread::yield();
  }
  void Close() {
    stack_.reset();
    carried_.reset();
  }
  stack::Stack& stack() { return *stack_; }
  size_t lane() const { return lane_; }

 private:
  driver::Device& device_;
  stack::LaneGroup& group_;
  size_t side_;
  size_t lane_;
  RealClock clock_;
  std::unique_ptr<stack::CarriedQueue> carried_;
  std::unique_ptr<stack::Stack> stack_;
};

// Sends back whatever comes.
class EchoServer {
 public:
  explicit EchoServer(stack::Stack& stack) {
    stack::TcpSetupError error;
    listener_ = stack.tcp().Listen({Address(1), 7}, 64, error);
  }
  void React() {
    while (stack::TcpSocket* const s = listener_->Accept()) sockets_.push_back(s);
    for (stack::TcpSocket* const s : sockets_) {
      const size_t n = s->Read(std::span(buffer_).first(std::min(kChunk, s->writable_bytes())));
      if (n > 0) CL_CHECK(s->Write(std::span(buffer_).first(n)) == n);
    }
  }
  size_t connections() const { return sockets_.size(); }

 private:
  static constexpr size_t kChunk = 4096;
  Bytes buffer_ = Bytes(kChunk);
  stack::TcpListener* listener_;
  std::vector<stack::TcpSocket*> sockets_;
};

// Sends a pattern on each connection, and reads it back.
class EchoClient {
 public:
  explicit EchoClient(stack::Stack& stack) {
    for (size_t i = 0; i < kConnections; ++i) {
      stack::TcpSetupError error;
      flows_.push_back({stack.tcp().Connect({Address(1), 7}, {}, error)});
    }
  }
  bool React() {
    bool done = true;
    for (Flow& f : flows_) {
      if (f.socket->connected()) f.sent += f.socket->Write(std::span(pattern_).subspan(f.sent));
      while (const size_t n = f.socket->Read(buffer_)) {
        good_ &= std::equal(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(n),
                            pattern_.begin() + static_cast<ptrdiff_t>(f.received));
        f.received += n;
      }
      good_ &= !f.socket->closed();
      done &= f.received == kBytes;
    }
    return done || !good_;
  }
  bool good() const { return good_; }

 private:
  struct Flow {
    stack::TcpSocket* socket = nullptr;
    size_t sent = 0;
    size_t received = 0;
  };
  const Bytes pattern_ = Pattern(kBytes);
  Bytes buffer_ = Bytes(4096);
  std::vector<Flow> flows_;
  bool good_ = true;
};

// The two sides hash with different keys, so that half of all packets come to the wrong lane of the
// client.
class LaneThreadsTest : public ::testing::Test {
 protected:
  LaneThreadsTest() {
    driver::RingOptions ring;
    ring.threads = true;
    ring.queues = kLanes;
    ring_ = driver::MakeRingPair(ring);
    stack::LaneGroupOptions options;
    options.lanes = kLanes;
    options.forward_ring = 64;
    options.key = Toeplitz::kMicrosoftKey;
    client_ = std::make_unique<stack::LaneGroup>(options);
    options.key = Toeplitz::kSymmetricKey;
    server_ = std::make_unique<stack::LaneGroup>(options);
  }
  // Lane threads wait for each other where a stack must not be gone too early.
  void Serve(size_t lane) {
    LaneThread me(*ring_.b, *server_, 1, lane);
    me.Open();
    {
      EchoServer echo(me.stack());
      ready_.fetch_add(1);
      while (!stop_.load()) {
        me.Turn();
        echo.React();
      }
      accepted_.fetch_add(echo.connections());
    }
    me.Close();
  }

  driver::RingPair ring_;
  std::unique_ptr<stack::LaneGroup> client_;
  std::unique_ptr<stack::LaneGroup> server_;
  std::atomic<size_t> ready_{0};
  std::atomic<size_t> done_{0};
  std::atomic<size_t> accepted_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> moved_{false};
  std::atomic<bool> good_{true};
};

TEST_F(LaneThreadsTest, EchoAcrossLanesAndAChangedMac) {
  const MacAddress new_mac = *MacAddress::Parse("02:00:00:00:00:77");
  const auto ask = [&](size_t lane) {
    LaneThread me(*ring_.a, *client_, 0, lane);
    me.Open();
    while (ready_.load() < kLanes) std::this_thread::yield();
    EchoClient echo(me.stack());
    while (!echo.React()) me.Turn();
    if (!echo.good()) good_ = false;
    done_.fetch_add(1);
    while (done_.load() < kLanes) me.Turn();
    // Whoever sees the change afterwards has it within one turn.
    if (lane == 0) {
      me.stack().network().neighbors().OnAdvertisement(0, Address(1), new_mac, true, true, false,
                                                       me.stack().now());
      me.Turn();
      moved_.store(true, std::memory_order_release);
    } else {
      while (!moved_.load(std::memory_order_acquire)) me.Turn();
      me.Turn();
    }
    const arp::Neighbor* const n = me.stack().network().neighbors().Get(0, Address(1));
    if (n == nullptr || n->mac != new_mac) good_ = false;
    me.Close();
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kLanes; ++i) {
    threads.emplace_back([this, i] { Serve(i); });
    threads.emplace_back([&ask, i] { ask(i); });
  }
  for (size_t i = 0; i < kLanes; ++i) threads[2 * i + 1].join();
  stop_ = true;
  for (size_t i = 0; i < kLanes; ++i) threads[2 * i].join();
  EXPECT_TRUE(good_);
  EXPECT_EQ(accepted_, kLanes * kConnections);
  uint64_t forwarded = 0;
  for (size_t i = 0; i < kLanes; ++i) {
    forwarded += client_->lane(i).counters().forwarded_in.value();
    EXPECT_GT(client_->lane(i).counters().forwarded_in.value(), 0u);
  }
  EXPECT_GT(forwarded, 100u);
}

// Buckets of the server change lanes under traffic, some by its own decision, and no connection
// notices.
TEST_F(LaneThreadsTest, BucketsMoveUnderTraffic) {
  stack::LaneGroupOptions options;
  options.lanes = kLanes;
  options.rebalance.interval = std::chrono::microseconds(200);
  options.rebalance.min_packets = 1;
  options.rebalance.start = 1.01;
  server_ = std::make_unique<stack::LaneGroup>(options);
  std::atomic<size_t> asked{0};
  const auto ask = [&](size_t lane) {
    LaneThread me(*ring_.a, *client_, 0, lane);
    me.Open();
    while (ready_.load() < kLanes) std::this_thread::yield();
    const auto& moves = server_->lane(0).counters().bucket_moves;
    for (int round = 0; round < 3 || (moves.value() == 0 && round < 20); ++round) {
      asked.fetch_add(kConnections);
      EchoClient echo(me.stack());
      while (!echo.React()) me.Turn();
      if (!echo.good()) good_ = false;
    }
    done_.fetch_add(1);
    while (done_.load() < kLanes) me.Turn();
    me.Close();
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kLanes; ++i) {
    threads.emplace_back([this, i] { Serve(i); });
    threads.emplace_back([&ask, i] { ask(i); });
  }
  // Lane 1's all become lane 0's, which then has too many. A bucket that moved is left alone, as
  // lane 0 does.
  for (size_t bucket = 1; done_.load() < kLanes; bucket += 2) {
    server_->ChangeSteering([&](stack::Steering& s) {
      const size_t b = bucket % s.table().size();
      if (!s.Previous(b)) s.MoveBucket(b, 0);
    });
    std::this_thread::yield();
  }
  for (size_t i = 0; i < kLanes; ++i) threads[2 * i + 1].join();
  stop_ = true;
  for (size_t i = 0; i < kLanes; ++i) threads[2 * i].join();
  EXPECT_TRUE(good_);
  EXPECT_EQ(accepted_, asked);
  EXPECT_GT(server_->lane(0).counters().bucket_moves.value(), 0u);
  for (size_t i = 0; i < kLanes; ++i) {
    EXPECT_GT(server_->lane(i).counters().forwarded_in.value(), 0u) << "lane " << i;
  }
}

// Three lanes behind one queue: lane 0 polls for the others and sends for them.
TEST_F(LaneThreadsTest, OneQueueForThreeLanes) {
  constexpr size_t kServers = 3;
  driver::RingOptions ring;
  ring.threads = true;
  ring_ = driver::MakeRingPair(ring);
  stack::LaneGroupOptions options;
  options.lanes = 1;
  client_ = std::make_unique<stack::LaneGroup>(options);
  options.lanes = kServers;
  options.queues = 1;
  options.forward_ring = 64;
  server_ = std::make_unique<stack::LaneGroup>(options);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kServers; ++i) threads.emplace_back([this, i] { Serve(i); });
  LaneThread me(*ring_.a, *client_, 0, 0);
  me.Open();
  while (ready_.load() < kServers) std::this_thread::yield();
  {
    EchoClient first(me.stack());
    EchoClient second(me.stack());
    while (!first.React() || !second.React()) me.Turn();
    EXPECT_TRUE(first.good() && second.good());
  }
  stop_ = true;
  for (std::thread& thread : threads) thread.join();
  me.Close();
  EXPECT_EQ(accepted_, 2 * kConnections);
  for (size_t i = 1; i < kServers; ++i) {
    EXPECT_GT(server_->lane(i).counters().forwarded_in.value(), 0u);
    EXPECT_GT(server_->lane(i).counters().carried_out.value(), 0u);
  }
  EXPECT_GT(server_->lane(0).counters().carried_in.value(), 0u);
}

}  // namespace
}  // namespace corelane::testing
