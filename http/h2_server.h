// One HTTP/2 connection of a server as a sans-IO engine: the streams of an h2::Session, each with
// its handler.
//
// What is received is dealt with first, for all streams; then the handlers go on that can; then all
// that there is to send goes out in one write. A write gathers no more than the session's
// output_size, so slow clients slow the sources of their responses down.

#ifndef CORELANE_HTTP_H2_SERVER_H_
#define CORELANE_HTTP_H2_SERVER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/intrusive_list.h"
#include "core/time.h"
#include "http/h1/serializer.h"
#include "http/h2/session.h"
#include "http/h2_exchange.h"
#include "http/message.h"
#include "http/response_pace.h"
#include "http/router.h"
#include "http/server_engine.h"
#include "http/server_options.h"
#include "http/wire/buffer.h"

namespace corelane::http {

class H2Server final : public ServerEngine, private h2::Handler {
 public:
  // All must outlive the engine.
  H2Server(const Router& router, const ServerOptions& options, ServerStats& stats,
           const ConnectionInfo& connection);
  ~H2Server() override;

  // What has been received before; once, first.
  void Begin(std::string_view input, Instant now);

  IoAction Next(Instant now, int64_t unix_seconds) override;
  std::span<char> ReadBuffer() override { return {read_buffer_.get(), kReadBuffer}; }
  void OnRead(size_t size, Instant now) override;
  std::array<std::string_view, 2> WriteBuffers() const override { return {out_.view(), {}}; }
  void OnWritten(size_t size, Instant now) override;
  void OnDeadline(Instant now) override;
  void OnFailure() override;
  void Stop() override;

 private:
  friend class H2Exchange;

  static constexpr size_t kReadBuffer = 32 << 10;

  // h2::Handler
  void OnRequest(h2::Stream& stream, const h2::RequestHead& head, bool end) override;
  void OnData(h2::Stream& stream, std::string_view data, bool end) override;
  void OnTrailers(h2::Stream& stream, const Fields& fields) override;
  void OnClosed(h2::Stream& stream, h2::ErrorCode code, bool unprocessed) override;

  // --- for exchanges ---
  void MarkReady(H2Exchange& exchange);
  std::string_view date() { return date_.At(unix_seconds_); }

  H2Exchange& NewExchange();
  void Release(H2Exchange& exchange);
  void RunReady();
  void Gather();
  // Behind the last byte: the client's end, within bounds.
  IoAction End();
  void UpdateDeadline();
  void OnExchangesDue(Instant now);
  // Holds what the client has taken of bodies against the minimum rate.
  void UpdatePace();
  // When fields that have come in part must be whole.
  Instant FieldsDue() const;

  const Router& router_;
  const ServerOptions& options_;
  ServerStats& stats_;
  const ConnectionInfo& connection_;
  std::unique_ptr<h2::Session> session_;

  Instant now_{};
  int64_t unix_seconds_ = 0;
  Instant active_at_ = kNever;  // When something last moved.
  Instant write_until_ = kNever;
  ResponsePace pace_;
  uint64_t bodies_seen_ = 0;   // Of session_->body_bytes_sent().
  uint64_t bodies_ahead_ = 0;  // Of these, gathered and not yet taken.
  Instant linger_until_ = kNever;
  uint64_t lingered_ = 0;
  uint64_t requests_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool in_event_ = false;  // Whoever calls will call Next.
  bool eof_ = false;
  bool failed_ = false;
  bool stopping_ = false;
  bool shut_down_ = false;

  std::unique_ptr<char[]> read_buffer_;
  Buffer out_;
  std::vector<std::unique_ptr<H2Exchange>> exchanges_;  // All.
  std::vector<H2Exchange*> spare_;
  IntrusiveList<H2Exchange, &H2Exchange::live> live_;
  IntrusiveList<H2Exchange, &H2Exchange::ready> ready_;
  std::vector<h2::HeaderField> fields_;  // Of the response that is being made.
  DateCache date_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H2_SERVER_H_
