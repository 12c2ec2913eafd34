// The names in a directory as a page.

#ifndef CORELANE_HTTP_FILES_LISTING_H_
#define CORELANE_HTTP_FILES_LISTING_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace corelane::http::files {

struct ListingOptions {
  ListingOptions() {}

  bool hidden = false;  // Names that begin with a dot.
  size_t most = 10000;  // Further names are left out, which the page says.
};

// HTML with a link to each regular file and directory, in order; `title` is shown as it is.
// Nothing: the directory cannot be read.
std::optional<std::string> MakeListing(int directory, std::string_view title,
                                       const ListingOptions& options);

// `text` for HTML, quotes included; and as one segment of a path (RFC 3986 §2.3).
std::string EscapeHtml(std::string_view text);
std::string EncodeSegment(std::string_view text);

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_LISTING_H_
