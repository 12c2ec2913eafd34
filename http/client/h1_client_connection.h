// An HTTP/1.1 connection of a client, sans-IO (RFC 9112): one exchange at a time.
//
//   H1ClientConnection connection{H1ClientOptions()};
//   Exchange* const exchange = connection.Start(request, events, now);
//   ...move bytes as engine.h says...
//   BodyRead got = exchange->Read(buffer);
//   exchange->Release();  // Then, if connection.reusable(), Start again.
//
// It is used again only after an exchange without a flaw (RFC 9112 §9.3): both messages complete,
// no byte too many, no wish to close on either side. Its buffers are kept, so a request costs no
// allocation once they have grown.

#ifndef CORELANE_HTTP_CLIENT_H1_CLIENT_CONNECTION_H_
#define CORELANE_HTTP_CLIENT_H1_CLIENT_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/client/engine.h"
#include "http/h1/chunked.h"
#include "http/h1/parser.h"
#include "http/wire/buffer.h"
#include "http/wire/method.h"

namespace corelane::http {

struct H1ClientOptions {
  H1ClientOptions() { limits.head_bytes = 64 << 10; }

  HeadLimits limits;              // Of a response's head.
  size_t max_informational = 16;  // 1xx responses before the final one.
  size_t read_ahead = 64 << 10;   // Bytes of a body that wait for the user, about.
  size_t write_ahead = 32 << 10;  // Bytes of a streamed request that wait for the transport.
};

class H1ClientConnection final : public ClientConnection, private Exchange {
 public:
  explicit H1ClientConnection(const H1ClientOptions& options) : options_(options) {}

  Exchange* Start(const ExchangeRequest& request, ExchangeEvents& events, Instant now) override;
  size_t capacity() const override { return reusable_ && phase_ == Phase::kIdle ? 1 : 0; }
  bool reusable() const override { return reusable_; }
  size_t active() const override { return phase_ == Phase::kIdle ? 0 : 1; }
  bool multiplexed() const override { return false; }
  void Drain() override { reusable_ = false; }

  bool wants_read() const override;
  void OnReceived(std::string_view bytes, Instant now) override;
  void OnTransportEnd(boost::system::error_code error, Instant now) override;
  std::array<std::string_view, 2> Output(Instant now) override;
  void OnWritten(size_t size, Instant now) override;
  Instant deadline() const override { return continue_deadline_; }
  void OnDeadline(Instant now) override;
  bool finished() const override { return phase_ == Phase::kIdle && !reusable_; }

  // Of a tunnel: what has come behind the answer to CONNECT.
  std::string_view unread() const { return in_.view(); }

 private:
  enum class Phase : uint8_t {
    kIdle,
    kHead,    // The response's head is to come.
    kBody,    // Its body.
    kEnded,   // Of the response all has been read; Release is to come.
    kFailed,  // The same, after a failure.
  };
  enum class Sending : uint8_t {
    kNothing,   // All is in out_, or has been sent.
    kContinue,  // The head is; the body waits for 100 Continue.
    kBody,      // request_.body follows out_.
    kSource,
    kSourcePending,
    kAborted,  // What is left will not be sent.
  };

  // Exchange
  BodyRead Read(std::span<char> out) override;
  const ExchangeFailure& failure() const override { return failure_; }
  Fields trailers() const override { return body_.trailers(); }
  void Release() override;

  bool WriteHead();
  bool WriteFields();
  void StartBody();
  void ListenToSource();
  void PullSource();
  void EndSource();
  void ParseHeads(Instant now);
  bool OnHeadParsed(Instant now);
  void OnInformational(const ResponseHead& head);
  void OnFinalHead(const ResponseHead& head);
  // 101: from now on the connection is a tunnel.
  void OnSwitch(ResponseHead head);
  bool DecodeMore();
  bool SentAll() const {
    return sending_ == Sending::kNothing && out_.empty() && body_out_.empty();
  }
  void CheckSent();
  void Fail(ClientError error, const char* detail, boost::system::error_code cause = {});
  BodyRead FailRead(ClientError error, const char* detail);
  void DetachSource();

  const H1ClientOptions options_;
  Phase phase_ = Phase::kIdle;
  Sending sending_ = Sending::kNothing;
  bool reusable_ = true;
  bool ended_ = false;         // The transport has.
  bool wrote_any_ = false;     // Of this request.
  bool received_any_ = false;  // Of its response.
  bool sent_reported_ = false;
  bool chunked_ = false;  // The request's body.
  boost::system::error_code end_error_;
  ExchangeRequest request_;
  ExchangeEvents* events_ = nullptr;
  uint64_t source_left_ = 0;  // Of a source with a size.
  bool source_sized_ = false;
  size_t informational_ = 0;
  Instant continue_deadline_ = kNever;
  Method method_ = Method::kGet;
  ExchangeFailure failure_;

  Buffer out_;
  std::string_view body_out_;  // Follows out_.
  Buffer in_;
  ResponseParser parser_;
  BodyDecoder body_;
  // A decoded slice at the front of in_ that is not yet copied: [offset, offset + size), of a step
  // that ends at step_end_.
  size_t slice_offset_ = 0;
  size_t slice_size_ = 0;
  size_t step_end_ = 0;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_H1_CLIENT_CONNECTION_H_
