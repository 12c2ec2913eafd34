// Undoes content codings (RFC 9110 §8.4.1): gzip, deflate, br (RFC 7932) and zstd (RFC 8878).

#ifndef CORELANE_HTTP_CLIENT_CONTENT_DECODER_H_
#define CORELANE_HTTP_CLIENT_CONTENT_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace corelane::http {

inline constexpr std::string_view kAcceptedCodings = "gzip, deflate, br, zstd";

// A stream of one coding. Memory is bounded by the coding's window, whatever the stream says.
class ContentDecoder {
 public:
  struct Step {
    enum class Status : uint8_t {
      kMore,  // Give more, or more room.
      kEnd,   // The stream is complete; what follows is not part of it.
      kError,
    };
    Status status = Status::kMore;
    size_t consumed = 0;
    size_t produced = 0;
  };

  // Of a Content-Encoding field: one coding, or a list of at most two. Null: one that is unknown,
  // or nothing ("identity").
  static std::unique_ptr<ContentDecoder> For(std::string_view coding);

  virtual ~ContentDecoder() = default;
  virtual Step Decode(std::string_view in, std::span<char> out) = 0;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_CONTENT_DECODER_H_
