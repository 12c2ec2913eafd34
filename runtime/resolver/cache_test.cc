#include "runtime/resolver/cache.h"

#include <gtest/gtest.h>

#include <string>

namespace corelane::dns {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

Question Asked(std::string_view name, RecordType type = RecordType::kA) {
  return {Name::Parse(name).value(), type};
}

Answer Known(const char* address = "192.0.2.1") {
  return {AnswerKind::kAddresses, {IpAddress::Parse(address).value()}, Name()};
}

TEST(Cache, RemembersForItsTtlAndNoLonger) {
  Cache cache;
  cache.Store(Asked("a"), Known(), seconds(60), kStart);
  EXPECT_NE(cache.Find(Asked("A"), kStart + seconds(59)), nullptr);
  EXPECT_EQ(cache.Find(Asked("a", RecordType::kAaaa), kStart), nullptr);
  EXPECT_EQ(cache.Find(Asked("a"), kStart + seconds(60)), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(Cache, ZeroIsNotRemembered) {
  Cache cache;
  cache.Store(Asked("a"), Known(), seconds(60), kStart);
  cache.Store(Asked("a"), Known("192.0.2.2"), seconds(0), kStart);
  EXPECT_EQ(cache.Find(Asked("a"), kStart), nullptr);
}

TEST(Cache, TtlsAreBounded) {
  CacheOptions options;
  options.min_ttl = seconds(5);
  options.max_ttl = hours(1);
  options.max_negative_ttl = seconds(30);
  Cache cache(options);
  cache.Store(Asked("short"), Known(), seconds(0), kStart);
  cache.Store(Asked("long"), Known(), hours(100), kStart);
  cache.Store(Asked("none"), {AnswerKind::kNotFound, {}, Name()}, hours(1), kStart);
  EXPECT_NE(cache.Find(Asked("short"), kStart + seconds(4)), nullptr);
  EXPECT_NE(cache.Find(Asked("none"), kStart + seconds(29)), nullptr);
  EXPECT_EQ(cache.Find(Asked("none"), kStart + seconds(30)), nullptr);
  EXPECT_NE(cache.Find(Asked("long"), kStart + seconds(3599)), nullptr);
  EXPECT_EQ(cache.Find(Asked("long"), kStart + hours(1)), nullptr);
}

TEST(Cache, TheLeastRecentlyUsedGoes) {
  CacheOptions options;
  options.max_entries = 2;
  Cache cache(options);
  cache.Store(Asked("a"), Known(), hours(1), kStart);
  cache.Store(Asked("b"), Known(), hours(1), kStart);
  EXPECT_NE(cache.Find(Asked("a"), kStart), nullptr);
  cache.Store(Asked("c"), Known(), hours(1), kStart);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.Find(Asked("b"), kStart), nullptr);
  EXPECT_NE(cache.Find(Asked("a"), kStart), nullptr);
}

TEST(Cache, WithoutRoomNothingIsRemembered) {
  CacheOptions options;
  options.max_entries = 0;
  Cache cache(options);
  cache.Store(Asked("a"), Known(), hours(1), kStart);
  EXPECT_EQ(cache.Find(Asked("a"), kStart), nullptr);
}

}  // namespace
}  // namespace corelane::dns
