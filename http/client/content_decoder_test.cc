#include "http/client/content_decoder.h"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>

namespace corelane::http {
namespace {

using Status = ContentDecoder::Step::Status;

std::string Deflate(std::string_view text, int bits) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string Gzip(std::string_view text) { return Deflate(text, MAX_WBITS + 16); }

std::string Encode(std::string_view coding, const std::string& text) {
  if (coding == "gzip") return Gzip(text);
  if (coding == "deflate") return Deflate(text, MAX_WBITS);
  std::string out(text.size() + 1024, '\0');
  size_t size = out.size();
  if (coding == "br") {
    BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE, text.size(),
                          reinterpret_cast<const uint8_t*>(text.data()), &size,
                          reinterpret_cast<uint8_t*>(out.data()));
  } else {
    size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  }
  out.resize(size);
  return out;
}

// In pieces of `in`, with room for `out` each time; "!" is added for an error, "?" where it is not
// complete.
std::string Decode(ContentDecoder& decoder, std::string_view bytes, size_t in, size_t out) {
  std::string all;
  std::string room(out, '\0');
  bool ended = false;
  std::string_view piece;
  for (;;) {
    const auto step = decoder.Decode(piece, room);
    piece.remove_prefix(step.consumed);
    all.append(room, 0, step.produced);
    if (step.status == Status::kError) return all + "!";
    if (step.consumed + step.produced > 0) {
      ended = step.status == Status::kEnd;
      continue;
    }
    if (bytes.empty()) return ended ? all : all + "?";
    piece = bytes.substr(0, in);
    bytes.remove_prefix(piece.size());
  }
}

std::string Sample() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i * i) + "\n";
  return text;
}

TEST(ContentDecoder, EveryCodingInAnyPieces) {
  const std::string text = Sample();
  for (const std::string_view coding : {"gzip", "deflate", "br", "zstd"}) {
    const std::string bytes = Encode(coding, text);
    EXPECT_LT(bytes.size(), text.size() / 2);
    for (const size_t in : {size_t{1}, size_t{100}, size_t{1} << 20}) {
      for (const size_t out : {size_t{7}, size_t{16384}}) {
        const auto decoder = ContentDecoder::For(coding);
        ASSERT_NE(decoder, nullptr);
        EXPECT_EQ(Decode(*decoder, bytes, in, out), text) << coding << in;
      }
    }
  }
}

TEST(ContentDecoder, ATruncationAnywhereIsSeen) {
  const std::string text = "some text, some more text, and some more";
  for (const std::string_view coding : {"gzip", "deflate", "br", "zstd"}) {
    const std::string bytes = Encode(coding, text);
    for (size_t size = 1; size < bytes.size(); ++size) {
      const auto decoder = ContentDecoder::For(coding);
      const std::string got = Decode(*decoder, std::string_view(bytes).substr(0, size), 64, 64);
      EXPECT_TRUE(got.ends_with("?") || got.ends_with("!")) << coding << size;
    }
  }
}

TEST(ContentDecoder, RubbishIsAnError) {
  for (const std::string_view coding : {"gzip", "br", "zstd"}) {
    const auto decoder = ContentDecoder::For(coding);
    EXPECT_TRUE(Decode(*decoder, "this is no such thing at all, is it", 64, 64).ends_with("!"));
  }
}

TEST(ContentDecoder, RawDeflateAsSomeServersSendIt) {
  const auto decoder = ContentDecoder::For("deflate");
  EXPECT_EQ(Decode(*decoder, Deflate(Sample(), -MAX_WBITS), 100, 100), Sample());
}

TEST(ContentDecoder, SeveralMembersAndWhatFollows) {
  const auto decoder = ContentDecoder::For("gzip");
  EXPECT_EQ(Decode(*decoder, Gzip("hello ") + Gzip("world"), 3, 64), "hello world");
}

TEST(ContentDecoder, ListsAreUndoneBackwards) {
  const std::string text = Sample();
  const auto decoder = ContentDecoder::For("br, gzip");
  ASSERT_NE(decoder, nullptr);
  EXPECT_EQ(Decode(*decoder, Gzip(Encode("br", text)), 100, 1000), text);
}

TEST(ContentDecoder, UnknownOnesAreLeftAlone) {
  for (const std::string_view coding : {"", "identity", "compress", "gzip, br, gzip", "x, gzip"}) {
    EXPECT_EQ(ContentDecoder::For(coding), nullptr) << coding;
  }
  EXPECT_NE(ContentDecoder::For("X-GZIP"), nullptr);
}

}  // namespace
}  // namespace corelane::http
