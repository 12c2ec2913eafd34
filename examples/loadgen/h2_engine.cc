// HTTP/2 (RFC 9113).

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "examples/loadgen/engine.h"
#include "http/h2/session.h"
#include "http/wire/buffer.h"

namespace corelane::load {
namespace {

// How many streams may be open before the server has said how many it takes (RFC 9113 §6.5.2: it
// should take no fewer).
constexpr uint32_t kStreamsBeforeSettings = 100;

// A request in flight.
struct Slot final : public h2::DataSource {
  Result Read(h2::Stream&, std::span<char> out) override {
    const size_t size = std::min(out.size(), body.size());
    std::memcpy(out.data(), body.data(), size);
    body.remove_prefix(size);
    return {body.empty() ? Result::Kind::kEnd : Result::Kind::kData, size};
  }

  Ticket ticket{};
  h2::Stream* stream = nullptr;  // Null: the slot is free.
  std::string_view body;         // Of the request, what is still to be sent.
  int status = 0;
  uint64_t body_bytes = 0;
  bool expired = false;
};

class Http2Engine final : public Engine, private h2::Handler {
 public:
  Http2Engine(Pacer& pacer, const Request& request)
      : pacer_(pacer),
        line_{request.method, request.scheme(), request.authority(), request.url.target, {}},
        sent_fields_(request.SentFields()),
        body_(request.body),
        read_(std::make_unique<char[]>(kReadSize)),
        slots_(pacer.plan().depth) {
    for (const Field& field : sent_fields_) {
      // They belong to HTTP/1.1's connections (RFC 9113 §8.2.2).
      if (field.first == "connection" || field.first == "keep-alive") continue;
      fields_.push_back({field.first, field.second});
    }
    for (Slot& slot : slots_) free_.push_back(&slot);
    options_.initial_window_size = 16 << 20;
    options_.connection_window_size = 256 << 20;
    session_ = h2::Session::Client(options_, *this, stats_);
  }

  size_t room() const override {
    if (closing_) return 0;
    const size_t used = slots_.size() - free_.size();
    const size_t most = std::min<size_t>(slots_.size(), max_streams_);
    return most > used ? most - used : 0;
  }

  void Send(const Ticket& ticket) override {
    Slot& slot = *free_.back();
    slot.body = body_;
    const h2::Body body = body_.empty() ? h2::Body::None() : h2::Body::From(slot);
    h2::Stream* const stream = session_->SubmitRequest(line_, fields_, body);
    if (stream == nullptr) {
      // Ids are used up, or the server is leaving.
      pacer_.Return(ticket);
      Finish();
      return;
    }
    free_.pop_back();
    stream->set_user_data(&slot);
    slot.ticket = ticket;
    slot.stream = stream;
    slot.status = 0;
    slot.body_bytes = 0;
    slot.expired = false;
  }

  std::span<char> ReadBuffer() override { return {read_.get(), kReadSize}; }
  void OnRead(size_t size, Instant now) override {
    pacer_.CountBytes(size, 0, now);
    now_ = now;
    session_->Receive({read_.get(), size}, now);
  }
  void OnEnd(Instant now) override {
    Fail(Failure::kClosed, "the server closed the connection before it answered", now);
  }

  std::string_view Output() override {
    // The session's own bytes move with its next call.
    while (sending_.size() < kGather) {
      const std::string_view bytes = session_->Output();
      if (bytes.empty()) break;
      sending_.Append(bytes);
      session_->OnWritten(bytes.size());
    }
    return sending_.view();
  }
  void OnWritten(size_t size) override { sending_.Consume(size); }

  void Expire(Instant now) override {
    now_ = now;
    for (Slot& slot : slots_) {
      if (slot.stream == nullptr || slot.expired) continue;
      if (slot.ticket.sent + pacer_.plan().timeout > now) continue;
      slot.expired = true;
      session_->Reset(*slot.stream, h2::ErrorCode::kCancel);
    }
  }
  void Fail(Failure failure, std::string_view reason, Instant now) override {
    now_ = now;
    failure_ = failure;
    reason_ = reason;
    closing_ = true;
    session_->Abort(h2::ErrorCode::kInternalError);
    failed_ = true;
  }
  void Finish() override {
    if (closing_) return;
    closing_ = true;
    // GOAWAY follows the last answer.
    session_->Drain();
  }

  size_t in_flight() const override { return slots_.size() - free_.size(); }
  bool has_answered() const override { return has_answered_; }
  bool closing() const override { return closing_; }
  bool finished() const override {
    return failed_ || (in_flight() == 0 && closing_ && sending_.empty() && session_->finished());
  }

 private:
  static constexpr size_t kReadSize = 64 << 10;
  static constexpr size_t kGather = 64 << 10;

  void OnSettings(const h2::PeerSettings& settings) override {
    max_streams_ = settings.max_concurrent_streams;
  }
  void OnResponse(h2::Stream& stream, const h2::ResponseHead& head, bool) override {
    static_cast<Slot*>(stream.user_data())->status = head.status;
  }
  void OnData(h2::Stream& stream, std::string_view data, bool) override {
    static_cast<Slot*>(stream.user_data())->body_bytes += data.size();
    session_->Consume(stream, data.size());
  }
  void OnClosed(h2::Stream& stream, h2::ErrorCode code, bool unprocessed) override {
    Slot& slot = *static_cast<Slot*>(stream.user_data());
    slot.stream = nullptr;
    free_.push_back(&slot);
    if (code == h2::ErrorCode::kNoError && slot.status != 0 && !slot.expired) {
      has_answered_ = true;
      pacer_.Answered(slot.ticket, slot.status, slot.body_bytes, now_);
    } else if (slot.expired) {
      pacer_.Failed(slot.ticket, Failure::kTimeout, "no whole answer within --timeout", now_);
    } else if (unprocessed) {
      pacer_.Return(slot.ticket);
    } else if (!reason_.empty()) {
      pacer_.Failed(slot.ticket, failure_, reason_, now_);
    } else {
      pacer_.Failed(slot.ticket, Failure::kStream, h2::ErrorName(code), now_);
    }
  }
  void OnGoAway(h2::ErrorCode, uint32_t, std::string_view) override { Finish(); }
  void OnConnectionError(h2::ErrorCode, std::string_view reason) override {
    closing_ = true;
    failure_ = Failure::kProtocol;
    reason_ = reason.empty() ? std::string_view("the server broke HTTP/2's rules") : reason;
  }

  Pacer& pacer_;
  const h2::RequestLine line_;
  const std::vector<Field> sent_fields_;
  std::vector<h2::HeaderField> fields_;
  const std::string_view body_;
  const std::unique_ptr<char[]> read_;
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  http::Buffer sending_;
  h2::SessionOptions options_;
  h2::SessionStats stats_;
  std::unique_ptr<h2::Session> session_;
  uint32_t max_streams_ = kStreamsBeforeSettings;
  Instant now_{};
  Failure failure_ = Failure::kClosed;
  std::string reason_;  // Why the connection has failed; empty: it has not.
  bool has_answered_ = false;
  bool closing_ = false;
  bool failed_ = false;
};

}  // namespace

std::unique_ptr<Engine> NewHttp2Engine(Pacer& pacer, const Request& request) {
  return std::make_unique<Http2Engine>(pacer, request);
}

}  // namespace corelane::load
