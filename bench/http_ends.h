// The two ends of pair's mode=http, over one stack each: the server that a user would have, with
// http::Server on a worker, and a client by hand that generates the load. The server is that of
// mode=http2 too.

#ifndef CORELANE_BENCH_HTTP_ENDS_H_
#define CORELANE_BENCH_HTTP_ENDS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/options.h"
#include "core/ip_address.h"
#include "core/time.h"
#include "http/h1/parser.h"
#include "stack/stack.h"

namespace corelane::bench {

inline constexpr std::string_view kHelloBody =
    "hello, and so on: these are the 128 bytes of an answer that is neither empty nor long, as "
    "most of the answers of a service are.\n";
static_assert(kHelloBody.size() == 128);
inline constexpr std::string_view kHelloType = "text/plain";

// Answers GET /hello with 128 bytes of text/plain, on a worker that spins. The stack is the
// worker's as long as this lives.
class HttpServerEnd {
 public:
  // Listens at once.
  HttpServerEnd(const Options& options, stack::Stack& stack, const Endpoint& at);
  ~HttpServerEnd();

  // Until done(), which is asked in every turn, or for `time`.
  void Run(const std::function<bool()>& done, Duration time);
  // `transactions`: answers given; `errors`: refused requests, broken connections.
  Result counted() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Connections with one request outstanding each. An answer counts when its status, its headers and
// each byte of its body are what they must be.
class HttpClientEnd {
 public:
  HttpClientEnd(stack::Stack& stack, const Endpoint& server) : stack_(stack), server_(server) {}

  // Begins a connection.
  void Open();
  // Between Stack::Receive() and Stack::Transmit().
  void Turn();

  // `bytes`: of the bodies; `errors`: wrong answers, failed connections.
  const Result& counted() const { return counted_; }

 private:
  // An answer may arrive in pieces.
  struct Peer {
    stack::TcpSocket* socket;
    size_t unsent = 0;  // bytes at the end of the request
    size_t size = 0;    // bytes of `answer` that have arrived
    std::array<char, 1024> answer;
  };

  void Ask(Peer& peer);
  void OnEvent(Peer& peer);
  // Takes one whole answer out of what has arrived. False: it is not whole yet, or wrong.
  bool TakeAnswer(Peer& peer);
  void Fail(Peer& peer);

  stack::Stack& stack_;
  Endpoint server_;
  http::ResponseParser parser_;
  std::vector<std::unique_ptr<Peer>> peers_;
  Result counted_;
};

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_HTTP_ENDS_H_
