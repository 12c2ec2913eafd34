#include "http/h1/serializer.h"

#include <gtest/gtest.h>

#include "http/h1/parser.h"

namespace corelane::http {
namespace {

TEST(Serializer, WritesAHeadThatTheParserReads) {
  Buffer out;
  AppendStatusLine(404, out);
  EXPECT_TRUE(AppendField("X-A", "b c", out));
  AppendContentLength(1234567890123u, out);
  out.Append("\r\n");
  EXPECT_EQ(out.view(),
            "HTTP/1.1 404 Not Found\r\nX-A: b c\r\nContent-Length: 1234567890123\r\n\r\n");
  ResponseParser parser;
  parser.Start(HeadLimits(), Method::kGet);
  ASSERT_EQ(parser.Parse(out.view()), ParseStatus::kDone);
  EXPECT_EQ(parser.head(out.view()).body.length, 1234567890123u);
}

TEST(Serializer, RefusesWhatCouldSplitAMessage) {
  Buffer out;
  for (const std::string& value :
       {std::string("a\r\nX: y"), std::string("a\nb"), std::string("a\rb"), std::string("\0", 1)}) {
    EXPECT_FALSE(AppendField("X", value, out));
  }
  for (const char* name : {"", "X:", "X Y", "X\r\n", "\xff"}) {
    EXPECT_FALSE(AppendField(name, "y", out));
  }
  EXPECT_FALSE(AppendRequestLine("GET", "/a b", out));
  EXPECT_FALSE(AppendRequestLine("GET", "/\r\n", out));
  EXPECT_FALSE(AppendRequestLine("GET", "", out));
  EXPECT_FALSE(AppendRequestLine("GE T", "/", out));
  EXPECT_TRUE(out.empty());
}

TEST(Serializer, WritesStatusLines) {
  const auto line = [](int status) {
    Buffer out;
    AppendStatusLine(status, out);
    return std::string(out.view());
  };
  EXPECT_EQ(line(200), "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(line(299), "HTTP/1.1 299 Unknown\r\n");
  EXPECT_EQ(line(7), "HTTP/1.1 500 Internal Server Error\r\n");
  EXPECT_EQ(line(1000), "HTTP/1.1 500 Internal Server Error\r\n");
}

TEST(Serializer, FormatsDates) {
  DateCache cache;
  EXPECT_EQ(cache.At(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");  // The example of RFC 9110.
  EXPECT_EQ(cache.At(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(cache.At(951827696), "Tue, 29 Feb 2000 12:34:56 GMT");
  EXPECT_EQ(cache.At(1735689599), "Tue, 31 Dec 2024 23:59:59 GMT");
  EXPECT_EQ(cache.At(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(cache.At(4102444800), "Fri, 01 Jan 2100 00:00:00 GMT");
}

TEST(Serializer, ChunksDecode) {
  Buffer out;
  for (const size_t size : {size_t{1}, size_t{255}, size_t{70000}}) {
    char* const at = out.Prepare(kChunkPrefix + size + 2);
    WriteChunkPrefix(size, at);
    std::memset(at + kChunkPrefix, 'x', size);
    std::memcpy(at + kChunkPrefix + size, "\r\n", 2);
    out.Commit(kChunkPrefix + size + 2);
  }
  out.Append(kLastChunk);
  BodyDecoder decoder;
  decoder.Start({BodyKind::kChunked, 0});
  size_t total = 0;
  while (!decoder.done()) {
    const BodyStep step = decoder.Decode(out.view());
    ASSERT_NE(step.status, ParseStatus::kError);
    ASSERT_GT(step.consumed, 0u);
    total += step.data.size();
    out.Consume(step.consumed);
  }
  EXPECT_EQ(total, 70256u);
}

}  // namespace
}  // namespace corelane::http
