#include "grpc/wire/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "grpc/wire/compression.h"

namespace corelane::grpc {
namespace {

using ::testing::ElementsAre;
using Event = MessageReader::Event;

std::string Frame(std::string_view bytes, bool compressed = false) {
  std::string frame(kFramePrefix, '\0');
  WriteFramePrefix(compressed, bytes.size(), frame.data());
  return frame.append(bytes);
}

// The messages of `bytes`, then how it ended.
std::vector<std::string> Read(MessageReader& reader, std::string_view bytes, size_t piece) {
  std::vector<std::string> got;
  for (;;) {
    std::string_view input = bytes.substr(0, piece);
    bytes.remove_prefix(input.size());
    for (;;) {
      const Event event = reader.Next(input);
      if (event == Event::kNeedMore) break;
      if (event == Event::kError) {
        got.push_back(reader.status().ToString());
        return got;
      }
      got.emplace_back(reader.message());
    }
    if (bytes.empty()) break;
  }
  if (const Status end = reader.Finish(); !end.ok()) got.push_back(end.ToString());
  return got;
}
std::vector<std::string> Read(std::string_view bytes, size_t max = 1000,
                              Compression compression = Compression::kIdentity,
                              size_t piece = std::string_view::npos) {
  MessageReader reader(max);
  reader.set_compression(compression);
  return Read(reader, bytes, piece);
}

TEST(FrameTest, AnyPiecesGiveTheSameMessages) {
  const std::string large(700, 'l');
  const std::string stream = Frame("one") + Frame("") + Frame(large) + Frame("four");
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    EXPECT_THAT(Read(stream, 1000, Compression::kIdentity, piece),
                ElementsAre("one", "", large, "four"));
  }
}

TEST(FrameTest, AMessageInOnePieceIsNotCopied) {
  const std::string stream = Frame("hello");
  MessageReader reader(100);
  std::string_view input = stream;
  ASSERT_EQ(reader.Next(input), Event::kMessage);
  EXPECT_EQ(reader.message().data(), stream.data() + kFramePrefix);
}

TEST(FrameTest, EveryTruncationIsSeen) {
  const std::string stream = Frame("hello");
  EXPECT_THAT(Read(""), ElementsAre());
  for (size_t size = 1; size < stream.size(); ++size) {
    EXPECT_THAT(Read(stream.substr(0, size)),
                ElementsAre("INTERNAL: the stream ended inside of a message"));
  }
}

TEST(FrameTest, BadPrefixesAreRefusedAtOnce) {
  EXPECT_THAT(Read(std::string("\2\0\0\0\0", 5)),
              ElementsAre("INTERNAL: a message's first byte is 2, expected 0 or 1"));
  EXPECT_THAT(Read(Frame("x", true)),
              ElementsAre("INTERNAL: a message is compressed, and there is no grpc-encoding"));
  EXPECT_THAT(Read(std::string("\0\0\0\x03\xe9", 5)),
              ElementsAre("RESOURCE_EXHAUSTED: a message of 1001 bytes is over the limit, 1000"));
  EXPECT_THAT(Read(std::string("\0\xff\xff\xff\xff", 5), SIZE_MAX),
              ElementsAre("RESOURCE_EXHAUSTED: a message of 4294967295 bytes is over the limit, "
                          "2147483647"));
  MessageReader reader(10);
  std::string_view input("\2\0\0\0\0", 5);
  EXPECT_EQ(reader.Next(input), Event::kError);
  input = "\0\0\0\0\0";
  EXPECT_EQ(reader.Next(input), Event::kError);  // For good.
}

TEST(FrameTest, CompressedAndPlainMessagesMix) {
  Compressor compressor;
  for (const Compression compression : {Compression::kGzip, Compression::kDeflate}) {
    std::string a;
    std::string b;
    compressor.Compress(compression, std::string(900, 'a'), a);
    compressor.Compress(compression, "", b);
    EXPECT_LT(a.size(), 100u);
    const std::string stream = Frame(a, true) + Frame("plain") + Frame(b, true);
    for (const size_t piece : {size_t{1}, size_t{7}, stream.size()}) {
      EXPECT_THAT(Read(stream, 1000, compression, piece),
                  ElementsAre(std::string(900, 'a'), "plain", ""));
    }
    EXPECT_THAT(Read(Frame(a, true), 899, compression),
                ElementsAre("RESOURCE_EXHAUSTED: a compressed message holds more than the limit, "
                            "899 bytes"));
    EXPECT_THAT(Read(Frame(a, true), 900, compression), ElementsAre(std::string(900, 'a')));
  }
}

TEST(FrameTest, BrokenCompressionIsInternal) {
  Compressor compressor;
  std::string good;
  compressor.Compress(Compression::kGzip, "some message, some message", good);
  const std::string name(CompressionName(Compression::kGzip));
  const auto bad = ElementsAre("INTERNAL: a compressed message is no valid gzip");
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(Read(Frame(good.substr(0, size), true), 1000, Compression::kGzip), bad) << size;
  }
  EXPECT_THAT(Read(Frame(good + "x", true), 1000, Compression::kGzip), bad);
  EXPECT_THAT(Read(Frame("no gzip at all", true), 1000, Compression::kGzip), bad);
}

TEST(FrameTest, ABombIsNotInflated) {
  Compressor compressor;
  std::string bomb;
  compressor.Compress(Compression::kGzip, std::string(100 << 20, '\0'), bomb);
  std::string out;
  EXPECT_EQ(compressor.Inflate(Compression::kGzip, bomb, 1 << 20, out).code(),
            StatusCode::kResourceExhausted);
  EXPECT_LE(out.capacity(), size_t{4} << 20);
}

TEST(CompressionTest, NamesAndSets) {
  EXPECT_EQ(ParseCompression("gzip"), Compression::kGzip);
  EXPECT_EQ(ParseCompression("deflate"), Compression::kDeflate);
  EXPECT_EQ(ParseCompression("identity"), Compression::kIdentity);
  EXPECT_EQ(ParseCompression("GZIP"), std::nullopt);
  EXPECT_EQ(ParseCompression(""), std::nullopt);
  const CompressionSet set = CompressionSet::Parse("br, gzip");
  EXPECT_TRUE(set.has(Compression::kIdentity));
  EXPECT_TRUE(set.has(Compression::kGzip));
  EXPECT_FALSE(set.has(Compression::kDeflate));
  EXPECT_TRUE(CompressionSet::Parse(kAcceptEncoding).has(Compression::kDeflate));
}

}  // namespace
}  // namespace corelane::grpc
