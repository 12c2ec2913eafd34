// multipart/form-data (RFC 7578, RFC 2046 §5.1) as a stream, sans-IO.
//
//   MultipartParser parser(boundary, limits);
//   for (std::string_view left = piece;;) {
//     const MultipartStep step = parser.Next(left);
//     switch (step.event) {
//       case MultipartEvent::kPart:     ...parser.head()...
//       case MultipartEvent::kData:     ...step.data...
//       case MultipartEvent::kPartEnd:
//       case MultipartEvent::kNeedMore: go on with the next piece, or Finish() at the end
//       case MultipartEvent::kEnd: case MultipartEvent::kError: done
//
//   preamble --boundary CRLF head CRLF CRLF data CRLF --boundary CRLF head ... CRLF --boundary--
//   epilogue
//
// How the body is cut into pieces makes no difference but to how the data is. Data is not copied:
// it points into the piece, or into the parser. Preamble and epilogue are passed over.

#ifndef CORELANE_HTTP_MULTIPART_PARSER_H_
#define CORELANE_HTTP_MULTIPART_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corelane::http {

struct MultipartLimits {
  MultipartLimits() {}

  size_t parts = 128;
  size_t head_bytes = 8 << 10;      // Of one part.
  uint64_t part_bytes = 8 << 20;    // Of one part's data.
  uint64_t total_bytes = 32 << 20;  // Of all, delimiters included.
};

struct PartHead {
  std::string name;
  std::optional<std::string> filename;      // As the client says; see SafeFilename().
  std::string content_type = "text/plain";  // RFC 7578 §4.4
  std::vector<std::pair<std::string, std::string>> fields;  // All of them, in their order.
};

enum class MultipartError : uint8_t {
  kNone,
  kDelimiter,     // Something follows the boundary in its line.
  kHead,          // A line is no field.
  kDisposition,   // Content-Disposition: form-data with a name is missing or malformed.
  kTruncated,     // The end came before the last delimiter.
  kTooManyParts,  // This one and those below: a limit.
  kHeadTooLong,
  kPartTooLong,
  kTooLong,
};
// A text for people; static storage.
std::string_view Reason(MultipartError error);
// 413 where a limit was passed, else 400.
int StatusFor(MultipartError error);

enum class MultipartEvent : uint8_t { kNeedMore, kPart, kData, kPartEnd, kEnd, kError };

struct MultipartStep {
  MultipartEvent event = MultipartEvent::kNeedMore;
  std::string_view data;  // Never empty with kData. Valid until the next call, and as `input` is.
};

class MultipartParser {
 public:
  // `boundary` as ParseMultipartBoundary() gives it.
  MultipartParser(std::string_view boundary, const MultipartLimits& limits);

  // Goes on with `input`, which is left behind what was taken. kNeedMore takes all; kEnd and kError
  // stay.
  MultipartStep Next(std::string_view& input);
  // There is no more: an error unless kEnd has been reached.
  MultipartError Finish();

  // Of the part that kPart has told.
  const PartHead& head() const { return head_; }
  MultipartError error() const { return error_; }

 private:
  enum class State : uint8_t { kPreamble, kDelimiter, kHead, kBody, kEnd, kError };

  MultipartStep Step(std::string_view& input);
  // Up to the next delimiter. True: it is behind `input` now, and there was no data before it.
  bool Scan(std::string_view& input, std::string_view& data);
  MultipartStep StepDelimiter(std::string_view& input);
  MultipartStep StepHead(std::string_view& input);
  MultipartStep StepBody(std::string_view& input);
  MultipartStep ParseHead();
  MultipartStep Fail(MultipartError error);
  void ExpectDelimiter();

  const MultipartLimits limits_;
  const std::string delimiter_;  // CRLF "--" boundary
  State state_ = State::kPreamble;
  MultipartError error_ = MultipartError::kNone;
  // How much of the delimiter the pieces before end with, and how much of that was never there: the
  // line's end before a delimiter may be that of what comes before the data.
  size_t matched_ = 0;
  size_t virtual_ = 0;
  std::string line_;  // What follows a boundary, or a head, as far as it is there.
  PartHead head_;
  size_t parts_ = 0;
  uint64_t part_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MULTIPART_PARSER_H_
