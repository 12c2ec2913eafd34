// WebSocket as a handler of the router.
//
//   ws::Options options;
//   options.subprotocols = {"chat.v2"};
//   router.Get("/chat", ws::Handler([&room](ws::Socket& socket) -> http::Task<void> {
//     ws::Room::Member member(room, socket);
//     while (std::optional<ws::Message> message = co_await socket.Receive()) {
//       room.Broadcast(*message);
//     }
//   }, options));
//
// Over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441). A request that is no handshake, or one that the
// options do not allow, is answered with what is wrong (handshake.h). Middleware around it sees the
// handshake; its time-outs end with that.

#ifndef CORELANE_HTTP_WS_HANDLER_H_
#define CORELANE_HTTP_WS_HANDLER_H_

#include <functional>
#include <memory>

#include "http/message.h"
#include "http/task.h"
#include "http/ws/options.h"
#include "http/ws/socket.h"

namespace corelane::ws {

namespace internal {
struct Endpoint;
}

class Handler {
 public:
  // `handle` is called for each connection, and must stay callable while any of them lasts. Throws
  // std::invalid_argument with Options::Problem() where there is one.
  explicit Handler(std::function<http::Task<void>(Socket&)> handle, Options options = Options());

  http::Task<http::Response> operator()(const http::Request& request) const;

 private:
  std::shared_ptr<const internal::Endpoint> endpoint_;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_HANDLER_H_
