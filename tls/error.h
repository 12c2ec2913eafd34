// What goes wrong with a TLS connection, as error codes of one category, in words.
//
// A value names the side that found the fault: below kPeerAlert it was us, from there on the peer,
// whose alert (RFC 8446 §6) says why. What has no name of its own still has a number and a message:
// kVerify + an X509_V_ERR_* code, kPeerAlert + an alert, kLibrary + a reason of OpenSSL's.

#ifndef CORELANE_TLS_ERROR_H_
#define CORELANE_TLS_ERROR_H_

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <type_traits>

namespace corelane::tls {

using error_code = boost::system::error_code;

enum class Error : int {
  kTruncated = 1,        // The transport ended without a close_notify.
  kNoServerName = 2,     // A client that verifies was not told whom it talks to.
  kNoCommonAlpn = 3,     // RFC 7301 §3.2
  kNoCommonCipher = 4,   // Nor a common group or signature algorithm.
  kProtocolVersion = 5,  // No version that both sides speak.
  kUnrecognizedName = 6,
  kNoClientCertificate = 7,
  kNotTls = 8,     // The first bytes are no TLS record.
  kBadRecord = 9,  // A record that does not decrypt, or is too long.
  kShutDown = 10,  // A write after our close_notify.
  kNoMemory = 11,
  kBadMessage = 12,       // A handshake message that breaks the protocol.
  kNoRenegotiation = 13,  // The peer refused one, or we did.

  kVerify = 1000,
  kCertificateNotYetValid = kVerify + 9,
  kCertificateExpired = kVerify + 10,
  kUnknownCa = kVerify + 20,
  kCertificateRevoked = kVerify + 23,
  kWrongPurpose = kVerify + 26,
  kNameMismatch = kVerify + 62,

  kPeerAlert = 2000,
  kPeerHandshakeFailure = kPeerAlert + 40,
  kPeerBadCertificate = kPeerAlert + 42,
  kPeerCertificateExpired = kPeerAlert + 45,
  kPeerUnknownCa = kPeerAlert + 48,
  kPeerProtocolVersion = kPeerAlert + 70,
  kPeerNoRenegotiation = kPeerAlert + 100,
  kPeerUnrecognizedName = kPeerAlert + 112,
  kPeerCertificateRequired = kPeerAlert + 116,
  kPeerNoApplicationProtocol = kPeerAlert + 120,

  kLibrary = 10000,
};

const boost::system::error_category& ErrorCategory();

inline error_code make_error_code(Error error) {
  return {static_cast<int>(error), ErrorCategory()};
}

// From the library's queue of this thread, which is empty afterwards. verify_result: what
// SSL_get_verify_result says.
error_code TakeLibraryError(long verify_result);

}  // namespace corelane::tls

template <>
struct boost::system::is_error_code_enum<corelane::tls::Error> : std::true_type {};

#endif  // CORELANE_TLS_ERROR_H_
