// An HTTP/2 connection of a client on h2::Session, sans-IO (RFC 9113): any number of exchanges at
// once, up to the server's MAX_CONCURRENT_STREAMS.
//
//   H2ClientConnection connection(options, stats);  // The preface is in Output at once.
//   Exchange* const exchange = connection.Start(request, events, now);
//
// Windows open as the user reads, so one slow body holds back its own stream and, beyond the
// connection's window, nothing that has been read. A Release before the end resets the stream with
// CANCEL. After GOAWAY there is no more capacity; requests that the server has not acted on fail
// with `unprocessed`.

#ifndef CORELANE_HTTP_CLIENT_H2_CLIENT_CONNECTION_H_
#define CORELANE_HTTP_CLIENT_H2_CLIENT_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "http/client/engine.h"
#include "http/h2/session.h"
#include "http/wire/buffer.h"

namespace corelane::http {

struct H2ClientOptions {
  H2ClientOptions() {}

  h2::SessionOptions session;
  uint32_t max_streams = 100;  // Also where the server allows more.
  size_t max_informational = 16;
  // A ping when nothing has arrived for so long while requests are open; zero: none.
  Duration ping_interval{};
  Duration ping_timeout = std::chrono::seconds(20);
  bool ping_when_idle = false;
};

class H2ClientConnection final : public ClientConnection, private h2::Handler {
 public:
  // `stats` must outlive it. now: when it was made.
  H2ClientConnection(const H2ClientOptions& options, h2::SessionStats& stats, Instant now);
  ~H2ClientConnection() override;

  Exchange* Start(const ExchangeRequest& request, ExchangeEvents& events, Instant now) override;
  size_t capacity() const override;
  bool reusable() const override { return !draining_ && !ended_; }
  size_t active() const override { return streams_.size(); }
  bool multiplexed() const override { return true; }
  void Drain() override { draining_ = true; }

  bool wants_read() const override { return !ended_ && !finished(); }
  void OnReceived(std::string_view bytes, Instant now) override;
  void OnTransportEnd(boost::system::error_code error, Instant now) override;
  std::array<std::string_view, 2> Output(Instant now) override;
  void OnWritten(size_t size, Instant now) override;
  Instant deadline() const override;
  void OnDeadline(Instant now) override;
  bool finished() const override;

 private:
  class StreamExchange;

  // h2::Handler
  void OnInformational(h2::Stream& stream, const h2::ResponseHead& head) override;
  void OnResponse(h2::Stream& stream, const h2::ResponseHead& head, bool end) override;
  void OnData(h2::Stream& stream, std::string_view data, bool end) override;
  void OnTrailers(h2::Stream& stream, const Fields& fields) override;
  void OnClosed(h2::Stream& stream, h2::ErrorCode code, bool unprocessed) override;
  void OnGoAway(h2::ErrorCode, uint32_t, std::string_view) override { draining_ = true; }
  void OnPingAck(const h2::PingPayload&) override { ping_sent_ = kNever; }
  void OnConnectionError(h2::ErrorCode code, std::string_view reason) override;

  void GatherFields(const ExchangeRequest& request);
  StreamExchange& Acquire();
  void Recycle(StreamExchange& exchange);
  void TellSent();
  Instant PingDeadline() const;
  ExchangeFailure FailureFor(h2::ErrorCode code, bool unprocessed, bool head_seen) const;

  const H2ClientOptions options_;
  std::unique_ptr<h2::Session> session_;
  std::vector<std::unique_ptr<StreamExchange>> streams_;  // Open, or not yet released.
  std::vector<std::unique_ptr<StreamExchange>> spare_;
  std::vector<StreamExchange*> just_sent_;
  std::vector<h2::HeaderField> fields_;
  std::array<char, 20> length_text_;
  Buffer out_;
  size_t expecting_ = 0;  // Streams that wait for 100 Continue.
  bool draining_ = false;
  bool ended_ = false;
  bool wrote_any_ = false;
  // Why all streams are being closed, where it is the connection's fault.
  bool broken_ = false;
  ClientError broken_error_ = ClientError::kTransport;
  boost::system::error_code broken_cause_;
  const char* broken_detail_ = "";
  Instant last_received_;
  Instant ping_sent_ = kNever;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_H2_CLIENT_CONNECTION_H_
