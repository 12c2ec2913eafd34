#include "tls/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace corelane::tls::internal {
namespace {

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

// "identities[0].chain, file 'x.pem'"
std::string Where(const Pem& pem, std::string_view what) {
  return pem.file.empty() ? std::string(what) : Joined(what, ", file '", pem.file, "'");
}

absl::StatusOr<std::string> ReadPem(const Pem& pem, std::string_view what) {
  if (pem.empty()) return absl::InvalidArgumentError(Joined(what, ": empty: expected PEM"));
  if (!pem.text.empty() && !pem.file.empty()) {
    return absl::InvalidArgumentError(Joined(what, ": both a text and a file"));
  }
  if (pem.file.empty()) return pem.text;
  std::ifstream file(pem.file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad() || text.empty()) {
    const std::string reason = !file.is_open() ? std::strerror(errno) : "nothing to read in it";
    return absl::NotFoundError(Joined(Where(pem, what), ": ", reason));
  }
  return text;
}

BioPtr Reader(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool AtEnd() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// Of an encrypted key: none of us types.
int NoPassphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<KeyPtr> LoadKey(const Pem& pem, std::string_view what) {
  const absl::StatusOr<std::string> text = ReadPem(pem, what);
  if (!text.ok()) return text.status();
  bool encrypted = false;
  KeyPtr key(PEM_read_bio_PrivateKey(Reader(*text).get(), nullptr, &NoPassphrase, &encrypted));
  if (key != nullptr) return key;
  const std::string reason = encrypted ? "the private key is encrypted: expected a plain one"
                             : text->find("PRIVATE KEY-----") == std::string::npos
                                 ? "no PEM private key in it"
                                 : LibraryErrorText();
  ERR_clear_error();
  return absl::InvalidArgumentError(Joined(Where(pem, what), ": ", reason));
}

// Its DNS names; the common name where it has none.
std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  const NamesPtr all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* const data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    const auto size = static_cast<size_t>(ASN1_STRING_length(name->d.dNSName));
    names.push_back(NormalName(std::string_view(data, size)));
  }
  if (all == nullptr) {
    char common[256] = {};
    const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                               common, sizeof common);
    if (size > 0) names.push_back(NormalName(common));
  }
  return names;
}

}  // namespace

std::string NormalName(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string LibraryErrorText() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : Joined("OpenSSL error ", std::to_string(error));
}

absl::StatusOr<std::vector<X509Ptr>> LoadCertificates(const Pem& pem, std::string_view what) {
  const absl::StatusOr<std::string> text = ReadPem(pem, what);
  if (!text.ok()) return text.status();
  const BioPtr reader = Reader(*text);
  std::vector<X509Ptr> certificates;
  ERR_clear_error();
  while (X509* const certificate = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const bool at_end = AtEnd();
  const std::string reason = LibraryErrorText();
  if (!at_end) {
    return absl::InvalidArgumentError(Joined(
        Where(pem, what), ": certificate ", std::to_string(certificates.size() + 1), ": ", reason));
  }
  if (certificates.empty()) {
    return absl::InvalidArgumentError(Joined(Where(pem, what), ": no PEM certificate in it"));
  }
  return certificates;
}

absl::StatusOr<Credential> LoadCredential(const Identity& identity, std::string_view what) {
  auto chain = LoadCertificates(identity.chain, Joined(what, ".chain"));
  if (!chain.ok()) return chain.status();
  auto key = LoadKey(identity.key, Joined(what, ".key"));
  if (!key.ok()) return key.status();
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(Joined(Where(identity.key, Joined(what, ".key")),
                                             ": is not the key of the first certificate of ",
                                             Where(identity.chain, Joined(what, ".chain"))));
  }
  Credential credential;
  credential.certificate = std::move(chain->front());
  credential.issuers.assign(std::make_move_iterator(chain->begin() + 1),
                            std::make_move_iterator(chain->end()));
  credential.key = *std::move(key);
  for (const std::string& name : identity.names) credential.names.push_back(NormalName(name));
  if (credential.names.empty()) credential.names = NamesOf(credential.certificate.get());
  return credential;
}

}  // namespace corelane::tls::internal
