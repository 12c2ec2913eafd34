// A chat room: a page, and a WebSocket that everybody in the room hears.
//
//   bazel run //examples:chat
//   open http://127.0.0.1:8080/ in two windows
//
// The first message of a connection is the name; every further one is said to all. Over TLS
// (--tls_cert, --tls_key) browsers use the WebSocket over HTTP/2.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "examples/chat_page.h"
#include "examples/http_program.h"
#include "http/middleware.h"
#include "http/ws/handler.h"
#include "http/ws/room.h"

namespace {

using namespace corelane;

constexpr size_t kLongestName = 40;

class Chat {
 public:
  http::Task<void> Join(ws::Socket& socket) {
    std::string name;
    if (const std::optional<ws::Message> first = co_await socket.Receive()) name = first->data;
    if (name.empty() || name.size() > kLongestName) {
      socket.Close(ws::CloseCode::kPolicyViolation, "expected a name of 1 to 40 bytes");
      co_return;
    }
    const ws::Room::Member member(room_, socket);
    ++people_;
    Say(name + " has come (" + std::to_string(people_) + " here)");
    while (const std::optional<ws::Message> message = co_await socket.Receive()) {
      if (message->text()) Say(name + ": " + std::string(message->data));
    }
    --people_;
    Say(name + " has left (" + std::to_string(people_) + " here)");
  }

 private:
  void Say(std::string_view text) { room_.Broadcast({ws::MessageType::kText, text}); }

  ws::Room room_{ws::SlowMember::kClosed};
  size_t people_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  examples::HttpProgram program("chat", "A chat room with a page.");
  return program.Run(argc, argv, [](const examples::HttpSite&, http::Router& router) {
    const auto chat = std::make_shared<Chat>();
    ws::Options options;
    options.max_message = 4096;
    options.deflate.emplace();
    router.Get("/", [](const http::Request&) {
      return http::Response::Static("text/html; charset=utf-8", examples::ChatPage());
    });
    router.Get("/chat",
               ws::Handler([chat](ws::Socket& socket) { return chat->Join(socket); }, options));
  });
}
