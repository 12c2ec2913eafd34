#include "tls/error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string>

namespace corelane::tls {
namespace {

constexpr int Value(Error error) { return static_cast<int>(error); }

static_assert(Value(Error::kCertificateNotYetValid) ==
              Value(Error::kVerify) + X509_V_ERR_CERT_NOT_YET_VALID);
static_assert(Value(Error::kCertificateExpired) ==
              Value(Error::kVerify) + X509_V_ERR_CERT_HAS_EXPIRED);
static_assert(Value(Error::kUnknownCa) ==
              Value(Error::kVerify) + X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
static_assert(Value(Error::kCertificateRevoked) == Value(Error::kVerify) + X509_V_ERR_CERT_REVOKED);
static_assert(Value(Error::kWrongPurpose) == Value(Error::kVerify) + X509_V_ERR_INVALID_PURPOSE);
static_assert(Value(Error::kNameMismatch) == Value(Error::kVerify) + X509_V_ERR_HOSTNAME_MISMATCH);

std::string OwnMessage(Error error) {
  switch (error) {
    case Error::kTruncated:
      return "stream truncated: the transport ended without a close_notify";
    case Error::kNoServerName:
      return "no server name to verify the certificate against";
    case Error::kNoCommonAlpn:
      return "no common application protocol (ALPN)";
    case Error::kNoCommonCipher:
      return "no common cipher, group or signature algorithm";
    case Error::kProtocolVersion:
      return "no common protocol version";
    case Error::kUnrecognizedName:
      return "no certificate for the server name that the client asked for";
    case Error::kNoClientCertificate:
      return "the client sent no certificate";
    case Error::kNotTls:
      return "the peer does not speak TLS";
    case Error::kBadRecord:
      return "bad record: does not decrypt, or too long";
    case Error::kShutDown:
      return "write after close_notify";
    case Error::kNoMemory:
      return "out of memory";
    case Error::kBadMessage:
      return "malformed or unexpected handshake message";
    case Error::kNoRenegotiation:
      return "renegotiation is not allowed";
    case Error::kUnknownCa:
      return "certificate verification failed: unknown CA";
    case Error::kNameMismatch:
      return "certificate verification failed: name mismatch";
    case Error::kCertificateExpired:
      return "certificate verification failed: certificate expired";
    default:
      return "";
  }
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int value) const override {
    std::string own = OwnMessage(static_cast<Error>(value));
    if (!own.empty()) return own;
    if (value >= Value(Error::kLibrary)) {
      const char* const reason =
          ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, value - Value(Error::kLibrary)));
      return std::string("TLS failed: ") + (reason != nullptr ? reason : "unknown reason");
    }
    if (value >= Value(Error::kPeerAlert)) {
      return std::string("alert from the peer: ") +
             SSL_alert_desc_string_long(value - Value(Error::kPeerAlert));
    }
    if (value >= Value(Error::kVerify)) {
      return std::string("certificate verification failed: ") +
             X509_verify_cert_error_string(value - Value(Error::kVerify));
    }
    return "unknown TLS error " + std::to_string(value);
  }
};

// The many ways to say that no chain leads to an anchor are one to us.
Error FromVerifyResult(long result) {
  switch (result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return Error::kUnknownCa;
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Error::kNameMismatch;
    default:
      return static_cast<Error>(Value(Error::kVerify) + static_cast<int>(result));
  }
}

Error FromReason(int reason) {
  switch (reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return Error::kTruncated;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return Error::kNoCommonAlpn;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return Error::kNoCommonCipher;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_WRONG_SSL_VERSION:
      return Error::kProtocolVersion;
    case SSL_R_CALLBACK_FAILED:
      return Error::kUnrecognizedName;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return Error::kNoClientCertificate;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return Error::kNotTls;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
      return Error::kBadRecord;
    case SSL_R_NO_RENEGOTIATION:
      return Error::kNoRenegotiation;
    case SSL_R_PROTOCOL_IS_SHUTDOWN:
      return Error::kShutDown;
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_LENGTH_MISMATCH:
    case SSL_R_BAD_EXTENSION:
      return Error::kBadMessage;
    case ERR_R_MALLOC_FAILURE:
      return Error::kNoMemory;
    default:
      return static_cast<Error>(Value(Error::kLibrary) + reason);
  }
}

}  // namespace

const boost::system::error_category& ErrorCategory() {
  static const Category category;
  return category;
}

error_code TakeLibraryError(long verify_result) {
  unsigned long first = 0;  // Of the TLS code's own, below which ciphers may have said something.
  while (const unsigned long error = ERR_get_error()) {
    if (first == 0 || ERR_GET_LIB(first) != ERR_LIB_SSL) first = error;
  }
  if (first == 0) return Error::kBadMessage;
  const int reason = ERR_GET_REASON(first);
  if (ERR_GET_LIB(first) != ERR_LIB_SSL) {  // Asn.1 of the peer's, a cipher, memory.
    return reason == ERR_R_MALLOC_FAILURE ? Error::kNoMemory : Error::kBadMessage;
  }
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verify_result != X509_V_OK) {
    return FromVerifyResult(verify_result);
  }
  // OpenSSL numbers the alerts that it received so.
  if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
    return static_cast<Error>(Value(Error::kPeerAlert) + reason - SSL_AD_REASON_OFFSET);
  }
  return FromReason(reason);
}

}  // namespace corelane::tls
