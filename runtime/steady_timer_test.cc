#include "runtime/steady_timer.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "core/random.h"
#include "runtime/test_util.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SteadyTimerTest : public testing::Test {
 protected:
  static WorkerOptions Virtual(ManualClock& clock) {
    WorkerOptions options;
    options.manual_clock = &clock;
    return options;
  }

  ManualClock clock_;
  Worker worker_{Virtual(clock_)};
};

TEST_F(SteadyTimerTest, FiresAtItsTimeAndNotBefore) {
  SteadyTimer timer(worker_.get_executor(), seconds(3));
  const Instant start = clock_.Now();
  std::optional<Instant> fired;
  timer.async_wait([&](error_code ec) {
    EXPECT_FALSE(ec);
    fired = worker_.now();
  });
  worker_.RunFor(seconds(10));
  ASSERT_TRUE(fired);
  EXPECT_GE(*fired, start + seconds(3));
  EXPECT_LT(*fired, start + seconds(3) + milliseconds(1));
}

TEST_F(SteadyTimerTest, OneThatIsExpiredCompletesButNotInside) {
  SteadyTimer timer(worker_.get_executor());
  bool fired = false;
  asio::post(worker_.get_executor(), [&] {
    timer.async_wait([&](error_code ec) { fired = !ec; });
    EXPECT_FALSE(fired);
  });
  EXPECT_TRUE(worker_.RunUntil([&] { return fired; }));
}

TEST_F(SteadyTimerTest, CancelEndsEveryWait) {
  SteadyTimer timer(worker_.get_executor(), hours(1));
  std::vector<error_code> ended;
  for (int i = 0; i < 3; ++i) timer.async_wait([&](error_code ec) { ended.push_back(ec); });
  EXPECT_EQ(timer.cancel_one(), 1u);
  EXPECT_EQ(timer.cancel(), 2u);
  EXPECT_EQ(timer.cancel(), 0u);
  worker_.RunFor(milliseconds(1));
  EXPECT_EQ(ended, std::vector<error_code>(3, asio::error::operation_aborted));
}

TEST_F(SteadyTimerTest, NewExpiryEndsWaitsOfTheOld) {
  SteadyTimer timer(worker_.get_executor(), seconds(1));
  std::vector<error_code> ended;
  timer.async_wait([&](error_code ec) { ended.push_back(ec); });
  EXPECT_EQ(timer.expires_after(seconds(2)), 1u);
  EXPECT_EQ(timer.expiry().time_since_epoch(), (clock_.Now() + seconds(2)).time_since_epoch());
  timer.async_wait([&](error_code ec) { ended.push_back(ec); });
  worker_.RunFor(seconds(3));
  EXPECT_EQ(ended, (std::vector<error_code>{asio::error::operation_aborted, error_code()}));
}

TEST_F(SteadyTimerTest, ForeverIsForever) {
  SteadyTimer timer(worker_.get_executor(), SteadyTimer::duration::max());
  bool fired = false;
  timer.async_wait([&](error_code) { fired = true; });
  worker_.RunFor(hours(24 * 365));
  EXPECT_FALSE(fired);
}

TEST_F(SteadyTimerTest, SlotCancelsOneWaitOnly) {
  SteadyTimer timer(worker_.get_executor(), seconds(1));
  asio::cancellation_signal signal;
  std::optional<error_code> first;
  std::optional<error_code> second;
  timer.async_wait(asio::bind_cancellation_slot(signal.slot(), [&](error_code ec) { first = ec; }));
  timer.async_wait([&](error_code ec) { second = ec; });
  signal.emit(asio::cancellation_type::total);
  signal.emit(asio::cancellation_type::total);
  worker_.RunFor(seconds(2));
  EXPECT_EQ(first, error_code(asio::error::operation_aborted));
  EXPECT_EQ(second, error_code());
  // The slot is free again.
  EXPECT_FALSE(signal.slot().has_handler());
}

TEST_F(SteadyTimerTest, MovesWithWaitsPending) {
  SteadyTimer timer(worker_.get_executor(), seconds(1));
  bool fired = false;
  timer.async_wait([&](error_code ec) { fired = !ec; });
  SteadyTimer other(std::move(timer));
  worker_.RunFor(seconds(2));
  EXPECT_TRUE(fired);
}

TEST_F(SteadyTimerTest, ManyFireEachAtItsTime) {
  Random random(7);
  Tasks tasks(worker_);
  const Instant start = clock_.Now();
  for (int i = 0; i < 2000; ++i) {
    const auto after = milliseconds(random.Below(100000));
    tasks.Add([this, after, start]() -> Task<> {
      SteadyTimer timer(worker_.get_executor(), after);
      co_await timer.async_wait(kAwait);
      EXPECT_GE(worker_.now(), start + after);
      EXPECT_LT(worker_.now(), start + after + milliseconds(1));
    });
  }
  EXPECT_TRUE(tasks.Finish());
}

TEST_F(SteadyTimerTest, DestructionAborts) {
  std::optional<error_code> ended;
  {
    SteadyTimer timer(worker_.get_executor(), seconds(1));
    timer.async_wait([&](error_code ec) { ended = ec; });
  }
  worker_.RunFor(milliseconds(1));
  EXPECT_EQ(ended, error_code(asio::error::operation_aborted));
}

TEST(SteadyTimer, MayOutliveItsWorker) {
  std::optional<SteadyTimer> timer;
  auto alive = std::make_shared<int>(0);
  {
    Worker worker;
    timer.emplace(worker.get_executor(), hours(1));
    timer->async_wait([alive](error_code) { FAIL() << "called after its worker's end"; });
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(SteadyTimer, EndsARealSleep) {
  Worker worker;
  const auto start = std::chrono::steady_clock::now();
  SteadyTimer timer(worker.get_executor(), milliseconds(3));
  timer.async_wait([&](error_code) { worker.Stop(); });
  worker.Run();
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(3));
}

}  // namespace
}  // namespace corelane::runtime
