// What a client does where the request does not say otherwise, and what it counts.

#ifndef CORELANE_HTTP_CLIENT_OPTIONS_H_
#define CORELANE_HTTP_CLIENT_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/time.h"
#include "http/client/h1_client_connection.h"
#include "http/client/h2_client_connection.h"
#include "http/client/proxy.h"
#include "tls/options.h"

namespace corelane::http {

// Zero: none.
struct ClientTimeouts {
  ClientTimeouts() {}

  Duration pool = std::chrono::seconds(30);  // In the queue for a connection.
  Duration resolve = std::chrono::seconds(5);
  Duration connect = std::chrono::seconds(10);  // Resolving and connecting together.
  Duration proxy = std::chrono::seconds(10);    // The answer to CONNECT.
  Duration tls = std::chrono::seconds(10);
  Duration write = std::chrono::seconds(30);       // Without progress in sending the request.
  Duration first_byte = std::chrono::seconds(60);  // From the request's end to the head's end.
  Duration read = std::chrono::seconds(30);        // Of a read of the body that waits.
  Duration total{};                                // From Send to the body's end.
};

struct PoolOptions {
  PoolOptions() {}

  size_t max_connections = 256;  // In total; idle ones make room for others.
  size_t max_per_host = 16;      // Of HTTP/1.1, or of full HTTP/2 ones.
  size_t max_waiting = 100'000;  // Requests in the queues.
  Duration idle_timeout = std::chrono::seconds(90);
  Duration max_age{};  // Zero: any. Older ones take no new requests.
};

struct RedirectOptions {
  RedirectOptions() {}

  bool follow = true;
  int max = 10;
  bool allow_insecure = false;  // From https to http.
};

struct RetryOptions {
  RetryOptions() {}

  int max = 2;  // Attempts after the first; 0: none but for stale connections.
  Duration base = std::chrono::milliseconds(100);
  Duration cap = std::chrono::seconds(5);
  // 429 and 503 answers to idempotent requests, where Retry-After names a time of at most so long.
  Duration max_retry_after = std::chrono::seconds(10);
  bool connect_failures = true;  // A connection that was refused and the like; no time-outs.
  // Of a token bucket: each request puts `budget_ratio` in, each retry takes one out.
  double budget_ratio = 0.2;
  double budget_reserve = 10;
};

struct ClientOptions {
  ClientOptions() {}

  ClientTimeouts timeouts;
  PoolOptions pool;
  RedirectOptions redirect;
  RetryOptions retry;
  H1ClientOptions h1;
  H2ClientOptions h2;
  // alpn is the client's own to fill in.
  tls::ClientOptions tls;
  HttpVersion version = HttpVersion::kAny;  // Where the request says kAny.
  bool decompress = true;                   // Asks for codings, and undoes them.
  Duration expect_timeout = std::chrono::seconds(1);
  std::string user_agent = "corelane";  // Empty: none.
  ProxySettings proxy;                  // ProxyFromEnvironment() for the usual variables.
  uint64_t random_seed = 0;             // Of the back-off's jitter; 0: from the clock.
};

// Written by the client's thread.
struct ClientStats {
  uint64_t requests = 0;   // Send calls.
  uint64_t responses = 0;  // Heads that were delivered.
  uint64_t failures = 0;   // Of requests, before or within the response.
  uint64_t retries = 0;
  uint64_t stale_retries = 0;   // Because a kept connection had been closed meanwhile.
  uint64_t retries_denied = 0;  // By the budget.
  uint64_t redirects = 0;
  uint64_t dials = 0;
  uint64_t dial_failures = 0;
  uint64_t reused = 0;  // Requests on a connection that had served one before.
  uint64_t closed_idle = 0;
  uint64_t evicted = 0;    // Idle, to make room.
  size_t connections = 0;  // Now.
  size_t idle = 0;
  size_t waiting = 0;
  h2::SessionStats h2;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_OPTIONS_H_
