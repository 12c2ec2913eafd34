// Engine: one connection of the load, sans-IO. Requests of a Pacer to bytes, bytes to their ends.
//
//   Send(ticket), as long as room() > 0         -> Output(), OnWritten(n)
//   ReadBuffer(), OnRead(n, now), OnEnd(now)    -> Pacer::Answered, Failed, Return
//
// Requests that are sent one after the other go out in one piece. In the steady state nothing is
// allocated.

#ifndef CORELANE_EXAMPLES_LOADGEN_ENGINE_H_
#define CORELANE_EXAMPLES_LOADGEN_ENGINE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/time.h"
#include "examples/loadgen/pacer.h"
#include "examples/loadgen/request.h"

namespace corelane::load {

class Engine {
 public:
  virtual ~Engine() = default;

  // Requests that it takes now; 0 for good once closing().
  virtual size_t room() const = 0;
  virtual void Send(const Ticket& ticket) = 0;

  // Where received bytes go; valid until the next call of OnRead.
  virtual std::span<char> ReadBuffer() = 0;
  virtual void OnRead(size_t size, Instant now) = 0;
  // The server sends no more.
  virtual void OnEnd(Instant now) = 0;

  // Bytes to be sent; empty: none. They stay where they are until OnWritten, which says how many of
  // them have been sent, whatever else but Output is called.
  virtual std::string_view Output() = 0;
  virtual void OnWritten(size_t size) = 0;

  // Ends those that were sent a timeout ago or before.
  virtual void Expire(Instant now) = 0;
  // The connection has failed, and with it what is in flight.
  virtual void Fail(Failure failure, std::string_view reason, Instant now) = 0;
  // Takes no new requests, and ends once those in flight have.
  virtual void Finish() = 0;

  virtual size_t in_flight() const = 0;
  // It has been of use.
  virtual bool has_answered() const = 0;
  // No more requests on this connection.
  virtual bool closing() const = 0;
  // Nothing is to be read or written any more: close it.
  virtual bool finished() const = 0;
};

// One connection of HTTP/1.1 with up to plan().depth requests pipelined. Both outlive it, and
// `serialized` is request.Http1().
std::unique_ptr<Engine> NewHttp1Engine(Pacer& pacer, const Request& request,
                                       std::string_view serialized);
// One of HTTP/2 with up to plan().depth streams. Both outlive it.
std::unique_ptr<Engine> NewHttp2Engine(Pacer& pacer, const Request& request);

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_ENGINE_H_
