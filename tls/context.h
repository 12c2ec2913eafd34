// What connections of one side have in common: certificates, whom to trust, what to speak.
//
//   ServerOptions options;
//   options.identities.push_back({.chain = Pem::File("chain.pem"), .key = Pem::File("key.pem")});
//   options.alpn = {"h2", "http/1.1"};
//   absl::StatusOr<ServerContext> context = ServerContext::Create(options);
//   ...
//   absl::Status reloaded = context->Reload(options);  // The files have changed.
//
// A context is a handle: copies share the same settings, and a reload concerns all of them. Any
// thread may use any function; connections that exist keep what they began with.

#ifndef CORELANE_TLS_CONTEXT_H_
#define CORELANE_TLS_CONTEXT_H_

#include <openssl/ssl.h>

#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tls/options.h"

namespace corelane::tls {

namespace internal {
class ContextState;
struct SharedContext;
}  // namespace internal

class ServerContext {
 public:
  // Errors name the setting, the file, and what is wrong with it.
  static absl::StatusOr<ServerContext> Create(const ServerOptions& options);

  // New connections get these settings; on an error all stays as it is. Sessions can be resumed
  // across it unless what is asked of clients has changed.
  absl::Status Reload(const ServerOptions& options);
  // Seals new tickets with a new key; those of the key before the current one end.
  void RotateTicketKeys();

 private:
  friend class Engine;
  explicit ServerContext(std::shared_ptr<internal::SharedContext> shared)
      : shared_(std::move(shared)) {}
  std::shared_ptr<internal::SharedContext> shared_;
};

class ClientContext {
 public:
  static absl::StatusOr<ClientContext> Create(const ClientOptions& options);

  // As above; remembered sessions are forgotten, since they would be resumed without a new look at
  // the server's certificate.
  absl::Status Reload(const ClientOptions& options);

 private:
  friend class Engine;
  explicit ClientContext(std::shared_ptr<internal::SharedContext> shared)
      : shared_(std::move(shared)) {}
  std::shared_ptr<internal::SharedContext> shared_;
};

}  // namespace corelane::tls

#endif  // CORELANE_TLS_CONTEXT_H_
