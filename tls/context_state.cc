#include "tls/context_state.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace corelane::tls::internal {
namespace {

absl::Status Invalid(std::string_view what, std::string_view reason) {
  ERR_clear_error();
  return absl::InvalidArgumentError(Joined(what, ": ", reason));
}

std::vector<X509*> Pointers(const std::vector<X509Ptr>& certificates) {
  std::vector<X509*> pointers;
  for (const X509Ptr& certificate : certificates) pointers.push_back(certificate.get());
  return pointers;
}

// The library counts references to what it is given.
bool Use(SSL* ssl, const Credential& credential) {
  STACK_OF(X509)* const chain = sk_X509_new_null();
  if (chain == nullptr) return false;
  bool ok = true;
  for (X509* const issuer : Pointers(credential.issuers))
    ok = ok && sk_X509_push(chain, issuer) > 0;
  ok = ok &&
       SSL_use_cert_and_key(ssl, credential.certificate.get(), credential.key.get(), chain, 1) == 1;
  sk_X509_free(chain);
  return ok;
}

absl::Status Use(SSL_CTX* ctx, const Credential& credential, std::string_view what) {
  STACK_OF(X509)* const chain = sk_X509_new_null();
  for (X509* const issuer : Pointers(credential.issuers)) sk_X509_push(chain, issuer);
  const bool ok = SSL_CTX_use_cert_and_key(ctx, credential.certificate.get(), credential.key.get(),
                                           chain, 1) == 1;
  sk_X509_free(chain);
  return ok ? absl::OkStatus() : Invalid(what, LibraryErrorText());
}

}  // namespace

absl::StatusOr<std::shared_ptr<ContextState>> ContextState::ForServer(
    const ServerOptions& options, std::shared_ptr<TicketKeys> ticket_keys) {
  std::shared_ptr<ContextState> state(new ContextState(TLS_server_method()));
  state->ticket_keys_ = std::move(ticket_keys);
  state->refuse_unknown_names_ = options.refuse_unknown_names;
  if (absl::Status status = state->Apply(options); !status.ok()) return status;
  if (absl::Status status = state->UseIdentities(options); !status.ok()) return status;
  if (absl::Status status = state->AskClients(options); !status.ok()) return status;
  state->UseTickets(options);
  SSL_CTX* const ctx = state->ctx();
  SSL_CTX_set_dh_auto(ctx, 1);
  SSL_CTX_set_tlsext_servername_callback(ctx, &OnServerName);
  SSL_CTX_set_cert_cb(ctx, &OnCertificate, nullptr);
  if (!state->alpn_.empty()) SSL_CTX_set_alpn_select_cb(ctx, &OnAlpn, state.get());
  return state;
}

absl::StatusOr<std::shared_ptr<ContextState>> ContextState::ForClient(
    const ClientOptions& options) {
  std::shared_ptr<ContextState> state(new ContextState(TLS_client_method()));
  if (absl::Status status = state->Apply(options); !status.ok()) return status;
  SSL_CTX* const ctx = state->ctx();
  state->verifies_server_ = options.verification == Verification::kFull;
  if (state->verifies_server_) {
    if (absl::Status status = state->Trust(options.ca, "ca"); !status.ok()) return status;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  }
  if (options.identities.size() > 1) return Invalid("identities", "a client has at most one");
  for (const Identity& identity : options.identities) {
    auto credential = LoadCredential(identity, "identities[0]");
    if (!credential.ok()) return credential.status();
    if (absl::Status status = Use(ctx, *credential, "identities[0]"); !status.ok()) return status;
  }
  if (!state->alpn_.empty() &&
      SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(state->alpn_.data()),
                              static_cast<unsigned>(state->alpn_.size())) != 0) {
    return Invalid("alpn", LibraryErrorText());
  }
  state->sessions_ = std::make_unique<SessionCache>(options.remembered_servers);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, &OnNewSession);
  return state;
}

absl::Status ContextState::Apply(const CommonOptions& options) {
  if (ctx_ == nullptr) return absl::ResourceExhaustedError(LibraryErrorText());
  SSL_CTX* const ctx = ctx_.get();
  SSL_CTX_set_app_data(ctx, this);
  if (options.min_version > options.max_version) {
    return Invalid("min_version", "later than max_version");
  }
  SSL_CTX_set_min_proto_version(ctx, static_cast<int>(options.min_version));
  SSL_CTX_set_max_proto_version(ctx, static_cast<int>(options.max_version));
  if (SSL_CTX_set_cipher_list(ctx, options.ciphers.c_str()) != 1) {
    return Invalid("ciphers", Joined("'", options.ciphers, "': no cipher that we have"));
  }
  if (SSL_CTX_set_ciphersuites(ctx, options.cipher_suites.c_str()) != 1) {
    return Invalid("cipher_suites",
                   Joined("'", options.cipher_suites, "': expected names of TLS 1.3, with colons"));
  }
  if (SSL_CTX_set1_groups_list(ctx, options.groups.c_str()) != 1) {
    return Invalid("groups", Joined("'", options.groups, "': expected names of groups"));
  }
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ctx, 1);
  if (absl::Status status = SetAlpn(options.alpn); !status.ok()) return status;
  return OpenKeyLog(options.key_log_file);
}

absl::Status ContextState::SetAlpn(const std::vector<std::string>& protocols) {
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) {
      return Invalid("alpn", Joined("'", protocol, "': expected 1 to 255 bytes"));
    }
    alpn_ += static_cast<char>(protocol.size());
    alpn_ += protocol;
  }
  return absl::OkStatus();
}

absl::Status ContextState::OpenKeyLog(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  key_log_.reset(std::fopen(path.c_str(), "ae"));
  if (key_log_ == nullptr) {
    return Invalid("key_log_file", Joined("'", path, "': ", std::strerror(errno)));
  }
  SSL_CTX_set_keylog_callback(ctx(), &OnKeyLog);
  return absl::OkStatus();
}

absl::Status ContextState::UseIdentities(const ServerOptions& options) {
  if (options.identities.empty()) return Invalid("identities", "none: expected at least one");
  credentials_.reserve(options.identities.size());  // by_name_ points into it.
  for (size_t i = 0; i < options.identities.size(); ++i) {
    const std::string what = Joined("identities[", std::to_string(i), "]");
    auto credential = LoadCredential(options.identities[i], what);
    if (!credential.ok()) return credential.status();
    credentials_.push_back(*std::move(credential));
    // Each is tried, so that one that is too weak fails here and not in a handshake.
    if (absl::Status status = Use(ctx(), credentials_.back(), what); !status.ok()) return status;
    for (const std::string& name : credentials_.back().names) {
      by_name_[name].push_back(&credentials_.back());
    }
  }
  return Use(ctx(), credentials_.front(), "identities[0]");
}

absl::Status ContextState::AskClients(const ServerOptions& options) {
  // A session is resumed only by a context that asks the same of its clients.
  std::string asked(1, static_cast<char>(options.client_certificates));
  if (options.client_certificates != ClientCertificates::kNone) {
    if (options.client_ca.empty()) {
      return Invalid("client_ca", "none: expected the CAs that client certificates come from");
    }
    if (absl::Status status = Trust(options.client_ca, "client_ca"); !status.ok()) return status;
    auto authorities = LoadCertificates(options.client_ca, "client_ca");
    if (!authorities.ok()) return authorities.status();
    for (const X509Ptr& authority : *authorities) {
      SSL_CTX_add_client_CA(ctx(), authority.get());
      unsigned char digest[SHA256_DIGEST_LENGTH];
      unsigned int size = sizeof digest;
      X509_digest(authority.get(), EVP_sha256(), digest, &size);
      asked.append(reinterpret_cast<const char*>(digest), size);
    }
    const bool required = options.client_certificates == ClientCertificates::kRequired;
    SSL_CTX_set_verify(ctx(), SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
  }
  unsigned char id[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(asked.data()), asked.size(), id);
  SSL_CTX_set_session_id_context(ctx(), id, sizeof id);
  return absl::OkStatus();
}

absl::Status ContextState::Trust(const Pem& ca, std::string_view what) {
  if (ca.empty()) {
    if (SSL_CTX_set_default_verify_paths(ctx()) == 1) return absl::OkStatus();
    return Invalid(what, Joined("the system's CAs: ", LibraryErrorText()));
  }
  auto anchors = LoadCertificates(ca, what);
  if (!anchors.ok()) return anchors.status();
  X509_STORE* const store = SSL_CTX_get_cert_store(ctx());
  for (const X509Ptr& anchor : *anchors) {
    if (X509_STORE_add_cert(store, anchor.get()) != 1) return Invalid(what, LibraryErrorText());
  }
  return absl::OkStatus();
}

void ContextState::UseTickets(const ServerOptions& options) {
  // Without tickets there is no resumption: a cache of the server's own would be shared by threads.
  SSL_CTX_set_session_cache_mode(ctx(), SSL_SESS_CACHE_OFF);
  if (!options.tickets) {
    SSL_CTX_set_options(ctx(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx(), 0);
    return;
  }
  ticket_keys_->set_lifetime(options.ticket_lifetime);
  SSL_CTX_set_timeout(ctx(), static_cast<long>(options.ticket_lifetime.count()));
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx(), &OnTicket);
}

const std::vector<const Credential*>* ContextState::Find(std::string_view server_name) const {
  const std::string name = NormalName(server_name);
  auto it = by_name_.find(name);
  if (it == by_name_.end()) {  // RFC 6125 §6.4.3: "*" stands for one whole label.
    const size_t dot = name.find('.');
    if (dot == std::string::npos || dot == 0) return nullptr;
    it = by_name_.find(Joined("*", name.substr(dot)));
  }
  return it == by_name_.end() ? nullptr : &it->second;
}

ContextState& ContextState::Of(const SSL* ssl) {
  return *static_cast<ContextState*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int ContextState::OnServerName(SSL* ssl, int* alert, void*) {
  const ContextState& self = Of(ssl);
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr || !self.refuse_unknown_names_ || self.Find(name) != nullptr) {
    return SSL_TLSEXT_ERR_OK;
  }
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ContextState::OnCertificate(SSL* ssl, void*) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const ContextState& self = Of(ssl);
  const auto* found = name != nullptr ? self.Find(name) : nullptr;
  if (found == nullptr && !self.credentials_.front().names.empty()) {
    found = self.Find(self.credentials_.front().names.front());
    if (found != nullptr && found->front() != &self.credentials_.front()) found = nullptr;
  }
  if (found == nullptr) return 1;  // The context's own: the first.
  SSL_certs_clear(ssl);
  for (const Credential* const credential : *found) {
    if (!Use(ssl, *credential)) return 0;
  }
  return 1;
}

int ContextState::OnAlpn(SSL*, const unsigned char** out, unsigned char* out_size,
                         const unsigned char* in, unsigned int in_size, void* context) {
  const auto& own = static_cast<ContextState*>(context)->alpn_;
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(own.data()),
                            static_cast<unsigned>(own.size()), in, in_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ContextState::OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac, int seal) {
  TicketKeys& keys = *Of(ssl).ticket_keys_;
  return seal != 0 ? keys.Seal(name, iv, cipher, mac) : keys.Open(name, iv, cipher, mac);
}

int ContextState::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  const auto* const server = static_cast<const std::string*>(SSL_get_app_data(ssl));
  if (server == nullptr || server->empty()) return 0;
  Of(ssl).sessions_->Put(*server, SessionPtr(session));
  return 1;  // The reference is ours now.
}

void ContextState::OnKeyLog(const SSL* ssl, const char* line) {
  std::FILE* const file = Of(ssl).key_log_.get();
  flockfile(file);
  std::fprintf(file, "%s\n", line);
  std::fflush(file);
  funlockfile(file);
}

}  // namespace corelane::tls::internal
