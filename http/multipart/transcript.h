// All that a parser tells of a body, as one text.

#ifndef CORELANE_HTTP_MULTIPART_TRANSCRIPT_H_
#define CORELANE_HTTP_MULTIPART_TRANSCRIPT_H_

#include <algorithm>
#include <string>
#include <string_view>

#include "http/multipart/parser.h"

namespace corelane::http {

// "name(filename)<type>[data]..." and the error's reason, if there is one. The body comes in pieces
// of `piece` bytes, each in memory of its own.
inline std::string MultipartTranscript(std::string_view body, size_t piece,
                                       const MultipartLimits& limits = MultipartLimits(),
                                       std::string_view boundary = "b") {
  MultipartParser parser(boundary, limits);
  std::string text;
  while (!body.empty()) {
    const std::string own(body.substr(0, piece));
    body.remove_prefix(own.size());
    std::string_view left = own;
    for (bool more = true; more;) {
      const MultipartStep step = parser.Next(left);
      switch (step.event) {
        case MultipartEvent::kNeedMore:
          more = false;
          break;
        case MultipartEvent::kPart:
          text += parser.head().name;
          if (parser.head().filename) text += "(" + *parser.head().filename + ")";
          text += "<" + parser.head().content_type + ">[";
          break;
        case MultipartEvent::kData:
          text += step.data;
          break;
        case MultipartEvent::kPartEnd:
          text += "]";
          break;
        case MultipartEvent::kEnd:
          more = false;
          break;
        case MultipartEvent::kError:
          return text + "!" + std::string(Reason(parser.error()));
      }
    }
  }
  const MultipartError error = parser.Finish();
  return error == MultipartError::kNone ? text : text + "!" + std::string(Reason(error));
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MULTIPART_TRANSCRIPT_H_
