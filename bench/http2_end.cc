#include "bench/http2_end.h"

#include <array>
#include <cstdint>
#include <span>

#include "bench/http_ends.h"

namespace corelane::bench {

class Http2ClientEnd::Peer final : private h2::Handler {
 public:
  explicit Peer(Http2ClientEnd& end)
      : end_(end), session_(h2::Session::Client(end.options_, *this, end.stats_)) {}

  stack::TcpSocket* socket = nullptr;

  void OnEvent(Instant now) {
    const uint8_t events = socket->TakeEvents();
    if (events & tcp::kConnected) {
      for (uint64_t i = 0; i < end_.streams_; ++i) Ask();
    }
    if (events & tcp::kReadable) {
      while (const size_t size = socket->Read(room_)) {
        session_->Receive({reinterpret_cast<const char*>(room_.data()), size}, now);
      }
    }
    if (socket->closed() || socket->end_of_stream() || session_->finished()) return Fail();
    for (std::string_view out = session_->Output(); !out.empty(); out = session_->Output()) {
      const size_t sent = socket->Write({reinterpret_cast<const uint8_t*>(out.data()), out.size()});
      if (sent == 0) return;
      session_->OnWritten(sent);
    }
  }

 private:
  void Ask() {
    if (session_->SubmitRequest({"GET", "http", "10.0.0.2", "/hello"}, {}, h2::Body::None()) ==
        nullptr) {
      ++end_.counted_.errors;
    }
  }
  void Fail() {
    ++end_.counted_.errors;
    socket->user = nullptr;
    socket->Abort();
    socket->Release();
    socket = nullptr;
  }

  // A stream's user data says how much of its body has come, and 1 for a good head.
  void OnResponse(h2::Stream& stream, const h2::ResponseHead& head, bool) override {
    const bool right = head.status == 200 && head.fields.Find("content-type") == kHelloType &&
                       head.fields.Find("content-length") == "128";
    stream.set_user_data(reinterpret_cast<void*>(right ? uintptr_t{1} : uintptr_t{0}));
  }
  void OnData(h2::Stream& stream, std::string_view data, bool) override {
    session_->Consume(stream, data.size());
    const uintptr_t so_far = reinterpret_cast<uintptr_t>(stream.user_data());
    const bool right = so_far > 0 && kHelloBody.substr(so_far - 1, data.size()) == data;
    stream.set_user_data(reinterpret_cast<void*>(right ? so_far + data.size() : uintptr_t{0}));
  }
  void OnClosed(h2::Stream& stream, h2::ErrorCode code, bool) override {
    const bool whole = reinterpret_cast<uintptr_t>(stream.user_data()) == kHelloBody.size() + 1;
    if (code != h2::ErrorCode::kNoError || !whole) {
      ++end_.counted_.errors;
    } else {
      ++end_.counted_.transactions;
      end_.counted_.bytes += kHelloBody.size();
    }
    Ask();
  }

  Http2ClientEnd& end_;
  std::unique_ptr<h2::Session> session_;
  std::array<uint8_t, 65536> room_;
};

Http2ClientEnd::Http2ClientEnd(stack::Stack& stack, const Endpoint& server, uint64_t streams)
    : stack_(stack), server_(server), streams_(streams) {}
Http2ClientEnd::~Http2ClientEnd() = default;

void Http2ClientEnd::Open() {
  stack::TcpSetupError error;
  stack::TcpSocket* const s = stack_.tcp().Connect(server_, {}, error);
  if (s == nullptr) {
    ++counted_.errors;
    return;
  }
  peers_.push_back(std::make_unique<Peer>(*this));
  peers_.back()->socket = s;
  s->user = peers_.back().get();
}

void Http2ClientEnd::Turn() {
  const Instant now = stack_.now();
  while (stack::TcpSocket* const s = stack_.tcp().NextReady()) {
    if (s->user != nullptr) static_cast<Peer*>(s->user)->OnEvent(now);
  }
}

}  // namespace corelane::bench
