// One set of settings, loaded: an SSL_CTX and what its callbacks need. Immutable but for the
// caches, which lock. A connection keeps the state that it began with.

#ifndef CORELANE_TLS_CONTEXT_STATE_H_
#define CORELANE_TLS_CONTEXT_STATE_H_

#include <openssl/ssl.h>

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tls/options.h"
#include "tls/pem.h"
#include "tls/session_cache.h"
#include "tls/ticket_keys.h"

namespace corelane::tls::internal {

class ContextState {
 public:
  static absl::StatusOr<std::shared_ptr<ContextState>> ForServer(
      const ServerOptions& options, std::shared_ptr<TicketKeys> ticket_keys);
  static absl::StatusOr<std::shared_ptr<ContextState>> ForClient(const ClientOptions& options);

  SSL_CTX* ctx() const { return ctx_.get(); }
  bool verifies_server() const { return verifies_server_; }
  SessionCache& sessions() { return *sessions_; }

 private:
  using CtxPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
  using FilePtr = std::unique_ptr<std::FILE, Freer<std::fclose>>;
  using Names = std::map<std::string, std::vector<const Credential*>, std::less<>>;

  explicit ContextState(const SSL_METHOD* method) : ctx_(SSL_CTX_new(method)) {}

  absl::Status Apply(const CommonOptions& options);
  absl::Status SetAlpn(const std::vector<std::string>& protocols);
  absl::Status OpenKeyLog(const std::string& path);
  absl::Status UseIdentities(const ServerOptions& options);
  absl::Status AskClients(const ServerOptions& options);
  absl::Status Trust(const Pem& ca, std::string_view what);
  void UseTickets(const ServerOptions& options);

  // Null where no identity has that name.
  const std::vector<const Credential*>* Find(std::string_view server_name) const;

  static ContextState& Of(const SSL* ssl);
  static int OnServerName(SSL* ssl, int* alert, void* unused);
  static int OnCertificate(SSL* ssl, void* unused);
  static int OnAlpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned int in_size, void* self);
  static int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                      EVP_MAC_CTX* mac, int seal);
  static int OnNewSession(SSL* ssl, SSL_SESSION* session);
  static void OnKeyLog(const SSL* ssl, const char* line);

  CtxPtr ctx_;
  std::vector<Credential> credentials_;
  Names by_name_;
  bool refuse_unknown_names_ = false;
  bool verifies_server_ = true;
  std::string alpn_;  // As on the wire (RFC 7301 §3.1).
  std::shared_ptr<TicketKeys> ticket_keys_;
  std::unique_ptr<SessionCache> sessions_;
  FilePtr key_log_;
};

// What the copies of a context share.
struct SharedContext {
  std::shared_ptr<ContextState> Get() {
    const std::lock_guard lock(mutex);
    return state;
  }
  void Set(std::shared_ptr<ContextState> next) {
    const std::lock_guard lock(mutex);
    state.swap(next);  // The old one ends after the lock.
  }

  std::mutex mutex;
  std::shared_ptr<ContextState> state;
  std::shared_ptr<TicketKeys> ticket_keys;
};

}  // namespace corelane::tls::internal

#endif  // CORELANE_TLS_CONTEXT_STATE_H_
