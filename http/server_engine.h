// One connection of a server as a sans-IO engine. serve.h drives it over a stream.
//
// Call Next after every event, and do what it says until it says kWait or kClose:
//
//   kRead     begin to receive into ReadBuffer(); it ends with OnRead(size), 0 for the stream's end
//   kWrite    begin to send a prefix of WriteBuffers(); it ends with OnWritten(size)
//   kShutdown end the sending side
//   kHttp2    the client speaks HTTP/2: TakeInput() is for an H2Server, which goes on from here
//   kWait     wait until a read or write ends, deadline() passes, or the callback of set_notify is
//             called; it may be called from within any function but Next
//   kClose    done: close the stream
//
// One read and one write may be under way at the same time; the buffers stay where they are until
// each has ended. When deadline() passes, call OnDeadline. When the stream fails, call OnFailure.
// Not thread-safe.

#ifndef CORELANE_HTTP_SERVER_ENGINE_H_
#define CORELANE_HTTP_SERVER_ENGINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/time.h"

namespace corelane::http {

enum class IoAction : uint8_t { kRead, kWrite, kShutdown, kHttp2, kWait, kClose };

class ServerEngine {
 public:
  virtual ~ServerEngine() = default;
  ServerEngine(const ServerEngine&) = delete;
  ServerEngine& operator=(const ServerEngine&) = delete;

  // `unix_seconds` is for the Date field.
  virtual IoAction Next(Instant now, int64_t unix_seconds) = 0;

  // What TLS has agreed on (RFC 7301), "h2" or "http/1.1"; before the first OnRead, or never.
  virtual void OnProtocol(std::string_view) {}

  virtual std::span<char> ReadBuffer() = 0;
  virtual void OnRead(size_t size, Instant now) = 0;
  virtual std::array<std::string_view, 2> WriteBuffers() const = 0;
  virtual void OnWritten(size_t size, Instant now) = 0;
  virtual void OnDeadline(Instant now) = 0;
  virtual void OnFailure() = 0;
  // Finish what is in flight, then close.
  virtual void Stop() = 0;
  // What was received and belongs to the next protocol; after kHttp2.
  virtual std::string_view TakeInput() { return {}; }

  Instant deadline() const { return deadline_; }

  // Something outside has resumed a handler, and Next has something new to say.
  void set_notify(void (*notify)(void*), void* context) {
    notify_ = notify;
    notify_context_ = context;
  }

 protected:
  ServerEngine() = default;
  void Notify() {
    if (notify_ != nullptr) notify_(notify_context_);
  }

  Instant deadline_ = kNever;

 private:
  void (*notify_)(void*) = nullptr;
  void* notify_context_ = nullptr;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SERVER_ENGINE_H_
