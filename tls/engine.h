// One TLS connection (RFC 8446, RFC 5246) as a sans-IO engine: bytes in, bytes out.
//
//                    Read <--  +--------+  <-- InputBuffer, OnInput     from the peer
//     application    Write --> | Engine |
//                 Shutdown --> +--------+  --> Output, OnSent           to the peer
//
// Call Handshake, Read or Write; what it returns says what it waits for:
//
//   kWantInput   receive into InputBuffer(), then OnInput(size), or OnInputEnd() at the transport's
//                end; then call again
//   kWantOutput  send Output() and say so with OnSent; then call again
//
// and whatever it returns, send what Output() has, also after an error: it may be the alert that
// tells the peer. Read and Write begin with the handshake by themselves where it was not made. All
// errors are final. Input that is not yet read stays bounded, since none is asked for before it is;
// output does, since Write takes no more while much is waiting, and Read stops too.
//
// Large writes go out as full records of 16 KiB. In the steady state nothing is allocated. One
// thread at a time, which may change.

#ifndef CORELANE_TLS_ENGINE_H_
#define CORELANE_TLS_ENGINE_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tls/context.h"
#include "tls/error.h"
#include "tls/pem.h"

namespace corelane::tls {

class Engine {
 public:
  enum class Status : uint8_t {
    kOk,
    kWantInput,
    kWantOutput,
    kEnd,  // Of Read: the peer's close_notify; writing may go on.
    kError,
  };
  struct Result {
    Status status;
    size_t bytes = 0;  // With kOk: more than 0, unless nothing was asked for.
  };

  static constexpr size_t kMaxRecord = 16384;

  explicit Engine(const ServerContext& context);
  // server: the host name or the IP address that the certificate must be for, and by which the
  // session is remembered.
  Engine(const ClientContext& context, std::string_view server);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Result Handshake();
  Result Read(std::span<char> to);
  Result Write(std::string_view from);
  // Sends close_notify, after which nothing can be written; Read goes on. Before the handshake, or
  // after an error, it does nothing.
  void Shutdown();

  // Where received bytes go. Only after kWantInput; valid until OnInput.
  std::span<char> InputBuffer();
  void OnInput(size_t size);
  void OnInputEnd() { input_ended_ = true; }

  // What is to be sent next; stays where it is until OnSent, whatever else is called.
  std::string_view Output();
  void OnSent(size_t size);
  bool has_output() const { return output_size() > 0; }
  size_t output_size() const { return sending_.size() - sent_ + waiting_.size(); }
  // For a transport that takes no more: returns how much that was.
  size_t DropOutput();

  // After kError.
  error_code error() const { return error_; }
  bool handshake_done() const { return handshake_done_; }
  bool shut_down() const { return shut_down_; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  Version version() const { return static_cast<Version>(SSL_version(ssl_.get())); }
  const char* cipher() const { return SSL_get_cipher_name(ssl_.get()); }
  // What both agreed on; empty where they did not.
  std::string_view alpn() const;
  // Server: the name that the client asked for.
  std::string_view server_name() const;
  // The subject of the peer's verified certificate, as "CN=..., O=..."; empty where it has none.
  std::string PeerSubject() const;
  // Changes the keys of TLS 1.3 with the next write (RFC 8446 §4.6.3); the peer's as well if
  // `both`. False where the connection has none to change.
  bool UpdateKeys(bool both);
  // For what has no function here. Reading, writing and shutting down are the engine's.
  SSL* native_handle() { return ssl_.get(); }

 private:
  struct Bio;  // The functions of our BIO.

  // Of ciphertext that waits: Write takes no more at the first, Read stops at the second.
  static constexpr size_t kWriteStops = 4 * kMaxRecord;
  static constexpr size_t kReadStops = 16 * kMaxRecord;
  static constexpr size_t kInputSize = kMaxRecord + 512;

  explicit Engine(std::shared_ptr<internal::ContextState> state);
  void Name(std::string_view server);
  void AttachBio();

  // What a call that did not succeed waits for.
  Result NotDone(int result);
  Result Fail(error_code error);

  const std::shared_ptr<internal::ContextState> state_;
  std::string server_;  // Client: the key of its sessions.
  std::unique_ptr<SSL, internal::Freer<SSL_free>> ssl_;
  std::unique_ptr<char[]> input_;
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  std::vector<char> sending_;  // Lent by Output.
  size_t sent_ = 0;
  std::vector<char> waiting_;  // Goes next.
  error_code error_;
  bool input_ended_ = false;
  bool handshake_done_ = false;
  bool shut_down_ = false;
  bool no_name_ = false;
};

}  // namespace corelane::tls

#endif  // CORELANE_TLS_ENGINE_H_
