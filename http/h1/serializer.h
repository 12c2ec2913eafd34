// Writes HTTP/1.1 heads and chunks into a buffer (RFC 9112). No clock: the caller gives the Date.
//
// What could split a message is refused here, once for all callers: names must be tokens, values
// must not hold CR, LF, NUL or other controls (RFC 9110 §5.5).

#ifndef CORELANE_HTTP_H1_SERIALIZER_H_
#define CORELANE_HTTP_H1_SERIALIZER_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/wire/buffer.h"

namespace corelane::http {

// The phrase of RFC 9110 §15; "Unknown" for a number that has none. Static storage.
std::string_view ReasonPhrase(int status);

// IMF-fixdate (RFC 9110 §5.6.7), formatted again only when the second changes.
class DateCache {
 public:
  std::string_view At(int64_t unix_seconds);

 private:
  int64_t second_ = INT64_MIN;
  std::array<char, 29> text_{};
};

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// "HTTP/1.1 200 OK\r\n". A status outside 100..999 is written as 500.
void AppendStatusLine(int status, Buffer& out);

// False, with nothing written, unless the target is made of target characters.
bool AppendRequestLine(std::string_view method, std::string_view target, Buffer& out);

// "name: value\r\n". False, with nothing written, when either could break out of its line.
bool AppendField(std::string_view name, std::string_view value, Buffer& out);
bool AppendField(std::string_view name, std::string_view value, std::string& out);
void AppendContentLength(uint64_t length, Buffer& out);

// A chunk's size line has a fixed width, so that it can be written before the size is known:
// reserve kChunkPrefix bytes, fill in the data, then call WriteChunkPrefix, then append CRLF.
inline constexpr size_t kChunkPrefix = 8;
inline constexpr size_t kMaxChunk = 0xffffff;
void WriteChunkPrefix(size_t size, char* at);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_SERIALIZER_H_
