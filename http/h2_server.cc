#include "http/h2_server.h"

#include <algorithm>
#include <utility>

namespace corelane::http {

H2Server::H2Server(const Router& router, const ServerOptions& options, ServerStats& stats,
                   const ConnectionInfo& connection)
    : router_(router),
      options_(options),
      stats_(stats),
      connection_(connection),
      session_(h2::Session::Server(options.h2, *this, stats.h2)),
      pace_(std::max(options.response_grace, options.write_timeout),
            options.response_bytes_per_second),
      read_buffer_(new char[kReadBuffer]) {}

H2Server::~H2Server() = default;

void H2Server::Begin(std::string_view input, Instant now) {
  now_ = now;
  active_at_ = now;
  in_event_ = true;
  session_->Receive(input, now);
  in_event_ = false;
}

IoAction H2Server::Next(Instant now, int64_t unix_seconds) {
  now_ = now;
  unix_seconds_ = unix_seconds;
  in_event_ = true;
  do {
    RunReady();
    if (!writing_ && !failed_) Gather();
  } while (!ready_.empty());
  in_event_ = false;
  if (failed_) {
    deadline_ = kNever;
    return live_.empty() ? IoAction::kClose : IoAction::kWait;
  }
  if (!writing_ && !out_.empty()) {
    writing_ = true;
    write_until_ = now_ + options_.write_timeout;
    return IoAction::kWrite;
  }
  if (session_->finished() && !writing_) return End();
  if (!reading_ && !eof_) {
    reading_ = true;
    return IoAction::kRead;
  }
  UpdateDeadline();
  return IoAction::kWait;
}

void H2Server::Gather() {
  while (out_.size() < options_.h2.output_size) {
    const std::string_view bytes = session_->Output();
    if (bytes.empty()) break;
    out_.Append(bytes);
    session_->OnWritten(bytes.size());
  }
  const uint64_t bodies = session_->body_bytes_sent();
  bodies_ahead_ += bodies - std::exchange(bodies_seen_, bodies);
}

void H2Server::RunReady() {
  while (H2Exchange* const exchange = ready_.PopFront()) exchange->Advance();
}

IoAction H2Server::End() {
  if (!std::exchange(shut_down_, true)) {
    linger_until_ = now_ + options_.linger_timeout;
    return IoAction::kShutdown;
  }
  if (eof_ || lingered_ > options_.linger_bytes) return IoAction::kClose;
  deadline_ = linger_until_;
  return std::exchange(reading_, true) ? IoAction::kWait : IoAction::kRead;
}

Instant H2Server::FieldsDue() const {
  const Instant since = session_->fields_since();
  return since == kNever ? kNever : since + options_.head_timeout;
}

// A response waits for the transport, or for the windows that its client gives. Only what it takes
// of bodies tells how fast it is: the answers to its pings do not.
void H2Server::UpdatePace() {
  const bool waits =
      bodies_ahead_ > 0 || std::any_of(live_.begin(), live_.end(), [](const H2Exchange& exchange) {
        return exchange.waits_for_client();
      });
  waits ? pace_.Begin(now_) : pace_.CaughtUp();
}

void H2Server::UpdateDeadline() {
  UpdatePace();
  deadline_ = std::min({writing_ ? write_until_ : kNever, FieldsDue(), pace_.due()});
  if (live_.empty()) {
    deadline_ = std::min(deadline_, active_at_ + options_.idle_timeout);
    return;
  }
  for (const H2Exchange& exchange : live_) deadline_ = std::min(deadline_, exchange.due());
}

void H2Server::OnRead(size_t size, Instant now) {
  now_ = now;
  reading_ = false;
  if (failed_) return;
  if (shut_down_) {
    lingered_ += size;
    eof_ = size == 0;
    return;
  }
  if (size == 0) {
    eof_ = true;
    if (!live_.empty()) ++stats_.aborted;
    failed_ = true;
    in_event_ = true;
    session_->Abort(h2::ErrorCode::kCancel);
    in_event_ = false;
    return;
  }
  active_at_ = now;
  in_event_ = true;
  session_->Receive({read_buffer_.get(), size}, now);
  in_event_ = false;
}

void H2Server::OnWritten(size_t size, Instant now) {
  now_ = now;
  writing_ = false;
  active_at_ = now;
  const uint64_t of_bodies = std::min<uint64_t>(size, bodies_ahead_);
  bodies_ahead_ -= of_bodies;
  pace_.OnTaken(of_bodies, now);
  if (!failed_) out_.Consume(size);
}

void H2Server::OnDeadline(Instant now) {
  now_ = now;
  if (now < deadline_) return;
  in_event_ = true;
  if (shut_down_) {
    failed_ = true;
  } else if (writing_ && now >= write_until_) {
    ++stats_.timeouts;
    OnFailure();
  } else if (now >= FieldsDue()) {
    ++stats_.timeouts;
    session_->GoAway(h2::ErrorCode::kEnhanceYourCalm, "the fields took too long to arrive");
  } else if (live_.empty()) {
    if (now >= active_at_ + options_.idle_timeout)
      session_->GoAway(h2::ErrorCode::kNoError, "idle");
  } else {
    OnExchangesDue(now);
  }
  in_event_ = false;
}

// Who stalls some streams loses these first.
void H2Server::OnExchangesDue(Instant now) {
  bool any = false;
  for (H2Exchange& exchange : live_) {
    any = any || exchange.due() <= now;
    exchange.OnTime(now);
  }
  if (any || now < pace_.due()) return;
  ++stats_.timeouts;
  OnFailure();
}

void H2Server::OnFailure() {
  if (std::exchange(failed_, true)) return;
  if (!live_.empty()) ++stats_.aborted;
  const bool outer = std::exchange(in_event_, true);
  session_->Abort(h2::ErrorCode::kCancel);
  in_event_ = outer;
}

void H2Server::Stop() {
  stopping_ = true;
  if (!failed_) session_->Drain();
  for (H2Exchange& exchange : live_) exchange.OnStop();
}

// --- Streams ---

void H2Server::OnRequest(h2::Stream& stream, const h2::RequestHead& head, bool end) {
  ++stats_.requests;
  ++requests_;
  H2Exchange& exchange = NewExchange();
  stream.set_user_data(&exchange);
  live_.PushBack(exchange);
  if (requests_ == options_.max_requests) session_->Drain();
  exchange.OnRequest(stream, head, end);
}

void H2Server::OnData(h2::Stream& stream, std::string_view data, bool end) {
  static_cast<H2Exchange*>(stream.user_data())->OnData(data, end);
}

void H2Server::OnTrailers(h2::Stream& stream, const Fields& fields) {
  static_cast<H2Exchange*>(stream.user_data())->OnTrailers(fields);
}

void H2Server::OnClosed(h2::Stream& stream, h2::ErrorCode code, bool) {
  auto* const exchange = static_cast<H2Exchange*>(stream.user_data());
  if (exchange != nullptr && exchange->OnClosed(code)) Release(*exchange);
}

H2Exchange& H2Server::NewExchange() {
  if (spare_.empty()) {
    exchanges_.push_back(std::make_unique<H2Exchange>(*this));
    spare_.reserve(exchanges_.size());
    return *exchanges_.back();
  }
  H2Exchange* const exchange = spare_.back();
  spare_.pop_back();
  return *exchange;
}

void H2Server::Release(H2Exchange& exchange) {
  exchange.live.Unlink();
  exchange.ready.Unlink();
  exchange.Clear();
  spare_.push_back(&exchange);
}

void H2Server::MarkReady(H2Exchange& exchange) {
  exchange.ready.Unlink();
  ready_.PushBack(exchange);
  if (!in_event_) Notify();
}

}  // namespace corelane::http
