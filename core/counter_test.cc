#include "core/counter.h"

#include <thread>

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(Counter, OneWriterManyReaders) {
  Counter counter;
  EXPECT_EQ(counter.value(), 0u);
  counter.Increment();
  counter.Increment(41);
  EXPECT_EQ(counter.value(), 42u);
  std::thread reader([&] {
    uint64_t last = 0;
    for (int i = 0; i < 10000; ++i) {
      const uint64_t value = counter.value();
      EXPECT_GE(value, last);
      last = value;
    }
  });
  for (int i = 0; i < 10000; ++i) counter.Increment();
  reader.join();
  EXPECT_EQ(counter.value(), 10042u);
}

}  // namespace
}  // namespace corelane
