// The opening handshake: RFC 6455 §4 over HTTP/1.1, RFC 8441 over HTTP/2. Both ends.
//
//   Accepted accepted = Accept(request, options);
//   if (accepted.refusal.has_value()) co_return *std::move(accepted.refusal);
//   Response response = Response::Tunnel("websocket", ...);
//   accepted.AddTo(response);

#ifndef CORELANE_HTTP_WS_HANDSHAKE_H_
#define CORELANE_HTTP_WS_HANDSHAKE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/wire/fields.h"
#include "http/ws/deflate.h"
#include "http/ws/options.h"

namespace corelane::ws {

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2): base64 of the SHA-1 of the key
// and a fixed text.
std::string AcceptKey(std::string_view key);

// --- Server ---

struct Accepted {
  // What to answer instead: 400 says what is wrong; 403 for the origin; 426 where the client does
  // not ask for an upgrade, or for another version, with the fields that say what would do.
  std::optional<http::Response> refusal;
  std::string accept;       // Sec-WebSocket-Accept; empty over HTTP/2.
  std::string subprotocol;  // One of Options::subprotocols, or empty.
  std::optional<DeflateParams> deflate;

  // The fields of the answer.
  void AddTo(http::Response& response) const;
};

// The checks of RFC 6455 §4.2.1 and RFC 8441 §5.
Accepted Accept(const http::Request& request, const Options& options);

// --- Client ---

struct ClientOptions {
  ClientOptions() {}

  std::vector<std::string> subprotocols;  // Offered, the preferred first.
  std::optional<DeflateOptions> deflate;  // Offered.
};

// One connection attempt over HTTP/1.1.
class ClientHandshake {
 public:
  // `nonce`: 16 random bytes, new for each.
  ClientHandshake(std::span<const uint8_t, 16> nonce, ClientOptions options);

  // "Name: value\r\n" of each field that the GET must have besides Host.
  std::string FieldLines() const;

  struct Result {
    // Empty, or why the connection must be failed (RFC 6455 §4.1).
    std::string problem;
    std::string subprotocol;
    std::optional<DeflateParams> deflate;
  };
  Result Check(int status, const http::Fields& fields) const;

 private:
  ClientOptions options_;
  std::string key_;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_HANDSHAKE_H_
