#include "driver/dpdk/lcore.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "driver/dpdk/mempool.h"
#include "driver/dpdk/test_eal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The CPUs that this process may use: the first and the last may be the same one.
std::vector<int> Cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> out;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  }
  return out;
}

const absl::Status kBeforeTheEal = LcoreTask::Launch(1, [] { return 0; }).status();
const std::vector<int> kCpus = Cpus();
// Three lcores on however many CPUs there are.
[[maybe_unused]] const auto* const kEal = StartTestEal(
    EalBuilder().Lcores("(0-1)@(" + std::to_string(kCpus.front()) + "," +
                        std::to_string(kCpus.back()) + "),4@" + std::to_string(kCpus.back())));

std::string ErrorOf(unsigned lcore) {
  const auto task = LcoreTask::Launch(lcore, [] { return 0; });
  EXPECT_FALSE(task.ok());
  return std::string(task.status().message());
}

TEST(Lcore, NeedsAnEal) { EXPECT_EQ(kBeforeTheEal.message(), "lcore: no EAL is running"); }

TEST(Lcore, AllAreListed) {
  const auto lcores = Lcores();
  ASSERT_EQ(lcores.size(), 3u);
  EXPECT_EQ(lcores[0].id, 0u);
  EXPECT_EQ(lcores[1].id, 1u);
  EXPECT_EQ(lcores[2].id, 4u);
  EXPECT_TRUE(lcores[0].is_main);
  EXPECT_FALSE(lcores[1].is_main);
  EXPECT_FALSE(lcores[1].is_ours);
  EXPECT_EQ(lcores[1].cpus.front(), kCpus.front());
  EXPECT_EQ(lcores[1].cpus.back(), kCpus.back());
  EXPECT_THAT(lcores[2].cpus, ElementsAre(kCpus.back()));
  EXPECT_EQ(lcores[2].socket, 0u);
  EXPECT_EQ(ThisLcore(), 0u);
}

TEST(LcoreTask, RunsThereAndReturns) {
  std::optional<unsigned> ran_on;
  auto task = LcoreTask::Launch(4, [&ran_on] {
    ran_on = ThisLcore();
    return 42;
  });
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->lcore(), 4u);
  EXPECT_EQ(task->Wait(), 42);
  EXPECT_EQ(ran_on, 4u);
}

TEST(LcoreTask, AnLcoreRunsOneAtATime) {
  std::atomic<bool> stop = false;
  auto task = LcoreTask::Launch(1, [&stop] {
    while (!stop) std::this_thread::yield();
    return 1;
  });
  ASSERT_TRUE(task.ok());
  const auto second = LcoreTask::Launch(1, [] { return 2; });
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("lcore 1: it runs something"));
  auto other = LcoreTask::Launch(4, [&stop] {
    stop = true;
    return 3;
  });
  EXPECT_EQ(other->Wait(), 3);
  EXPECT_EQ(task->Wait(), 1);
  EXPECT_EQ(LcoreTask::Launch(1, [] { return 4; })->Wait(), 4);
}

TEST(LcoreTask, ItsDestructorWaits) {
  int ran = 0;
  {
    auto a = LcoreTask::Launch(1, [&ran] { return ++ran; });
    const LcoreTask moved = *std::move(a);
  }
  EXPECT_EQ(ran, 1);
}

TEST(LcoreTask, ErrorsNameTheLcore) {
  EXPECT_EQ(ErrorOf(9), "lcore: value '9': EAL has none: expected one of 1,4");
  EXPECT_EQ(ErrorOf(100000), "lcore: value '100000': EAL has none: expected one of 1,4");
  EXPECT_EQ(ErrorOf(0), "lcore: value '0': the main one, which launches: expected one of 1,4");
}

TEST(ThisThreadAsLcore, IsOneUntilItIsDestroyed) {
  std::thread([] {
    EXPECT_EQ(ThisLcore(), std::nullopt);
    {
      auto a = ThisThreadAsLcore::Register();
      ASSERT_TRUE(a.ok()) << a.status();
      const ThisThreadAsLcore moved = *std::move(a);
      const auto id = ThisLcore();
      ASSERT_TRUE(id.has_value());
      const auto lcores = Lcores();
      ASSERT_EQ(lcores.size(), 4u);
      const auto found = std::find_if(lcores.begin(), lcores.end(),
                                      [&](const LcoreInfo& lcore) { return lcore.id == *id; });
      ASSERT_NE(found, lcores.end());
      EXPECT_TRUE(found->is_ours);
      EXPECT_THAT(ErrorOf(*id), HasSubstr("a thread that EAL did not create"));
    }
    EXPECT_EQ(ThisLcore(), std::nullopt);
  }).join();
  EXPECT_EQ(Lcores().size(), 3u);
}

TEST(ThisThreadAsLcore, WhatIsOneStaysIt) {
  const absl::Status status = ThisThreadAsLcore::Register().status();
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_EQ(status.message(), "lcore: this thread is lcore 0 already");
}

TEST(BecomeLcore, LastsAsLongAsTheThread) {
  std::thread([] {
    BecomeLcore();
    const auto id = ThisLcore();
    EXPECT_TRUE(id.has_value());
    BecomeLcore();
    EXPECT_EQ(ThisLcore(), id);
  }).join();
  EXPECT_EQ(Lcores().size(), 3u);
  BecomeLcore();
  EXPECT_EQ(ThisLcore(), 0u);
}

// What a thread has freed waits in its own cache, and is counted as there.
TEST(BecomeLcore, GivesAThreadAMempoolCache) {
  const auto pool = Mempool::Create({.mbufs = 255, .cache = 32});
  ASSERT_TRUE(pool.ok()) << pool.status();
  std::thread([&] {
    EXPECT_EQ(rte_mempool_default_cache((*pool)->get(), rte_lcore_id()), nullptr);
    BecomeLcore();
    rte_mempool_cache* const cache = rte_mempool_default_cache((*pool)->get(), rte_lcore_id());
    ASSERT_NE(cache, nullptr);
    rte_pktmbuf_free(rte_pktmbuf_alloc((*pool)->get()));
    EXPECT_GT(cache->len, 0u);
  }).join();
  EXPECT_EQ((*pool)->available(), 255u);
}

TEST(SetAffinity, BindsTheThread) {
  std::thread([] {
    const auto registered = ThisThreadAsLcore::Register();
    const std::vector<int> one = {kCpus.back()};
    ASSERT_TRUE(SetAffinity(one).ok());
    EXPECT_EQ(sched_getcpu(), kCpus.back());
    for (const LcoreInfo& lcore : Lcores()) {
      if (lcore.id == ThisLcore()) {
        EXPECT_EQ(lcore.cpus, one);
      }
    }
  }).join();
}

TEST(SetAffinity, ErrorsNameTheCpu) {
  EXPECT_EQ(SetAffinity(std::vector{-1}).message(),
            "affinity: value '-1': expected a CPU from 0 to 1023");
  EXPECT_THAT(std::string(SetAffinity(std::vector{1000, 1001}).message()),
              HasSubstr("affinity: value '1000,1001': expected CPUs that this machine has"));
}

}  // namespace
}  // namespace corelane::driver::dpdk
