// What the client needs of the outside, so that all of its logic is compiled once and runs on any
// stream, any executor and any clock: byte streams, who makes them, and one alarm.
//
// stream_transport.h and client.h implement these over Asio's interfaces.

#ifndef CORELANE_HTTP_CLIENT_TRANSPORT_H_
#define CORELANE_HTTP_CLIENT_TRANSPORT_H_

#include <array>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/time.h"
#include "http/client/error.h"
#include "tls/context.h"

namespace corelane::http {

// A connected byte stream. No event comes from within the function that starts the operation.
class Transport {
 public:
  class Events {
   public:
    // size 0 without an error: the peer has ended the stream.
    virtual void OnRead(boost::system::error_code error, size_t size) = 0;
    virtual void OnWrite(boost::system::error_code error, size_t size) = 0;
    virtual void OnTls(boost::system::error_code error) = 0;

   protected:
    ~Events() = default;
  };

  // As Close.
  virtual ~Transport() = default;

  // Null: nobody listens any more.
  virtual void set_events(Events* events) = 0;
  // One of each at a time. `keep` owns the memory, and is let go when the operation is over.
  virtual void Read(std::span<char> into, std::shared_ptr<void> keep) = 0;
  virtual void Write(const std::array<std::string_view, 2>& bytes, std::shared_ptr<void> keep) = 0;
  // From now on it speaks TLS with `server`; OnTls when the handshake has ended. Once.
  virtual void StartTls(const tls::ClientContext& context, const std::string& server,
                        std::shared_ptr<void> keep) = 0;
  // What ALPN has chosen; empty: nothing.
  virtual std::string alpn() const = 0;
  // The peer's address, as text; empty where there is none.
  virtual std::string remote() const = 0;
  // No event comes afterwards.
  virtual void Close() = 0;

 protected:
  Transport() = default;
};

// How far an attempt to connect had come, for messages.
struct ConnectReport {
  ClientPhase phase = ClientPhase::kConnect;  // Or kResolve.
  std::string address;                        // The last one that was tried.
};

// Who makes transports.
class Dialer {
 public:
  using Done =
      std::function<void(boost::system::error_code, std::unique_ptr<Transport>, ConnectReport)>;
  // An attempt; destroying it is allowed at any time, and breaks it off without a call of `done`.
  class Attempt {
   public:
    virtual ~Attempt() = default;
    // How far it is.
    virtual ConnectReport report() const = 0;
  };

  // `done` is not called from within.
  virtual std::unique_ptr<Attempt> Dial(const std::string& host, uint16_t port, Done done) = 0;

 protected:
  ~Dialer() = default;
};

// One clock and one alarm for all of a client's deadlines; whoever implements it calls
// ClientCore::OnAlarm, where too early does no harm.
class Alarm {
 public:
  virtual Instant Now() const = 0;
  // Instead of what was set before; kNever: off.
  virtual void Set(Instant at) = 0;
  // For dates in messages.
  virtual int64_t UnixSeconds() const = 0;

 protected:
  ~Alarm() = default;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_TRANSPORT_H_
