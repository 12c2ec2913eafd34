// Files, or parts of them, as bodies of responses.

#ifndef CORELANE_HTTP_FILES_BODY_H_
#define CORELANE_HTTP_FILES_BODY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/files/store.h"
#include "http/message.h"
#include "http/semantics/range.h"

namespace corelane::http::files {

// A run of text, then a run of the file. Either may be empty.
struct BodyPart {
  std::string text;
  std::optional<ByteRange> range;
};

// The parts one after the other. Reads the file by pread() in the engine's pieces, on its thread;
// fails when the file has become shorter.
std::unique_ptr<BodySource> MakeBody(std::shared_ptr<const File> file, std::vector<BodyPart> parts);

// multipart/byteranges (RFC 9110 §14.6).
std::vector<BodyPart> MakeByteRanges(const std::vector<ByteRange>& ranges, uint64_t size,
                                     std::string_view content_type, std::string_view boundary);

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_BODY_H_
