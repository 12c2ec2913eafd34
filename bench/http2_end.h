// The client of pair's mode=http2: connections by hand over one stack, each with an HTTP/2 session
// that keeps `streams` requests outstanding.

#ifndef CORELANE_BENCH_HTTP2_END_H_
#define CORELANE_BENCH_HTTP2_END_H_

#include <memory>
#include <string_view>
#include <vector>

#include "bench/options.h"
#include "core/ip_address.h"
#include "core/time.h"
#include "http/h2/session.h"
#include "stack/stack.h"

namespace corelane::bench {

// An answer counts when its status, its headers and each byte of its body are what they must be.
class Http2ClientEnd {
 public:
  Http2ClientEnd(stack::Stack& stack, const Endpoint& server, uint64_t streams);
  ~Http2ClientEnd();

  // Begins a connection.
  void Open();
  // Between Stack::Receive() and Stack::Transmit().
  void Turn();

  // `bytes`: of the bodies; `errors`: wrong answers, failed streams and connections.
  const Result& counted() const { return counted_; }

 private:
  class Peer;

  stack::Stack& stack_;
  const Endpoint server_;
  const uint64_t streams_;
  const h2::SessionOptions options_;
  h2::SessionStats stats_;
  std::vector<std::unique_ptr<Peer>> peers_;
  Result counted_;
};

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_HTTP2_END_H_
