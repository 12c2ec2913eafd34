// Content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878) as streams of bytes.

#ifndef CORELANE_HTTP_COMPRESS_ENCODER_H_
#define CORELANE_HTTP_COMPRESS_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace corelane::http {

enum class Coding : uint8_t { kZstd, kBrotli, kGzip };
inline constexpr size_t kCodingCount = 3;

// "zstd", "br", "gzip".
std::string_view CodingName(Coding coding);

// The levels that MakeEncoder takes.
struct LevelRange {
  int least;
  int most;
};
LevelRange LevelsOf(Coding coding);

class Encoder {
 public:
  enum class Until : uint8_t {
    kFull,   // As much as the encoder needs: what it holds back comes later.
    kFlush,  // What went in can be decoded to its end.
    kEnd,    // And nothing follows.
  };
  struct Step {
    size_t written = 0;
    bool done = false;    // All of `in` is taken, and for kFlush and kEnd all is written.
    bool failed = false;  // Out of memory.
  };

  virtual ~Encoder() = default;
  // Takes a prefix of `in`, which it moves behind it, and fills a prefix of `out`. Once begun,
  // kFlush and kEnd are repeated until done.
  virtual Step Encode(std::string_view& in, std::span<char> out, Until until) = 0;
  // Ready for another stream.
  virtual void Reset() = 0;
};

// Null: out of memory. `level` is in LevelsOf(coding).
std::unique_ptr<Encoder> MakeEncoder(Coding coding, int level);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_COMPRESS_ENCODER_H_
