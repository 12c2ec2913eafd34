// Limits and deadlines of a server, and what it counts.

#ifndef CORELANE_HTTP_SERVER_OPTIONS_H_
#define CORELANE_HTTP_SERVER_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/time.h"
#include "http/h1/parser.h"
#include "http/h2/options.h"

namespace corelane::http {

struct ServerOptions {
  ServerOptions() {
    h2.enable_connect_protocol = true;
  }  // Not an aggregate: GCC 12 destroys aggregate temporaries in co_await twice.

  HeadLimits head;  // Of HTTP/2, h2.max_header_list_size in place of head_bytes.
  // From the first byte of a head to its last: 408, or GOAWAY.
  Duration head_timeout = std::chrono::seconds(10);
  // Between two requests: closed without an answer.
  Duration idle_timeout = std::chrono::seconds(60);
  // Clients may speak HTTP/2 without TLS by prior knowledge, and with it by ALPN.
  bool http2 = true;
  h2::SessionOptions h2;
  // A body may take this long, and then a second for each so many bytes.
  Duration body_grace = std::chrono::seconds(10);
  uint64_t body_bytes_per_second = 1024;
  // Without a byte of the response taken by the client: closed.
  Duration write_timeout = std::chrono::seconds(30);
  // So is a client that takes what waits for it at less than so many bytes a second, when it has
  // been behind for the grace, which is write_timeout at least (response_pace.h). 0: any rate will
  // do. Of HTTP/2 the streams' bodies count, all together: they wait for windows, too. What a
  // handler has not yet produced waits for nobody.
  uint64_t response_bytes_per_second = 128;
  Duration response_grace = std::chrono::seconds(30);
  // How long to wait for the client's end after ours, and how much of what it sends to swallow, so
  // that a reset does not destroy the last response (RFC 9112 §9.6).
  Duration linger_timeout = std::chrono::seconds(2);
  uint64_t linger_bytes = 1 << 20;
  // An unread body up to this size is swallowed to keep the connection; beyond it is closed.
  uint64_t drain_bytes = 256 << 10;
  // Bodies for plain handlers: 413 beyond. Coroutine handlers set their own limit as they read.
  uint64_t max_content_bytes = 1 << 20;
  // On one connection; 0: without limit.
  uint64_t max_requests = 0;
  // At a time; connections beyond are closed at once. 0: without limit.
  size_t max_connections = 0;
  // How long a stopping server waits for requests in flight.
  Duration drain_timeout = std::chrono::seconds(5);
};

// Written by the server's thread.
struct ServerStats {
  uint64_t connections = 0;
  uint64_t refused_connections = 0;
  uint64_t requests = 0;
  uint64_t responses_by_class[10] = {};  // [2] counts 2xx.
  uint64_t bad_requests = 0;             // Refused by the parser.
  uint64_t timeouts = 0;
  uint64_t aborted = 0;  // The client or the transport broke off.
  h2::SessionStats h2;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SERVER_OPTIONS_H_
