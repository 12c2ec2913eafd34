// What the fields around a form's parts say (RFC 7578 §4, RFC 2046 §5.1).

#ifndef CORELANE_HTTP_MULTIPART_DISPOSITION_H_
#define CORELANE_HTTP_MULTIPART_DISPOSITION_H_

#include <optional>
#include <string>
#include <string_view>

namespace corelane::http {

// The boundary of a Content-Type multipart/form-data. Nothing: another type, or a boundary that is
// missing, longer than 70 bytes or has others than RFC 2046's.
std::optional<std::string> ParseMultipartBoundary(std::string_view content_type);

// Content-Disposition: form-data. As browsers write it: in quotes, \" and \\ are escapes and other
// backslashes are themselves (of old Windows paths), and %22, %0D and %0A stand for what they say.
// filename* is not allowed in forms and not looked at (§4.2).
struct FormDisposition {
  std::string name;
  std::optional<std::string> filename;
};
// Nothing: another disposition, no name, a parameter twice, or malformed.
std::optional<FormDisposition> ParseFormDisposition(std::string_view value);

// What of a client's file name is safe as a name in a directory of yours: the part behind the last
// slash or backslash, without control characters; empty where that is nothing, "." or "..". It may
// still be the name of a file that is there.
std::string SafeFilename(std::string_view filename);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MULTIPART_DISPOSITION_H_
