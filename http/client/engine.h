// What the two protocol engines of the client have in common: requests and responses on one
// connection, sans-IO.
//
//                     +---------------------------------+
//   OnReceived(bytes)>|                                 |-> ExchangeEvents: OnHead, OnReadable...
//                     |        ClientConnection         |
//   Output() <--------|                                 |<- Start(request), Exchange::Read, Release
//   OnWritten(n) ---->|                                 |<- UploadSource::Read
//                     +---------------------------------+
//
// The shell, after every call of anything here:
//
//   while (wants_read()) receive, then OnReceived(bytes, now) or OnTransportEnd(error)
//   while (!Output().empty()) send a prefix, then OnWritten(size, now)
//   arm a timer for deadline(), then OnDeadline(now)
//   if (finished()) close the transport
//
// Events come from within OnReceived, OnTransportEnd, OnDeadline, Output and OnWritten, and may
// call anything but these and the destructor. Not thread-safe.

#ifndef CORELANE_HTTP_CLIENT_ENGINE_H_
#define CORELANE_HTTP_CLIENT_ENGINE_H_

#include <array>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/time.h"
#include "http/client/error.h"
#include "http/client/field_list.h"
#include "http/client/request.h"
#include "http/wire/fields.h"

namespace corelane::http {

// A request as an engine sends it. Everything it points to must live until the Release.
struct ExchangeRequest {
  std::string_view method;
  std::string_view scheme;
  std::string_view authority;
  // Of HTTP/1.1 the request target in any form, of HTTP/2 the path.
  std::string_view target;
  const FieldList* fields = nullptr;
  std::span<const FieldList::Entry> more_fields;  // The client's own; checked like the others.
  std::string_view body;
  UploadSource* source = nullptr;  // Instead of `body`.
  bool has_body = false;
  // Of HTTP/1.1: the protocol to change to, and what is sent in it after a 101.
  std::string_view upgrade;
  UploadSource* tunnel = nullptr;
  // Wait for 100 Continue at most so long; zero: send the body at once.
  Duration expect_timeout{};
};

// Views are valid during the event.
struct IncomingHead {
  int status = 0;
  std::string_view reason;  // Empty in HTTP/2.
  int version = 11;         // 10, 11 or 20.
  Fields fields;
  std::optional<uint64_t> length;  // Of the body, when announced.
  bool end = false;                // No body follows.
};

struct ExchangeFailure {
  ClientError error = ClientError::kTransport;
  boost::system::error_code cause;
  const char* detail = "";   // Static storage.
  bool unprocessed = false;  // The server has certainly not acted on the request.
};

// The user's half of an exchange.
class ExchangeEvents {
 public:
  // A 1xx response, 100 included.
  virtual void OnInformational([[maybe_unused]] int status, const Fields&) {}
  virtual void OnHead(const IncomingHead& head) = 0;
  // After OnHead: Exchange::Read has more to say than kPending.
  virtual void OnReadable() = 0;
  // Bytes of the request have gone out.
  virtual void OnProgress() {}
  // The last byte of the request is on its way.
  virtual void OnSent() {}
  // Before OnHead; nothing comes afterwards.
  virtual void OnFailed(const ExchangeFailure& failure) = 0;

 protected:
  ~ExchangeEvents() = default;
};

struct BodyRead {
  enum class Status : uint8_t {
    kData,     // `size` bytes.
    kPending,  // Nothing yet: OnReadable says when.
    kEnd,      // No more; trailers are there.
    kFailed,   // failure() says why.
  };
  Status status = Status::kPending;
  size_t size = 0;
};

// The engine's half. Release must be called exactly once, also after a failure and before the
// connection is destroyed, and ends its life.
class Exchange {
 public:
  // Copies the next bytes of the response's body to a prefix of `out`. What is not read keeps the
  // server from sending on.
  virtual BodyRead Read(std::span<char> out) = 0;
  // After Read has said kFailed.
  virtual const ExchangeFailure& failure() const = 0;
  // After Read has said kEnd, until Release.
  virtual Fields trailers() const = 0;
  // Nothing is wanted any more. What is not complete is broken off: HTTP/1.1 gives the connection
  // up, HTTP/2 resets the stream with CANCEL.
  virtual void Release() = 0;

 protected:
  ~Exchange() = default;
};

class ClientConnection {
 public:
  virtual ~ClientConnection() = default;
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Null: capacity() is 0, or something of the request cannot be sent.
  virtual Exchange* Start(const ExchangeRequest& request, ExchangeEvents& events, Instant now) = 0;
  // How many exchanges can begin now.
  virtual size_t capacity() const = 0;
  // Capacity may come back. False for ever once it is.
  virtual bool reusable() const = 0;
  virtual size_t active() const = 0;
  virtual bool multiplexed() const = 0;
  // No new exchanges; finished() when the last has ended.
  virtual void Drain() = 0;

  virtual bool wants_read() const = 0;
  virtual void OnReceived(std::string_view bytes, Instant now) = 0;
  // The transport has ended: without an error (a FIN) or with one.
  virtual void OnTransportEnd(boost::system::error_code error, Instant now) = 0;
  // What is to be sent now. Stays where it is until OnWritten, or until the exchange it belongs to
  // is released; what is being sent then must be broken off, since finished() says so.
  virtual std::array<std::string_view, 2> Output(Instant now) = 0;
  virtual void OnWritten(size_t size, Instant now) = 0;
  virtual Instant deadline() const = 0;
  virtual void OnDeadline(Instant now) = 0;
  virtual bool finished() const = 0;

  // Called when something outside (a source that was pending) has given it something to send.
  void set_wake(void (*wake)(void*), void* context) {
    wake_ = wake;
    wake_context_ = context;
  }

 protected:
  ClientConnection() = default;
  void Wake() {
    if (wake_ != nullptr) wake_(wake_context_);
  }

 private:
  void (*wake_)(void*) = nullptr;
  void* wake_context_ = nullptr;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_ENGINE_H_
