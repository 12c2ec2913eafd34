#include "http/h1/chunked.h"

#include <gtest/gtest.h>

#include <string>

#include "http/h1/parser_harness.h"

namespace corelane::http::testing {
namespace {

TEST(ChunkedDecoder, DecodesAndLeavesWhatFollows) {
  const std::string body = "5\r\nhello\r\n1\r\n \r\nA;x\r\n0123456789\r\n0\r\n\r\n";
  const ParsedStream stream = ParseChunked(body + "NEXT", WholeStream());
  EXPECT_EQ(stream.error, ParseError::kNone);
  EXPECT_TRUE(stream.messages[0].complete);
  EXPECT_EQ(stream.messages[0].body, "hello 0123456789");
  EXPECT_EQ(stream.consumed, body.size());
}

TEST(ChunkedDecoder, DataIsASliceOfTheInput) {
  const std::string_view in = "5\r\nhello\r\n";
  ChunkedDecoder decoder;
  decoder.Start();
  const BodyStep step = decoder.Decode(in);
  EXPECT_EQ(step.data.data(), in.data() + 3);
  EXPECT_EQ(step.data, "hello");
  EXPECT_EQ(step.consumed, 8u);
}

TEST(ChunkedDecoder, TruncatedAtEveryLengthIsIncomplete) {
  const std::string body = "5;ext=\"q\\\"\"\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (size_t size = 0; size < body.size(); ++size) {
    const ParsedStream stream = ParseChunked(body.substr(0, size), Pieces(1));
    EXPECT_EQ(stream.error, ParseError::kNone) << size;
    EXPECT_FALSE(stream.messages[0].complete) << size;
  }
  EXPECT_TRUE(ParseChunked(body, Pieces(1)).messages[0].complete);
}

TEST(ChunkedDecoder, BlanksAreAllowedAroundExtensionsOnly) {
  EXPECT_EQ(ParseChunked("1 ; a = b\r\nx\r\n0\r\n\r\n", WholeStream()).error, ParseError::kNone);
  EXPECT_EQ(ParseChunked("1 \r\nx\r\n0\r\n\r\n", WholeStream()).error, ParseError::kBadChunkSize);
  EXPECT_EQ(ParseChunked("1 2\r\nx\r\n0\r\n\r\n", WholeStream()).error, ParseError::kBadChunkSize);
}

TEST(ChunkedDecoder, ExtensionsAreBoundedPerChunkAndInTotal) {
  const auto chunk = [](size_t extension) {
    return "1;" + std::string(extension - 1, 'e') + "\r\nx\r\n";
  };
  const size_t most = ChunkedDecoder::kMaxExtensionBytes;
  EXPECT_EQ(ParseChunked(chunk(most) + "0\r\n\r\n", WholeStream()).error, ParseError::kNone);
  EXPECT_EQ(ParseChunked(chunk(most + 1) + "0\r\n\r\n", WholeStream()).error,
            ParseError::kChunkExtensionsTooLong);
  std::string many;
  for (size_t i = 0; i <= ChunkedDecoder::kMaxTotalExtensionBytes / most; ++i) many += chunk(most);
  EXPECT_EQ(ParseChunked(many + "0\r\n\r\n", WholeStream()).error,
            ParseError::kChunkExtensionsTooLong);
}

TEST(ChunkedDecoder, TrailersAreBounded) {
  std::string many = "0\r\n";
  for (size_t i = 0; i <= ChunkedDecoder::kMaxTrailers; ++i) many += "X: y\r\n";
  EXPECT_EQ(ParseChunked(many + "\r\n", WholeStream()).error, ParseError::kTooManyFields);
  const std::string large =
      "0\r\nX: " + std::string(ChunkedDecoder::kMaxTrailerBytes, 'x') + "\r\n\r\n";
  EXPECT_EQ(ParseChunked(large, WholeStream()).error, ParseError::kHeadTooLarge);
  EXPECT_EQ(ParseChunked(large, Pieces(1)).error, ParseError::kHeadTooLarge);
}

TEST(BodyDecoder, CountsALengthDown) {
  BodyDecoder decoder;
  decoder.Start({BodyKind::kLength, 5});
  BodyStep step = decoder.Decode("he");
  EXPECT_EQ(step.data, "he");
  EXPECT_FALSE(decoder.done());
  EXPECT_EQ(decoder.left(), 3u);
  step = decoder.Decode("lloNEXT");
  EXPECT_EQ(step.data, "llo");
  EXPECT_EQ(step.consumed, 3u);
  EXPECT_TRUE(decoder.done());
  decoder.Start({BodyKind::kLength, 0});
  EXPECT_TRUE(decoder.done());
  decoder.Start({});
  EXPECT_TRUE(decoder.done());
}

}  // namespace
}  // namespace corelane::http::testing
