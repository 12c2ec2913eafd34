// What a session announces, what it endures, and what it counts.

#ifndef CORELANE_HTTP_H2_OPTIONS_H_
#define CORELANE_HTTP_H2_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "http/h2/rate_limit.h"

namespace corelane::h2 {

struct SessionOptions {
  // Announced in SETTINGS (RFC 9113 §6.5.2). A stream beyond the number is reset with
  // REFUSED_STREAM, whether its client has seen the SETTINGS or not, and the connection goes on
  // (§5.1.2), as long as these resets stay within `resets`.
  uint32_t max_concurrent_streams = 100;
  uint32_t initial_window_size = 256 << 10;      // Of each stream.
  uint32_t connection_window_size = 1024 << 10;  // Raised by WINDOW_UPDATE right after SETTINGS.
  uint32_t max_frame_size = 16384;
  // Of names, values and 32 for each field. A message beyond it is reset with ENHANCE_YOUR_CALM.
  uint32_t max_header_list_size = 64 << 10;
  // A server takes extended CONNECT (RFC 8441).
  bool enable_connect_protocol = false;
  // A server that has sent all of its response before the request has ended resets the stream with
  // NO_ERROR (RFC 9113 §8.1), so that a body that nobody reads holds nothing.
  bool reset_after_response = true;

  // How many bytes Stream-wise Write takes before it says "full".
  size_t send_buffer_size = 64 << 10;
  // Output gathers about so many bytes at a time.
  size_t output_size = 64 << 10;

  // A peer beyond one of these gets GOAWAY with ENHANCE_YOUR_CALM.
  uint32_t max_continuations = 8;   // Of one field block (CVE-2024-27316).
  size_t max_queued_frames = 1000;  // Answers that wait because the peer does not read.
  // Streams that the peer resets, or makes us reset by breaking rules (CVE-2023-44487,
  // CVE-2025-8671).
  RateLimit resets{1000, 33};
  RateLimit pings{1000, 100};
  RateLimit settings{100, 10};
  // Frames of no use: empty DATA, HEADERS and CONTINUATION that end nothing, PRIORITY, unknown
  // types.
  RateLimit useless_frames{1000, 100};
};

// Written by the session's thread; any number of sessions of that thread may share one.
struct SessionStats {
  uint64_t sessions = 0;
  uint64_t streams = 0;            // Opened by either side.
  uint64_t refused_streams = 0;    // Beyond max_concurrent_streams.
  uint64_t malformed = 0;          // Messages that were answered with a reset (RFC 9113 §8.1.1).
  uint64_t oversized_headers = 0;  // Beyond max_header_list_size.
  uint64_t connection_errors = 0;  // GOAWAY sent with an error, those below included.
  uint64_t reset_floods = 0;
  uint64_t ping_floods = 0;
  uint64_t settings_floods = 0;
  uint64_t useless_frame_floods = 0;
  uint64_t continuation_floods = 0;
  uint64_t output_floods = 0;
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_OPTIONS_H_
