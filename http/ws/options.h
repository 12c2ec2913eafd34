// What a WebSocket endpoint of a server allows, and how long it waits.

#ifndef CORELANE_HTTP_WS_OPTIONS_H_
#define CORELANE_HTTP_WS_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/time.h"
#include "http/ws/deflate.h"

namespace corelane::ws {

struct Options {
  Options() {}  // Not an aggregate: GCC 12 destroys aggregate temporaries in co_await twice.

  // --- The handshake ---

  // What may be chosen of the client's Sec-WebSocket-Protocol, in the client's order. Where nothing
  // fits, the connection goes on without one.
  std::vector<std::string> subprotocols;
  // The pages that may connect, as "https://example.com" in Origin; others get a 403. Empty: those
  // of the host that the request is for. {"*"}: any. Who sends no Origin is no page and may always.
  std::vector<std::string> origins;
  // permessage-deflate, where the client offers it. None: off. It takes up to 300 KiB a connection.
  std::optional<DeflateOptions> deflate;

  // --- Limits ---

  // Of one received message, inflated, in bytes: closed with 1009 beyond.
  uint64_t max_message = 1 << 20;
  // A longer message is sent in frames of so many bytes, before they are compressed, so that pings,
  // pongs and the close frame need not wait for its end, and no more than one of them is held
  // besides send_buffer.
  size_t fragment_size = 64 << 10;
  // Send() waits while more bytes than this wait to be taken by the connection. A message that is
  // sent in several frames stays in the handler's hands meanwhile.
  size_t send_buffer = 64 << 10;
  // TrySend() drops what would make more than this wait.
  size_t max_send_buffer = 1 << 20;

  // --- Time; Duration::max(): never ---

  // After this long without a byte from the client it is sent a ping, and after pong_timeout more
  // without one it is closed. While the handler leaves messages waiting, nothing is read from the
  // client, and this time does not count.
  Duration ping_interval = std::chrono::seconds(30);
  Duration pong_timeout = std::chrono::seconds(20);
  // Without a message in either direction: closed with 1001. Pings do not count.
  Duration idle_timeout = Duration::max();
  // How long to wait for the client's close frame after ours.
  Duration close_timeout = std::chrono::seconds(5);

  // Empty, or which field is wrong, and what would be right.
  std::string Problem() const;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_OPTIONS_H_
