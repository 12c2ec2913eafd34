#include "runtime/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/test_util.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;

static_assert(asio::is_executor<WorkerExecutor>::value ||
              asio::execution::is_executor<WorkerExecutor>::value);
static_assert(std::is_convertible_v<WorkerExecutor, asio::any_io_executor>);
static_assert(asio::can_require_v<WorkerExecutor, asio::execution::blocking_t::never_t>);
static_assert(asio::can_query_v<WorkerExecutor, asio::execution::context_t>);

WorkerOptions Virtual(ManualClock& clock) {
  WorkerOptions options;
  options.manual_clock = &clock;
  return options;
}

TEST(Worker, PostsRunInOrderAndDispatchRunsAtOnce) {
  ManualClock clock;
  Worker worker(Virtual(clock));
  std::vector<int> order;
  asio::post(worker.get_executor(), [&] {
    asio::post(worker.get_executor(), [&] { order.push_back(3); });
    asio::defer(worker.get_executor(), [&] { order.push_back(4); });
    asio::dispatch(worker.get_executor(), [&] { order.push_back(1); });
    order.push_back(2);
  });
  EXPECT_TRUE(worker.RunUntil([&] { return order.size() == 4; }));
  EXPECT_THAT(order, testing::ElementsAre(1, 2, 3, 4));
}

TEST(Worker, ExecutorComparesByWorkerAndBlocking) {
  Worker a;
  Worker b;
  EXPECT_EQ(a.get_executor(), a.get_executor());
  EXPECT_NE(a.get_executor(), b.get_executor());
  const auto never = asio::require(a.get_executor(), asio::execution::blocking.never);
  EXPECT_NE(a.get_executor(), never);
  EXPECT_EQ(a.get_executor(), asio::require(never, asio::execution::blocking.possibly));
  EXPECT_EQ(&asio::query(never, asio::execution::context), &a);
  EXPECT_EQ(asio::query(never, asio::execution::blocking), asio::execution::blocking.never);
}

TEST(Worker, AnyExecutorAndStrandRunOnIt) {
  ManualClock clock;
  Worker worker(Virtual(clock));
  const asio::any_io_executor any = worker.get_executor();
  const auto strand = asio::make_strand(worker.get_executor());
  int runs = 0;
  asio::post(any, [&] { ++runs; });
  asio::post(strand, [&] {
    EXPECT_TRUE(worker.get_executor().running_in_this_thread());
    ++runs;
  });
  EXPECT_TRUE(worker.RunUntil([&] { return runs == 2; }));
  EXPECT_FALSE(worker.get_executor().running_in_this_thread());
}

TEST(Worker, BoundsTheHandlersOfATurn) {
  ManualClock clock;
  WorkerOptions options = Virtual(clock);
  options.max_handlers = 10;
  Worker worker(options);
  int runs = 0;
  for (int i = 0; i < 35; ++i) asio::post(worker.get_executor(), [&] { ++runs; });
  EXPECT_TRUE(worker.RunUntil([&] { return runs == 35; }));
  EXPECT_EQ(worker.counters().turns.value(), 4u);
}

TEST(Worker, RunForEndsInVirtualTime) {
  ManualClock clock;
  Worker worker(Virtual(clock));
  const Instant start = clock.Now();
  worker.RunFor(std::chrono::hours(24));
  EXPECT_EQ(clock.Now(), start + std::chrono::hours(24));
}

TEST(Worker, ExceptionOfAHandlerLeavesRunAndTheRestGoesOn) {
  ManualClock clock;
  Worker worker(Virtual(clock));
  bool ran = false;
  asio::post(worker.get_executor(), [] { throw std::runtime_error("handler"); });
  asio::post(worker.get_executor(), [&] { ran = true; });
  EXPECT_THROW(worker.RunFor(std::chrono::seconds(1)), std::runtime_error);
  EXPECT_TRUE(worker.RunUntil([&] { return ran; }));
}

TEST(Worker, StopEndsRunAndRunMayGoOn) {
  ManualClock clock;
  Worker worker(Virtual(clock));
  int runs = 0;
  asio::post(worker.get_executor(), [&] { worker.Stop(); });
  worker.Run();
  asio::post(worker.get_executor(), [&] {
    ++runs;
    worker.Stop();
  });
  worker.Run();
  EXPECT_EQ(runs, 1);
}

TEST(Worker, PostFromAnotherThreadEndsItsSleep) {
  Worker worker;
  std::thread other([&] {
    // Each waits for the one before, so that the worker has time to fall asleep in between.
    for (int i = 0; i < 200; ++i) {
      std::future<void> ran = asio::post(worker.get_executor(), asio::use_future);
      ran.get();
    }
    worker.Stop();
  });
  worker.Run();
  other.join();
}

TEST(Worker, SleepsWhenIdleAndWakesForStop) {
  WorkerOptions options;
  options.idle_spin = Duration::zero();
  Worker worker(options);
  std::thread other([&] {
    while (worker.counters().sleeps.value() == 0) std::this_thread::yield();
    worker.Stop();
  });
  worker.Run();
  other.join();
  EXPECT_GE(worker.counters().sleeps.value(), 1u);
}

// What ASan and TSan look at: Stop() and a post touch nothing that went with the worker.
TEST(Worker, MayBeDestroyedBeforeTheCallThatEndsItHasReturned) {
  for (int i = 0; i < 500; ++i) {
    auto worker = std::make_unique<Worker>();
    std::thread other([&worker = *worker, post = i % 2 == 0] {
      if (post) {
        asio::post(worker.get_executor(), [&worker] { worker.Stop(); });
      } else {
        worker.Stop();
      }
    });
    worker->Run();
    worker.reset();
    other.join();
  }
}

TEST(Worker, ManyThreadsPost) {
  Worker worker;
  constexpr int kThreads = 4;
  constexpr int kPosts = 5000;
  int runs = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kPosts; ++i) {
        asio::post(worker.get_executor(), [&] {
          if (++runs == kThreads * kPosts) worker.Stop();
        });
      }
    });
  }
  worker.Run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs, kThreads * kPosts);
}

TEST(Worker, TwoWorkersTalk) {
  Worker a;
  Worker b;
  int hops = 0;
  std::function<void()> hop = [&] {
    if (++hops == 100) {
      a.Stop();
      b.Stop();
      return;
    }
    asio::post(hops % 2 == 0 ? a.get_executor() : b.get_executor(), hop);
  };
  asio::post(a.get_executor(), hop);
  std::thread other([&] { b.Run(); });
  a.Run();
  other.join();
  EXPECT_EQ(hops, 100);
}

TEST(Worker, DestroysWhatIsPendingUncalled) {
  auto alive = std::make_shared<int>(0);
  bool called = false;
  {
    Worker worker;
    asio::post(worker.get_executor(), [alive, &called] { called = true; });
    const auto task = [alive]() -> Task<> { co_return; };
    asio::co_spawn(worker.get_executor(), task, asio::detached);
    // A destructor that posts more.
    struct Poster {
      Worker* worker;
      std::shared_ptr<int> alive;
      Poster(Worker* w, std::shared_ptr<int> a) : worker(w), alive(std::move(a)) {}
      Poster(Poster&&) = default;
      ~Poster() {
        if (alive) asio::post(worker->get_executor(), [alive = std::move(alive)] {});
      }
      void operator()() {}
    };
    asio::post(worker.get_executor(), Poster(&worker, alive));
    EXPECT_GT(alive.use_count(), 2);
  }
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_FALSE(called);
}

TEST(Worker, InboxOutlivesItsWorker) {
  auto worker = std::make_unique<Worker>();
  const std::shared_ptr<WorkerInbox> inbox = worker->inbox();
  std::atomic<bool> stop{false};
  std::atomic<int> destroyed{0};
  // Counts what becomes of it.
  struct Posted final : PostedOp {
    explicit Posted(std::atomic<int>& destroyed) : PostedOp(&Do), destroyed(destroyed) {}
    static void Do(Op* op, bool run) {
      auto* const self = static_cast<Posted*>(op);
      EXPECT_FALSE(run);
      ++self->destroyed;
      delete self;
    }
    std::atomic<int>& destroyed;
  };
  int posted = 0;
  std::thread other([&] {
    for (; !stop; ++posted) inbox->Post(*new Posted(destroyed));
    for (int i = 0; i < 10; ++i, ++posted) inbox->Post(*new Posted(destroyed));
  });
  while (destroyed == 0) {
    worker.reset();
    std::this_thread::yield();
  }
  stop = true;
  other.join();
  EXPECT_EQ(destroyed, posted);
}

class CountingPollable : public Pollable {
 public:
  explicit CountingPollable(Instant due) : due_(due) {}
  bool Poll(Instant now) override {
    if (now < due_ || fired_) return false;
    fired_ = true;
    return true;
  }
  Instant NextDeadline() const override { return fired_ ? kNever : due_; }
  bool fired() const { return fired_; }

 private:
  Instant due_;
  bool fired_ = false;
};

TEST(Worker, DrivesPollablesAtTheirDeadlines) {
  ManualClock clock;
  Worker worker(Virtual(clock));
  CountingPollable pollable(clock.Now() + std::chrono::seconds(5));
  worker.AddPollable(pollable);
  worker.RunFor(std::chrono::seconds(4));
  EXPECT_FALSE(pollable.fired());
  worker.RunFor(std::chrono::seconds(2));
  EXPECT_TRUE(pollable.fired());
  worker.RemovePollable(pollable);
}

// Its device has no event, so an idle worker looks again every now and then.
class NappingPollable : public Pollable {
 public:
  bool Poll(Instant) override { return false; }
  std::optional<driver::WakeSource> ArmWake() override {
    return driver::WakeSource{.fd = -1, .nap = std::chrono::microseconds(100)};
  }
};

TEST(Worker, ANapThatFoundNothingIsFollowedByTheNext) {
  WorkerOptions options;
  options.idle_spin = std::chrono::milliseconds(50);
  Worker worker(options);
  NappingPollable pollable;
  worker.AddPollable(pollable);
  // In one run, for each begins with idle_spin.
  uint64_t turns = 0;
  ASSERT_TRUE(worker.RunUntil([&] {
    const uint64_t sleeps = worker.counters().sleeps.value();
    if (sleeps == 1 && turns == 0) turns = worker.counters().turns.value();
    return sleeps >= 21;
  }));
  EXPECT_LE(worker.counters().turns.value() - turns, 40u) << "it spun in between";
  worker.RemovePollable(pollable);
}

TEST(Worker, DrivesAStackThatItDoesNotOwn) {
  ManualClock clock;
  driver::RingPair ring = driver::MakeRingPair();
  stack::Stack stack(stack::StackOptions(), clock.Now());
  Worker worker(Virtual(clock));
  EXPECT_EQ(worker.default_stack(), nullptr);
  worker.AttachStack(stack);
  EXPECT_EQ(worker.default_stack(), &stack);
  worker.RunFor(std::chrono::milliseconds(1));
  EXPECT_GT(stack.turns(), 0u);
}

}  // namespace
}  // namespace corelane::runtime
