// For the tests of the client's engines: a user that writes down what happens.

#ifndef CORELANE_HTTP_CLIENT_ENGINE_TEST_FIXTURE_H_
#define CORELANE_HTTP_CLIENT_ENGINE_TEST_FIXTURE_H_

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client/engine.h"
#include "http/client/h1_client_connection.h"

namespace corelane::http::testing {

inline constexpr Instant kNow{std::chrono::seconds(1)};

class EventLog final : public ExchangeEvents {
 public:
  std::vector<std::string> events;
  int status = 0;
  bool head_ended = false;
  std::optional<uint64_t> length;
  std::string fields;
  int readable = 0;
  bool sent = false;
  bool failed = false;
  ExchangeFailure failure;
  std::function<void()> on_head;

  void OnInformational(int informational, const Fields&) override {
    events.push_back(std::to_string(informational));
  }
  void OnHead(const IncomingHead& head) override {
    status = head.status;
    head_ended = head.end;
    length = head.length;
    for (const Field field : head.fields) {
      fields.append(field.name).append("=").append(field.value).append(";");
    }
    events.push_back(std::to_string(status));
    if (on_head) on_head();
  }
  void OnReadable() override { ++readable; }
  void OnSent() override { sent = true; }
  void OnFailed(const ExchangeFailure& what) override {
    failed = true;
    failure = what;
    events.push_back("failed");
  }
};

// Gives `pieces` one by one; an empty one is "pending" until NotifyMore.
class PieceSource final : public UploadSource {
 public:
  explicit PieceSource(std::vector<std::string> pieces, std::optional<uint64_t> size = {},
                       bool replayable = false)
      : pieces_(std::move(pieces)), size_(size), replayable_(replayable) {}

  std::optional<uint64_t> size() const override { return size_; }
  Result Read(std::span<char> out) override {
    if (at_ == pieces_.size()) return fail_ ? Result::Failed() : Result::End();
    const std::string& piece = pieces_[at_];
    if (piece.empty() && !waited_) {
      waited_ = true;
      return Result::Pending();
    }
    waited_ = false;
    if (piece.empty()) {
      ++at_;
      return Read(out);
    }
    const size_t size = std::min(out.size(), piece.size() - offset_);
    std::memcpy(out.data(), piece.data() + offset_, size);
    offset_ += size;
    if (offset_ == piece.size()) {
      ++at_;
      offset_ = 0;
    }
    return Result::Data(size);
  }
  bool Rewind() override {
    if (!replayable_) return false;
    at_ = offset_ = 0;
    waited_ = false;
    return true;
  }
  const FieldList* trailers() const override { return trailers_.empty() ? nullptr : &trailers_; }

  void NotifyMore() { NotifyReady(); }
  void FailAtEnd() { fail_ = true; }
  FieldList& mutable_trailers() { return trailers_; }

 private:
  std::vector<std::string> pieces_;
  std::optional<uint64_t> size_;
  bool replayable_;
  bool fail_ = false;
  bool waited_ = false;
  size_t at_ = 0;
  size_t offset_ = 0;
  FieldList trailers_;
};

// Everything that is to be sent now.
inline std::string TakeOutput(ClientConnection& connection, size_t piece = SIZE_MAX,
                              Instant now = kNow) {
  std::string all;
  for (;;) {
    const auto parts = connection.Output(now);
    std::string bytes = std::string(parts[0]) + std::string(parts[1]);
    if (bytes.empty()) return all;
    bytes.resize(std::min(piece, bytes.size()));
    all += bytes;
    connection.OnWritten(bytes.size(), now);
  }
}

// What can be read of the body now; `last` is how it ended.
inline std::string TakeBody(Exchange& exchange, BodyRead::Status& last, size_t piece = 4096) {
  std::string all;
  std::string out(piece, '\0');
  for (;;) {
    const BodyRead got = exchange.Read(out);
    last = got.status;
    if (got.status != BodyRead::Status::kData) return all;
    all.append(out, 0, got.size);
  }
}

inline ExchangeRequest GetRequest(std::string_view method = "GET") {
  ExchangeRequest request;
  request.method = method;
  request.scheme = "http";
  request.authority = "example.com";
  request.target = "/x";
  return request;
}

}  // namespace corelane::http::testing

#endif  // CORELANE_HTTP_CLIENT_ENGINE_TEST_FIXTURE_H_
