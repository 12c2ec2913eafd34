// A record costs no allocation of ours. OpenSSL 3.0 makes a few small ones of its own for each,
// which are counted apart.

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <string>

#include "core/allocation_counter.h"
#include "tls/engine_pair.h"

namespace corelane::tls {
namespace {

using Status = Engine::Status;

uint64_t library_allocations = 0;

void* CountedMalloc(size_t size, const char*, int) {
  ++library_allocations;
  return std::malloc(size);
}
void* CountedRealloc(void* block, size_t size, const char*, int) {
  ++library_allocations;
  return std::realloc(block, size);
}
void PlainFree(void* block, const char*, int) { std::free(block); }

// Before anything of the library's is allocated.
const bool counts = CRYPTO_set_mem_functions(&CountedMalloc, &CountedRealloc, &PlainFree) == 1;

class AllocationTest : public ::testing::TestWithParam<Version> {};

INSTANTIATE_TEST_SUITE_P(Versions, AllocationTest,
                         ::testing::Values(Version::kTls12, Version::kTls13));

TEST_P(AllocationTest, RecordsCostNoneOfOurs) {
  ASSERT_TRUE(counts);
  if (!AllocationCounterActive()) GTEST_SKIP() << "a sanitizer allocates";
  TestSettings settings;
  settings.server.max_version = GetParam();
  EnginePair pair(settings.Server(), settings.Client());
  ASSERT_TRUE(pair.Connected());
  const std::string text(Engine::kMaxRecord, 'x');
  std::string buffer(20'000, '\0');
  const auto exchange = [&](Engine& from, Engine& to) {
    EXPECT_EQ(from.Write(text).bytes, text.size());
    while (to.Read(buffer).status != Status::kWantInput || EnginePair::Carry(from, to) > 0) {
    }
  };
  for (int i = 0; i < 5; ++i) {
    exchange(pair.client, pair.server);
    exchange(pair.server, pair.client);
  }
  const uint64_t before = AllocationsOnThisThread();
  const uint64_t library_before = library_allocations;
  for (int i = 0; i < 100; ++i) {
    exchange(pair.client, pair.server);
    exchange(pair.server, pair.client);
  }
  const uint64_t library = library_allocations - library_before;
  EXPECT_EQ(AllocationsOnThisThread() - before, library);
  EXPECT_LE(library, 200u * 4);  // 2 a record with TLS 1.2, 4 with 1.3.
}

}  // namespace
}  // namespace corelane::tls
