#include "core/check.h"

#include <thread>

#include "core/thread_owner.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

int Kind(int value) {
  switch (value) {
    case 1:
      return 10;
    default:
      CL_UNREACHABLE();
  }
}

TEST(CheckDeathTest, NamesWhatFailed) {
  int calls = 0;
  CL_CHECK(++calls == 1);
  EXPECT_EQ(calls, 1);
  EXPECT_DEATH(CL_CHECK(calls == 2), "check_test.cc:[0-9]+: check failed: calls == 2");
  EXPECT_EQ(Kind(1), 10);
  EXPECT_DEATH(Kind(2), "unreachable");
}

TEST(CheckDeathTest, DcheckOnlyInDebugBuilds) {
  int calls = 0;
  CL_DCHECK(++calls == 1);
#ifdef NDEBUG
  EXPECT_EQ(calls, 0);
#else
  EXPECT_EQ(calls, 1);
  EXPECT_DEATH(CL_DCHECK(calls == 2), "calls == 2");
#endif
}

#ifndef NDEBUG
TEST(ThreadOwnerDeathTest, OneThreadUntilReleased) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ThreadOwner owner;
  owner.Check();
  EXPECT_DEATH(std::thread([&] { owner.Check(); }).join(), "check failed");
  owner.Release();
  std::thread([&] { owner.Check(); }).join();
  EXPECT_DEATH(owner.Check(), "check failed");
}
#endif

}  // namespace
}  // namespace corelane
