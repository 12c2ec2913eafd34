// Compresses responses: gzip, Brotli and Zstandard, as the client likes it.
//
//   router.Use(Conditional());       // inside: tags what the handlers give
//   router.Use(*http::Compress());   // outside
//
// What the client asks for in Accept-Encoding (RFC 9110 §12.5.3) decides; among its equals the
// order of CompressOptions::codings. Bodies up to `whole_bytes` are compressed at once and sent so
// if that has made them smaller; larger ones and sources are compressed as they are sent, and what
// has come so far is flushed whenever the source has nothing for now, so that events are not held
// back. A strong ETag becomes a weak one, for the bytes are others now (§8.8.1).
//
// A response that shows both a secret and what an attacker can choose lets its length tell of the
// secret (BREACH): leave such routes out, or have them say Cache-Control: no-transform.

#ifndef CORELANE_HTTP_COMPRESS_COMPRESS_H_
#define CORELANE_HTTP_COMPRESS_COMPRESS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "http/compress/encoder.h"
#include "http/middleware.h"

namespace corelane::http {

struct CompressOptions {
  CompressOptions() {}

  // What is offered, best first.
  std::vector<Coding> codings = {Coding::kZstd, Coding::kBrotli, Coding::kGzip};
  // See LevelsOf(). Higher ones cost the lane more time than they save on the wire.
  int zstd_level = 3;
  int brotli_level = 4;
  int gzip_level = 6;
  // Bodies whose length is known and smaller are sent as they are.
  size_t least_bytes = 860;  // With its head it fits into one packet.
  size_t whole_bytes = 128 << 10;
  // Media types, without parameters: "application/json", "text/*", or "*+json" by the suffix.
  // Event streams are meant only by "text/event-stream" itself.
  std::vector<std::string> types = {
      "text/*",
      "application/json",
      "*+json",
      "application/xml",
      "*+xml",
      "application/javascript",
      "application/wasm",
      "application/x-ndjson",
      "application/yaml",
      "image/bmp",
      "image/vnd.microsoft.icon",
      "font/ttf",
      "font/otf",
      "application/manifest+json",
  };
  // Encoders that are kept for the next response, of each coding: some 300 KB each.
  size_t idle_encoders = 16;
};

// Left as they are: what has a Content-Encoding, a Content-Range or Cache-Control: no-transform;
// 204, 206 and 304. An error names the option, its value and what would be right.
absl::StatusOr<Middleware> Compress(CompressOptions options = CompressOptions());

}  // namespace corelane::http

#endif  // CORELANE_HTTP_COMPRESS_COMPRESS_H_
