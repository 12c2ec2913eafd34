// Media types by the ends of file names.

#ifndef CORELANE_HTTP_FILES_MIME_H_
#define CORELANE_HTTP_FILES_MIME_H_

#include <string_view>

namespace corelane::http::files {

// Of "style.css", "a/b.tar.gz". By what follows the last dot of the last name, without case; texts
// have UTF-8 as their charset. Unknown: "application/octet-stream". Static storage.
std::string_view MimeType(std::string_view path);
// What follows the last dot of the last name; empty: there is none, or the name begins with it.
std::string_view Extension(std::string_view path);

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_MIME_H_
