// One HTTP/2 connection (RFC 9113) of a server or a client, sans-IO.
//
//                    +---------------------------------+
//   Receive(bytes) ->|                                 |-> Handler: OnRequest, OnData, OnClosed...
//                    |             Session             |
//   Output() <-------|                                 |<- SubmitResponse, Write, Consume, Reset...
//   OnWritten(n) --->|                                 |<- DataSource::Read
//                    +---------------------------------+
//
// The shell calls, for as long as !finished():
//
//   session->Receive(bytes, now);              // What has arrived; all of it is taken.
//   while (!(out = session->Output()).empty()) session->OnWritten(send(out));
//
// and Output again after every other call, since each may have something to send. When the
// transport has ended, it calls Abort. A server that answers at once:
//
//   void OnRequest(Stream& stream, const RequestHead& head, bool end) override {
//     const HeaderField fields[] = {{"content-type", "text/plain"}};
//     session->SubmitResponse(stream, 200, fields, Body::Pushed());
//     session->Write(stream, "hello", true);
//   }
//
// The handler and sources are called only from within Receive, Output and Abort, and may call
// everything but these three, OnWritten and the destructor. A Stream lives until its OnClosed has
// returned; streams that are open when the session is destroyed get none.
//
// An interface and not a pimpl: the user's calls cost one indirect call either way, and the frames,
// which the implementation handles within itself, none. Not thread-safe.

#ifndef CORELANE_HTTP_H2_SESSION_H_
#define CORELANE_HTTP_H2_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/time.h"
#include "http/h2/error_code.h"
#include "http/h2/options.h"
#include "http/wire/fields.h"

namespace corelane::h2 {

// A request and its response. Made by the session.
class Stream {
 public:
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Client streams have theirs once submitted.
  uint32_t id() const { return id_; }
  // For the user alone; null at first.
  void* user_data() const { return user_data_; }
  void set_user_data(void* data) { user_data_ = data; }
  // What was received and not yet consumed, in bytes.
  size_t unconsumed() const { return unconsumed_; }

 protected:
  Stream() = default;
  ~Stream() = default;

  uint32_t id_ = 0;
  void* user_data_ = nullptr;
  size_t unconsumed_ = 0;
};

// Views are valid during the event that brings them. Several Cookie fields have become one
// (RFC 9113 §8.2.3).
struct RequestHead {
  std::string_view method;
  std::string_view scheme;     // Empty for a plain CONNECT.
  std::string_view authority;  // Empty when absent.
  std::string_view path;       // Empty for a plain CONNECT.
  std::string_view protocol;   // Of an extended CONNECT (RFC 8441).
  http::Fields fields;
};

struct ResponseHead {
  int status = 0;
  http::Fields fields;
};

// A field to send. The name is sent in lower case.
struct HeaderField {
  std::string_view name;
  std::string_view value;
  bool never_indexed = false;  // A secret (RFC 7541 §7.1.3).
};
using HeaderFields = std::span<const HeaderField>;

struct RequestLine {
  std::string_view method;
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
  std::string_view protocol;  // Makes it an extended CONNECT.
};

// Where a body is pulled from. Read is called when there is room for a frame, so flow control and a
// slow peer slow the source down.
class DataSource {
 public:
  struct Result {
    enum class Kind : uint8_t {
      kData,     // `size` bytes, at least one.
      kEnd,      // `size` bytes, and no more follows; trailers that were submitted do.
      kPending,  // Nothing yet: Session::Resume says when.
      kFailed,   // Reset the stream with INTERNAL_ERROR.
    };
    Kind kind = Kind::kEnd;
    size_t size = 0;
  };

  virtual ~DataSource() = default;
  // Fills a prefix of `out`, which is never empty.
  virtual Result Read(Stream& stream, std::span<char> out) = 0;
};

// What follows a head.
class Body {
 public:
  static Body None() { return Body(Kind::kNone, nullptr); }
  // Given with Session::Write.
  static Body Pushed() { return Body(Kind::kPushed, nullptr); }
  // `source` must live until OnClosed.
  static Body From(DataSource& source) { return Body(Kind::kPulled, &source); }

  bool none() const { return kind_ == Kind::kNone; }
  DataSource* source() const { return source_; }

 private:
  enum class Kind : uint8_t { kNone, kPushed, kPulled };
  Body(Kind kind, DataSource* source) : kind_(kind), source_(source) {}

  Kind kind_;
  DataSource* source_;
};

// The peer's, with the RFC's initial values.
struct PeerSettings {
  uint32_t max_concurrent_streams = UINT32_MAX;
  uint32_t initial_window_size = 65535;
  uint32_t max_frame_size = 16384;
  uint32_t max_header_list_size = UINT32_MAX;
  bool enable_connect_protocol = false;
};

using PingPayload = std::array<char, 8>;

// Events; the defaults ignore them. `end`: the peer sends no more on this stream.
class Handler {
 public:
  virtual ~Handler() = default;

  // At a server.
  virtual void OnRequest(Stream&, const RequestHead&, [[maybe_unused]] bool end) {}
  // At a client; OnInformational for each 1xx before.
  virtual void OnResponse(Stream&, const ResponseHead&, [[maybe_unused]] bool end) {}
  virtual void OnInformational(Stream&, const ResponseHead&) {}
  // Give the bytes back with Session::Consume when they are dealt with. Empty only with `end`.
  virtual void OnData(Stream&, std::string_view, [[maybe_unused]] bool end) {}
  // The end of the message.
  virtual void OnTrailers(Stream&, const http::Fields&) {}
  // After a Write that did not take all: there is room again.
  virtual void OnWritable(Stream&) {}
  // Every stream that the user has seen gets this once, last. kNoError: both sides have ended.
  // `unprocessed`: the server has not acted on the request, so it may be sent again (RFC 9113
  // §8.7).
  virtual void OnClosed(Stream&, ErrorCode, [[maybe_unused]] bool unprocessed) {}

  // The peer takes no new streams, and has not acted on those of ours above `last_stream_id`.
  virtual void OnGoAway(ErrorCode, [[maybe_unused]] uint32_t last_stream_id,
                        [[maybe_unused]] std::string_view debug) {}
  virtual void OnSettings(const PeerSettings&) {}
  virtual void OnPingAck(const PingPayload&) {}
  // We have ended the connection with GOAWAY because of an error. The streams are closed next.
  virtual void OnConnectionError(ErrorCode, [[maybe_unused]] std::string_view reason) {}
};

enum class SubmitResult : uint8_t {
  kOk,
  kInvalidField,  // A name or value that must not be sent: nothing has been.
  kWrongState,    // The stream is being closed, or this part of the message is past.
};

class Session {
 public:
  // `handler` and `stats` must outlive the session. The connection preface is in Output at once.
  static std::unique_ptr<Session> Server(const SessionOptions& options, Handler& handler,
                                         SessionStats& stats);
  static std::unique_ptr<Session> Client(const SessionOptions& options, Handler& handler,
                                         SessionStats& stats);

  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // --- Transport ---

  virtual void Receive(std::string_view bytes, Instant now) = 0;
  // What is to be sent now; empty: nothing. Valid until the next call of any method.
  virtual std::string_view Output() = 0;
  // A prefix of it has been sent.
  virtual void OnWritten(size_t size) = 0;
  // The transport has ended: closes every stream with `code`; then the session is finished.
  virtual void Abort(ErrorCode code) = 0;
  // Nothing more is to be sent or expected: close the transport.
  virtual bool finished() const = 0;

  // --- Messages ---

  // Null when no stream can be opened (GOAWAY, extended CONNECT that the server does not take, ids
  // used up) or a field is invalid. Beyond the server's limit of streams the request waits.
  virtual Stream* SubmitRequest(const RequestLine& line, HeaderFields fields, Body body) = 0;
  // A 1xx status other than 101.
  virtual SubmitResult SubmitInformational(Stream& stream, int status, HeaderFields fields) = 0;
  virtual SubmitResult SubmitResponse(Stream& stream, int status, HeaderFields fields,
                                      Body body) = 0;
  // Follow the body: ends it when it is pushed; a pulled one when its source says so.
  virtual SubmitResult SubmitTrailers(Stream& stream, HeaderFields fields) = 0;

  // Copies a prefix of `data` and returns its size. `end` counts when all has been taken.
  virtual size_t Write(Stream& stream, std::string_view data, bool end) = 0;
  // The source of this stream has something again.
  virtual void Resume(Stream& stream) = 0;
  // Opens the peer's windows by what the user has dealt with (RFC 9113 §6.9): at most unconsumed().
  virtual void Consume(Stream& stream, size_t size) = 0;
  // Ends the stream; its only event from now on is OnClosed.
  virtual void Reset(Stream& stream, ErrorCode code) = 0;

  // --- Connection ---

  // Graceful (RFC 9113 §6.8): takes streams for one more round trip, then announces the last one,
  // and is finished when all have ended. A client opens none from now on.
  virtual void Drain() = 0;
  // Ends the connection; streams are closed with `code`.
  virtual void GoAway(ErrorCode code, std::string_view debug) = 0;
  virtual void Ping(const PingPayload& payload) = 0;

  virtual const PeerSettings& peer_settings() const = 0;
  // Streams that are not yet closed.
  virtual size_t open_streams() const = 0;
  // Bytes of bodies that have gone into Output.
  virtual uint64_t body_bytes_sent() const = 0;
  // By the caller's time, when the fields began that have come in part; kNever: none have. For
  // deadlines against peers that send them slowly.
  virtual Instant fields_since() const = 0;

 protected:
  Session() = default;
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_SESSION_H_
