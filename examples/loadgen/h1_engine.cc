// HTTP/1.1 (RFC 9112): answers come in the order of their requests.

#include <string>
#include <vector>

#include "examples/loadgen/engine.h"
#include "http/h1/chunked.h"
#include "http/h1/parse_error.h"
#include "http/h1/parser.h"
#include "http/wire/buffer.h"

namespace corelane::load {
namespace {

using http::BodyKind;
using http::ParseStatus;

class Http1Engine final : public Engine {
 public:
  Http1Engine(Pacer& pacer, const Request& request, std::string_view serialized)
      : pacer_(pacer),
        method_(request.known_method()),
        serialized_(serialized),
        depth_(pacer.plan().depth),
        tickets_(depth_) {
    limits_.head_bytes = kMaxHead;
    parser_.Start(limits_, method_);
  }

  size_t room() const override { return closing_ ? 0 : depth_ - count_; }

  void Send(const Ticket& ticket) override {
    waiting_.Append(serialized_);
    size_t at = first_ + count_++;
    if (at >= depth_) at -= depth_;
    tickets_[at] = ticket;
  }

  std::span<char> ReadBuffer() override { return {in_.Prepare(kReadSize), kReadSize}; }

  void OnRead(size_t size, Instant now) override {
    in_.Commit(size);
    pacer_.CountBytes(size, 0, now);
    while (!in_.empty() && !finished_) {
      if (!in_body_ && !ReadHead(now)) return;
      if (in_body_ && !ReadBody(now)) return;
    }
  }

  void OnEnd(Instant now) override {
    const bool whole = in_body_ && body_.framing().kind == BodyKind::kUntilClose;
    if (whole) EndAnswer(now);
    Fail(Failure::kClosed, "the server closed the connection before it answered", now);
  }

  std::string_view Output() override {
    if (sending_.empty()) std::swap(sending_, waiting_);
    return sending_.view();
  }
  void OnWritten(size_t size) override { sending_.Consume(size); }

  void Expire(Instant now) override {
    const Duration timeout = pacer_.plan().timeout;
    bool expired = false;
    while (count_ > 0 && tickets_[first_].sent + timeout <= now) {
      expired = true;
      pacer_.Failed(Next(), Failure::kTimeout, "no whole answer within --timeout", now);
    }
    // Their answers may still come: the connection can't be used.
    if (expired) Abandon();
  }
  void Fail(Failure failure, std::string_view reason, Instant now) override {
    while (count_ > 0) pacer_.Failed(Next(), failure, reason, now);
    closing_ = finished_ = true;
  }
  void Finish() override {
    closing_ = true;
    if (count_ == 0) finished_ = true;
  }

  size_t in_flight() const override { return count_; }
  bool has_answered() const override { return has_answered_; }
  bool closing() const override { return closing_; }
  bool finished() const override { return finished_; }

 private:
  static constexpr size_t kReadSize = 32 << 10;
  static constexpr size_t kMaxHead = 64 << 10;

  // Takes the oldest request.
  Ticket Next() {
    const Ticket ticket = tickets_[first_];
    if (++first_ == depth_) first_ = 0;
    --count_;
    return ticket;
  }
  // The rest of what is in flight goes elsewhere.
  void Abandon() {
    while (count_ > 0) pacer_.Return(Next());
    closing_ = finished_ = true;
  }

  // False: it needs more, or has failed.
  bool ReadHead(Instant now) {
    if (count_ == 0) {
      pacer_.tally().Fail(Failure::kProtocol, "the server sent what nobody asked for");
      closing_ = finished_ = true;
      return false;
    }
    const ParseStatus status = parser_.Parse(in_.view());
    if (status == ParseStatus::kNeedMore) return false;
    if (status == ParseStatus::kError) {
      Fail(Failure::kProtocol, http::Reason(parser_.error()), now);
      return false;
    }
    const http::ResponseHead head = parser_.head(in_.view());
    if (head.status == 101) {
      Fail(Failure::kProtocol, "the server switched protocols without being asked", now);
      return false;
    }
    status_ = head.status;
    keep_alive_ = head.keep_alive;
    body_.Start(head.body);
    body_bytes_ = 0;
    in_.Consume(parser_.consumed());
    parser_.Start(limits_, method_);
    // Interim answers are followed by the final one (RFC 9110 §15.2).
    if (status_ < 200) return true;
    in_body_ = true;
    if (body_.done()) EndAnswer(now);
    return true;
  }

  bool ReadBody(Instant now) {
    const http::BodyStep step = body_.Decode(in_.view());
    body_bytes_ += step.data.size();
    in_.Consume(step.consumed);
    if (step.status == ParseStatus::kError) {
      Fail(Failure::kProtocol, http::Reason(body_.error()), now);
      return false;
    }
    if (step.status == ParseStatus::kDone) {
      EndAnswer(now);
      return true;
    }
    return step.consumed > 0;
  }

  void EndAnswer(Instant now) {
    in_body_ = false;
    has_answered_ = true;
    pacer_.Answered(Next(), status_, body_bytes_, now);
    if (!keep_alive_) {
      Abandon();
    } else if (closing_ && count_ == 0) {
      finished_ = true;
    }
  }

  Pacer& pacer_;
  const http::Method method_;
  const std::string_view serialized_;
  http::HeadLimits limits_;
  const size_t depth_;
  std::vector<Ticket> tickets_;  // A ring: count_ of them from first_ on.
  size_t first_ = 0;
  size_t count_ = 0;
  http::Buffer waiting_;
  http::Buffer sending_;
  http::Buffer in_;
  http::ResponseParser parser_;
  http::BodyDecoder body_;
  bool in_body_ = false;
  int status_ = 0;
  uint64_t body_bytes_ = 0;
  bool keep_alive_ = true;
  bool has_answered_ = false;
  bool closing_ = false;
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<Engine> NewHttp1Engine(Pacer& pacer, const Request& request,
                                       std::string_view serialized) {
  return std::make_unique<Http1Engine>(pacer, request, serialized);
}

}  // namespace corelane::load
