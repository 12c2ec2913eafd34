// Decodes what the encoders write: all that can be had of a stream that may not have ended.

#ifndef CORELANE_HTTP_COMPRESS_DECODE_FOR_TEST_H_
#define CORELANE_HTTP_COMPRESS_DECODE_FOR_TEST_H_

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <string_view>

namespace corelane::http {

struct DecodedForTest {
  std::string text;
  bool ended = false;  // The stream is complete, and nothing follows.
};

// By the name of the coding. An error shows as a text that is not what it should be.
inline DecodedForTest DecodeForTest(std::string_view coding, std::string_view bytes) {
  DecodedForTest decoded;
  std::string out(4 << 20, '\0');
  if (coding == "gzip") {
    z_stream stream = {};
    inflateInit2(&stream, 15 + 16);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    decoded.ended = inflate(&stream, Z_SYNC_FLUSH) == Z_STREAM_END && stream.avail_in == 0;
    decoded.text = out.substr(0, stream.total_out);
    inflateEnd(&stream);
  } else if (coding == "br") {
    BrotliDecoderState* const state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
    size_t left = bytes.size();
    auto next_in = reinterpret_cast<const uint8_t*>(bytes.data());
    size_t room = out.size();
    auto next_out = reinterpret_cast<uint8_t*>(out.data());
    decoded.ended = BrotliDecoderDecompressStream(state, &left, &next_in, &room, &next_out,
                                                  nullptr) == BROTLI_DECODER_RESULT_SUCCESS &&
                    left == 0;
    decoded.text = out.substr(0, out.size() - room);
    BrotliDecoderDestroyInstance(state);
  } else if (coding == "zstd") {
    ZSTD_DCtx* const context = ZSTD_createDCtx();
    ZSTD_inBuffer input = {bytes.data(), bytes.size(), 0};
    ZSTD_outBuffer output = {out.data(), out.size(), 0};
    size_t left = 1;
    while (input.pos < input.size && left != 0) {
      left = ZSTD_decompressStream(context, &output, &input);
      if (ZSTD_isError(left) != 0) break;
    }
    decoded.ended = left == 0 && input.pos == input.size;
    decoded.text = out.substr(0, output.pos);
    ZSTD_freeDCtx(context);
  }
  return decoded;
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_COMPRESS_DECODE_FOR_TEST_H_
