#include "http/wire/buffer.h"

#include <gtest/gtest.h>

namespace corelane::http {
namespace {

TEST(Buffer, AppendsAndConsumes) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.Append("hello ");
  buffer.Append("world");
  EXPECT_EQ(buffer.view(), "hello world");
  buffer.Consume(6);
  EXPECT_EQ(buffer.view(), "world");
  buffer.Erase(1, 4);
  EXPECT_EQ(buffer.view(), "wd");
  buffer.Consume(2);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.room(), buffer.capacity());
}

TEST(Buffer, ReusesTheFrontBeforeItGrows) {
  Buffer buffer;
  buffer.Prepare(512);
  const size_t capacity = buffer.capacity();
  for (int i = 0; i < 1000; ++i) {
    buffer.Append("0123456789");
    buffer.Append("abcdefghij");
    EXPECT_EQ(buffer.view().substr(0, 10), "0123456789");
    buffer.Consume(10);
    EXPECT_EQ(buffer.view(), "abcdefghij");
    buffer.Consume(10);
  }
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(Buffer, GrowthKeepsTheContents) {
  Buffer buffer;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    buffer.Append("0123456789");
    expected += "0123456789";
  }
  buffer.Consume(3);
  buffer.Prepare(100000);
  EXPECT_EQ(buffer.view(), expected.substr(3));
  EXPECT_GE(buffer.room(), 100000u);
}

}  // namespace
}  // namespace corelane::http
