#include "driver/dpdk/eal.h"

#include <rte_lcore.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "driver/dpdk/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> Arguments(const EalBuilder& builder) {
  const auto arguments = builder.Arguments();
  EXPECT_TRUE(arguments.ok()) << arguments.status();
  return arguments.value_or(std::vector<std::string>());
}

std::string ErrorOf(const EalBuilder& builder) {
  const auto arguments = builder.Arguments();
  EXPECT_FALSE(arguments.ok()) << Join(*arguments, " ");
  return std::string(arguments.status().message());
}

TEST(EalArguments, DefaultsStartAnywhere) {
  const auto arguments = Arguments(EalBuilder().Memory(Hugepages::kNever));
  EXPECT_THAT(arguments,
              IsSupersetOf(std::vector<std::string>{
                  "--allow=ffff:ff:1f.7", "--no-huge", "-m", "512", "--no-shconf", "--no-telemetry",
                  "--log-level=4", Cat("--file-prefix=corelane-", getpid())}));
  EXPECT_THAT(arguments.front(), StartsWith("--lcores=0@("));
}

TEST(EalArguments, SayWhatTheBuilderWasTold) {
  const auto arguments = Arguments(EalBuilder()
                                       .Lcores("0-1")
                                       .MainLcore(1)
                                       .Memory(Hugepages::kAlways)
                                       .MemoryMegabytes(64)
                                       .InMemory()
                                       .Vdev("net_null0")
                                       .Vdev("net_tap0,iface=x")
                                       .Allow("0000:41:00.0,rx=1")
                                       .FilePrefix("lane")
                                       .LogLevel(8)
                                       .Raw({"--legacy-mem"}));
  EXPECT_THAT(arguments,
              ElementsAre("--lcores=0-1", "--main-lcore=1", "--allow=ffff:ff:1f.7", "--in-memory",
                          "-m", "64", "--file-prefix=lane", "--no-telemetry", "--log-level=8",
                          "--allow=0000:41:00.0,rx=1", "--vdev=net_null0",
                          "--vdev=net_tap0,iface=x", "--legacy-mem"));
}

TEST(EalArguments, RawOnesReplaceTheDefaults) {
  const auto arguments = Arguments(EalBuilder().Raw(
      {"-l", "1", "--no-huge", "-m", "100", "--file-prefix=mine", "-a", "0000:01:00.0"}));
  EXPECT_THAT(arguments, Not(Contains(StartsWith("--lcores"))));
  EXPECT_THAT(Arguments(EalBuilder().Raw({"--no-pci"})), Not(Contains(StartsWith("--allow"))));
  EXPECT_THAT(Arguments(EalBuilder().Raw({"-b", "0000:01:00.0"})),
              Not(Contains(StartsWith("--allow"))));
  EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "--no-huge"), 1);
  EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "-m"), 1);
  EXPECT_THAT(arguments, Not(Contains(StartsWith("--file-prefix=corelane"))));
}

TEST(EalArguments, FilesInHugepagesAreUnlinkedUnlessTheyAreShared) {
  const auto huge = [] { return EalBuilder().Memory(Hugepages::kAlways); };
  EXPECT_THAT(Arguments(huge()), Contains("--huge-unlink"));
  EXPECT_THAT(Arguments(EalBuilder().Memory(Hugepages::kNever)), Not(Contains("--huge-unlink")));
  EXPECT_THAT(Arguments(huge().InMemory()), Not(Contains("--huge-unlink")));
  EXPECT_THAT(Arguments(huge().FilePrefix("shared")), Not(Contains("--huge-unlink")));
  for (const std::string raw : {"--file-prefix=x", "--single-file-segments", "--no-huge",
                                "--in-memory", "--huge-unlink=existing"}) {
    EXPECT_THAT(Arguments(huge().Raw({raw})), Not(Contains("--huge-unlink")));
  }
}

// A folder as the kernel shows its huge pages, and a table of mounts.
TEST(Hugepages, CountWhereTheirSizeIsMounted) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "pages";
  const auto put = [&](const std::string& size, int pages) {
    std::filesystem::create_directories(folder / size);
    std::ofstream(folder / size / "free_hugepages") << pages << "\n";
  };
  put("hugepages-2048kB", 10);
  put("hugepages-1048576kB", 2);
  const std::string mounts = ::testing::TempDir() + "mounts";
  const auto bytes = [&](const std::string& table) {
    std::ofstream(mounts) << table;
    return MountedHugepageBytes(mounts, folder);
  };
  const std::string here = Cat("hugetlbfs ", ::testing::TempDir(), " hugetlbfs rw,");
  EXPECT_EQ(bytes(""), 0u);
  EXPECT_EQ(bytes(Cat(here, "relatime,pagesize=2M 0 0\n")), uint64_t{20} << 20);
  EXPECT_EQ(bytes(Cat(here, "pagesize=1024M,mode=755 0 0\n")), uint64_t{2} << 30);
  EXPECT_EQ(bytes(Cat(here, "pagesize=2048K 0 0\n", here, "pagesize=1G 0 0\n")),
            (uint64_t{2} << 30) + (uint64_t{20} << 20));
  EXPECT_EQ(bytes(Cat(here, "pagesize=16M 0 0\n")), 0u);
  EXPECT_EQ(bytes("hugetlbfs /no/such/folder hugetlbfs rw,pagesize=2M 0 0\n"), 0u);
}

TEST(EalArguments, ErrorsNameTheSetting) {
  EXPECT_EQ(ErrorOf(EalBuilder().Lcores("0-x")),
            "EAL: lcores: value '0-x': expected a list such as 0-3,8 or (0-3)@(0-1)");
  EXPECT_EQ(ErrorOf(EalBuilder().LogLevel(9)),
            "EAL: log level: value '9': expected a number from 1 to 8");
  EXPECT_EQ(ErrorOf(EalBuilder().MemoryMegabytes(1)),
            "EAL: memory: value '1': expected at least 16 megabytes");
  EXPECT_EQ(ErrorOf(EalBuilder().FilePrefix("a/b")),
            "EAL: file prefix: value 'a/b': expected a name without slashes");
  EXPECT_THAT(ErrorOf(EalBuilder().Vdev(",iface=x")), HasSubstr("vdev: value ',iface=x'"));
  EXPECT_THAT(ErrorOf(EalBuilder().Allow("")), HasSubstr("allow: value ''"));
  EXPECT_THAT(ErrorOf(EalBuilder().Memory(Hugepages::kNever).InMemory()), HasSubstr("in-memory"));
  EXPECT_THAT(ErrorOf(EalBuilder().Raw({"--help"})), HasSubstr("does not end the program"));
  EXPECT_THAT(ErrorOf(EalBuilder().Raw({"-v"})), HasSubstr("does not end the program"));
}

TEST(SplitArguments, KeepsQuotedTextTogether) {
  EXPECT_THAT(SplitArguments("  -l 0\t--vdev 'net_tap0,iface=a b' \"x\"y ''").value(),
              ElementsAre("-l", "0", "--vdev", "net_tap0,iface=a b", "xy", ""));
  EXPECT_THAT(SplitArguments("").value(), ElementsAre());
  EXPECT_THAT(std::string(SplitArguments("-l '0").status().message()), HasSubstr("another '"));
}

const EalBuilder kGood = EalBuilder().Memory(Hugepages::kNever).MemoryMegabytes(64);

// DPDK starts once a process: what fails does so in one of its own.
TEST(EalDeathTest, SaysWhatDpdkRefuses) {
  const auto start = [] {
    const auto bad = EalBuilder(kGood).Raw({"--no-such-argument"}).Start();
    std::cerr << bad.status();
    std::_Exit(Eal::IsRunning() ? 1 : 3);
  };
  EXPECT_EXIT(start(), ::testing::ExitedWithCode(3),
              "DPDK does not start with '.* --no-such-argument': .*no-such-argument");
}

TEST(Eal, StartsOnce) {
  EXPECT_FALSE(Eal::IsRunning());
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  {
    // Other threads keep their streams.
    std::atomic<bool> done = false;
    std::thread other([&, streams = std::pair(stdout, stderr)] {
      while (!done) ASSERT_EQ(std::pair(stdout, stderr), streams);
    });
    auto eal = kGood.Start();
    done = true;
    other.join();
    ASSERT_TRUE(eal.ok()) << eal.status();
    EXPECT_TRUE(Eal::IsRunning());
    EXPECT_EQ(rte_lcore_count(), 1u);
    EXPECT_EQ(rte_lcore_id(), 0u);
    cpu_set_t after;
    ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
    const auto again = kGood.Start();
    EXPECT_EQ(again.status().message(), "EAL: this process runs one already");
    const Eal moved = *std::move(eal);
    EXPECT_TRUE(Eal::IsRunning());
  }
  EXPECT_FALSE(Eal::IsRunning());
  const auto third = kGood.Start();
  EXPECT_EQ(third.status().message(), "EAL: DPDK cannot be started a second time");
}

}  // namespace
}  // namespace corelane::driver::dpdk
