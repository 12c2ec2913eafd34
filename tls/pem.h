// Keys and certificates from PEM, with errors that name the setting, the file and what is wrong.

#ifndef CORELANE_TLS_PEM_H_
#define CORELANE_TLS_PEM_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tls/options.h"

namespace corelane::tls::internal {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

// A loaded Identity. Immutable, shared by connections.
struct Credential {
  X509Ptr certificate;
  std::vector<X509Ptr> issuers;
  KeyPtr key;
  std::vector<std::string> names;  // In lower case.
};

// `what` names the setting in messages: "identities[0]".
absl::StatusOr<Credential> LoadCredential(const Identity& identity, std::string_view what);

// At least one.
absl::StatusOr<std::vector<X509Ptr>> LoadCertificates(const Pem& pem, std::string_view what);

template <class... Parts>
std::string Joined(const Parts&... parts) {
  std::string all;
  (all.append(std::string_view(parts)), ...);
  return all;
}

// In lower case, without a trailing dot.
std::string NormalName(std::string_view name);

// The oldest entry of the library's queue in words; the queue is empty afterwards.
std::string LibraryErrorText();

}  // namespace corelane::tls::internal

#endif  // CORELANE_TLS_PEM_H_
