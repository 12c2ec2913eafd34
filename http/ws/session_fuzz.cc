// A hostile client against the server's session, over a tunnel that gives and takes bytes as the
// input says. How what the client sends is cut does not change what the handler sees; what the
// client gets is a valid stream of frames that ends with a close frame or in the middle of nothing
// worse than a message; and no buffer grows beyond its bound.
//
// The first byte chooses: bit 0 whether permessage-deflate was agreed on, bit 1 a small buffer to
// send from, bit 2 whether the client reads only some of the time, bit 3 whether time passes.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/random.h"
#include "http/ws/codec_harness.h"
#include "http/ws/session.h"

namespace corelane::ws {
namespace {

using http::Task;
using internal::Session;
using std::chrono::seconds;

constexpr uint64_t kMaxMessage = 4096;

struct Choice {
  explicit Choice(uint8_t byte)
      : deflate((byte & 1) != 0),
        small((byte & 2) != 0),
        slow((byte & 4) != 0),
        timed((byte & 8) != 0) {}
  bool deflate;
  bool small;
  bool slow;
  bool timed;
};

class Tunnel {
 public:
  explicit Tunnel(const Choice& choice) : choice_(choice) {
    auto endpoint = std::make_shared<internal::Endpoint>();
    endpoint->handler = [this](Socket& socket) { return Handle(socket); };
    Options& options = endpoint->options;
    options.max_message = kMaxMessage;
    if (choice.small) {
      options.fragment_size = 50;
      options.send_buffer = 100;
      options.max_send_buffer = 1000;
    }
    most_held_ = options.max_send_buffer + options.send_buffer + 2 * kMaxMessage;
    std::optional<DeflateParams> deflate;
    if (choice.deflate) deflate.emplace();
    session_ =
        std::make_unique<Session>(std::move(endpoint), http::Request(), std::string(), deflate);
    client_.emplace(Role::kClient, uint64_t{1} << 24, deflate);
    session_->Advance(now_, false);
  }
  ~Tunnel() {
    if (session_ != nullptr) Session::Release(std::move(session_));
  }
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // What the handler saw.
  std::string Run(std::string_view bytes, size_t piece, Random random) {
    while (!bytes.empty() && !session_->finished()) {
      const std::string part(bytes.substr(0, piece));
      bytes.remove_prefix(part.size());
      for (int i = 0; i < 100 && !session_->wants_input() && !session_->finished(); ++i) {
        Take(SIZE_MAX);
      }
      if (!session_->wants_input()) break;
      session_->OnInput(part, now_);
      // Before `part` goes: until all of it is taken.
      do {
        if (choice_.timed && random.Below(4) == 0) now_ += seconds(random.Below(40));
        Take(choice_.slow ? random.Below(200) : SIZE_MAX);
      } while (!session_->wants_input() && !session_->finished());
    }
    if (session_->wants_input()) session_->OnInputEnd(now_);
    for (int i = 0; i < 1000 && !session_->finished(); ++i) {
      now_ = std::max(now_, std::min(session_->NextDeadline(), now_ + seconds(60)));
      Take(SIZE_MAX);
    }
    CL_CHECK(session_->finished());
    return std::move(seen_);
  }

 private:
  Task<void> Handle(Socket& socket) {
    while (const std::optional<Message> message = co_await socket.Receive()) {
      CL_CHECK(message->data.size() <= kMaxMessage);
      seen_ += (message->text() ? "text " : "binary ") + std::string(message->data) + "\n";
      const char first = message->data.empty() ? ' ' : message->data[0];
      if (first == 't') socket.TrySend(*message);
      if (first == 'p') socket.Ping(message->data);
      if (first == 'c' && message->text()) socket.Close(CloseCode::kNormal, message->data);
      if (first == 'r') co_return;
      co_await socket.Send(*message);
    }
    seen_ += "end\n";
  }

  void Take(size_t most) {
    CL_CHECK(session_->buffered() <= most_held_);
    const std::string_view output = session_->output().substr(0, most);
    std::string_view left = output;
    while (!left.empty()) CL_CHECK(client_->Decode(left) != Event::kError);
    session_->OnSent(output.size());
    session_->Advance(now_, false);
  }

  const Choice choice_;
  std::unique_ptr<Session> session_;
  std::optional<Decoder> client_;
  Instant now_{seconds(1000)};
  size_t most_held_ = 0;
  std::string seen_;
};

std::string Run(const Choice& choice, std::string_view bytes, size_t piece, uint64_t seed) {
  Tunnel tunnel(choice);
  return tunnel.Run(bytes, piece, Random(seed));
}

}  // namespace
}  // namespace corelane::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::ws;
  if (size == 0) return 0;
  const Choice choice(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = Run(choice, bytes, SIZE_MAX, size);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{100}}) {
    const std::string pieces = Run(choice, bytes, piece, piece);
    // When time passes, it may be over before all has come.
    if (!choice.timed) CL_CHECK(pieces == whole);
  }
  return 0;
}
