// permessage-deflate (RFC 7692): negotiation, and the two directions with zlib.
//
//   std::optional<DeflateParams> agreed = AcceptDeflateOffer(value, options);   // server
//   FormatDeflate(*agreed)  ->  "permessage-deflate; server_no_context_takeover"

#ifndef CORELANE_HTTP_WS_DEFLATE_H_
#define CORELANE_HTTP_WS_DEFLATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/wire/buffer.h"

namespace corelane::ws {

// What one side wants of the extension.
struct DeflateOptions {
  DeflateOptions() {}  // Not an aggregate: GCC 12 destroys aggregate temporaries in co_await twice.

  // Forget what was sent between two messages: a worse ratio, and no window kept for an idle
  // connection. As a server: `server_` is what we do whatever the client asks, `client_` what we
  // ask of it.
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  // 9 to 15: 2^bits bytes of window. A server can bound the client's only where the client offers
  // that.
  int server_max_window_bits = 15;
  int client_max_window_bits = 15;
  int level = 1;      // Of zlib, 1 to 9.
  int mem_level = 8;  // Of zlib, 1 to 9.
  // Messages below are sent as they are.
  size_t min_bytes = 128;

  // Empty, or which field is wrong, and what would be right.
  std::string Problem() const;
};

// What both have agreed on.
struct DeflateParams {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;
  int client_max_window_bits = 15;
  bool name_server_bits = false;  // In the answer.
  bool name_client_bits = false;

  bool operator==(const DeflateParams&) const = default;
};

// Server: the first offer of Sec-WebSocket-Extensions that can be accepted (RFC 7692 §5.1). Offers
// with an unknown, doubled or malformed parameter are passed over (§7.1).
std::optional<DeflateParams> AcceptDeflateOffer(std::string_view offers,
                                                const DeflateOptions& options);
// The element for the answer.
std::string FormatDeflate(const DeflateParams& params);

// Client: the offer, and what the server's answer means; nullopt: the connection must be failed
// (RFC 7692 §7.1).
std::string FormatDeflateOffer(const DeflateOptions& options);
std::optional<DeflateParams> CheckDeflateAnswer(std::string_view answer,
                                                const DeflateOptions& options);

// One direction of one connection. Memory is taken with the first message: 2^(bits+2) +
// 2^(mem_level+9) bytes to send, 2^bits + 10 KiB to receive; nothing is allocated after.
class Deflater {
 public:
  Deflater(int window_bits, bool no_context_takeover, const DeflateOptions& options);
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;

  // Whether a message of this size is to be compressed. Never with a window of 8 bits, which zlib
  // does not have.
  bool Wants(size_t size) const { return window_bits_ > 8 && size > 0 && size >= min_bytes_; }
  // Begins a message. False: zlib gets no memory; send it as it is.
  bool Begin();
  // Appends what a piece of the message gives, which may come with a later one (RFC 7692 §7.2.1).
  void Add(std::string_view piece, bool last, http::Buffer& out);

 private:
  struct State;

  void Run(std::string_view piece, int flush, http::Buffer& out);

  int window_bits_;
  bool no_context_takeover_;
  int level_;
  int mem_level_;
  size_t min_bytes_;
  std::unique_ptr<State> state_;
};

class Inflater {
 public:
  enum class Status : uint8_t { kOk, kTooBig, kBad };

  Inflater(int window_bits, bool no_context_takeover);
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  // Appends to `out` what the piece of a compressed message gives; as soon as `out` would exceed
  // `limit` it is kTooBig, with at most one byte more taken.
  Status Add(std::string_view piece, uint64_t limit, http::Buffer& out);
  // The message's end (RFC 7692 §7.2.2).
  Status Finish(uint64_t limit, http::Buffer& out);

 private:
  struct State;

  bool Prepare();
  // After a block with BFINAL: begins a stream that knows the window of the last.
  bool Continue();

  int window_bits_;
  bool no_context_takeover_;
  std::unique_ptr<State> state_;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_DEFLATE_H_
