// Static files as a handler.
//
//   ServeOptions options;
//   options.clock = &clock;
//   options.cache_control = "max-age=3600";
//   absl::StatusOr<PlainHandler> files = files::Serve("/srv/www", options);
//   router.Get("/assets/{*path}", *files);
//
// Answers GET and HEAD with what is below the directory: regular files only, by paths without empty
// names, "." and "..", NUL or encoded slashes, over no symbolic link unless told so. With
// Last-Modified and a strong ETag, conditional requests (RFC 9110 §13), byte ranges (§14), and
// compressed siblings (app.js.br, app.js.gz) where the client takes them. Whatever is not there, is
// no regular file or may not be read is a 404.
//
// Files are read by pread() on the server's thread: a disk that must be waited for holds up the
// lane. Small files that are asked for often are kept in memory (store.h); they cost no system call
// but a look a second. Not thread-safe: with several lanes, make one for each.

#ifndef CORELANE_HTTP_FILES_SERVE_H_
#define CORELANE_HTTP_FILES_SERVE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/time.h"
#include "http/files/beneath.h"
#include "http/files/store.h"
#include "http/handler.h"

namespace corelane::http::files {

struct ServeOptions {
  ServeOptions() {}

  // Of the route's pattern: "path" for /assets/{*path}.
  std::string parameter = "path";
  Symlinks symlinks = Symlinks::kRefuse;
  // Names that begin with a dot, but .well-known, which always is.
  bool hidden = false;
  // What a directory is answered with, if it is there; empty: nothing.
  std::string index = "index.html";
  // A directory without an index is answered with a list of its names, `most_listed` at most.
  bool listing = false;
  size_t most_listed = 10000;
  // Siblings with .br and .gz.
  bool precompressed = true;
  // The field's value; empty: none.
  std::string cache_control;
  // Media types by extension, before the built-in ones (mime.h): {"log", "text/plain"}.
  std::vector<std::pair<std::string, std::string>> types;
  // In one request; with more, the whole is sent. 0: no ranges.
  size_t most_ranges = 16;
  // For what is kept; outlives the handler. Null: nothing is kept, each request opens its file.
  const Clock* clock = nullptr;
  StoreLimits store;
};

// An error says what is wrong with `root`. The directory is opened here, once: a rename of it
// changes nothing.
absl::StatusOr<PlainHandler> Serve(const std::string& root,
                                   const ServeOptions& options = ServeOptions());

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_SERVE_H_
