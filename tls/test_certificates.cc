#include "tls/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "core/check.h"

namespace corelane::tls {
namespace {

using internal::KeyPtr;
using internal::X509Ptr;
using BioPtr = std::unique_ptr<BIO, internal::Freer<BIO_free>>;

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

Pem ToPem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  CL_CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return Pem::Text(Contents(bio.get()));
}

Pem ToPem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  CL_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) ==
           1);
  return Pem::Text(Contents(bio.get()));
}

void AddExtension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  CL_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509Ptr Make(EVP_PKEY* key, const TestCertificate& wanted) {
  static long serial = 1;
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), wanted.from.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), wanted.until.count());
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()), -1,
                             -1, 0);
  std::string names;
  for (const std::string& name : wanted.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& name : wanted.addresses) names += (names.empty() ? "IP:" : ",IP:") + name;
  if (!names.empty()) AddExtension(certificate.get(), NID_subject_alt_name, names);
  return certificate;
}

}  // namespace

TestCa::TestCa(const std::string& name) : key_(EVP_EC_gen("P-256")) {
  certificate_ = Make(key_.get(), {.common_name = name});
  AddExtension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_.get(), NID_key_usage, "critical,keyCertSign");
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  CL_CHECK(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
}

Pem TestCa::pem() const { return ToPem(certificate_.get()); }

Identity TestCa::Issue(const TestCertificate& wanted) const {
  const KeyPtr key(wanted.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  const X509Ptr certificate = Make(key.get(), wanted);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  CL_CHECK(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
  return {.chain = ToPem(certificate.get()), .key = ToPem(key.get())};
}

}  // namespace corelane::tls
