// What goes wrong with a request: error codes of one category, conditions to ask for, and Failure,
// which says where.
//
//   if (error == http::ClientCondition::kTimeout) ...      // Whatever the phase.
//   if (error) std::cerr << response.failure().message();  // "connect to example.com:443
//                                                          // [192.0.2.1]: connection refused"

#ifndef CORELANE_HTTP_CLIENT_ERROR_H_
#define CORELANE_HTTP_CLIENT_ERROR_H_

#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <cstdint>
#include <string>
#include <type_traits>

namespace corelane::http {

enum class ClientError : int {
  // The request cannot be sent as it is.
  kBadUrl = 1,
  kBadRequest = 2,  // A method, field or option; Failure::detail says which.
  // No connection.
  kResolve = 10,
  kConnect = 11,
  kProxy = 12,  // The proxy did not open the tunnel.
  kTls = 13,
  kNoProtocol = 14,  // ALPN chose a protocol that was not asked for.
  // Time-outs, by phase.
  kPoolTimeout = 20,
  kResolveTimeout = 21,
  kConnectTimeout = 22,
  kProxyTimeout = 23,
  kTlsTimeout = 24,
  kWriteTimeout = 25,
  kFirstByteTimeout = 26,
  kReadTimeout = 27,
  kTotalTimeout = 28,
  kPingTimeout = 29,
  // The connection and what it carries.
  kClosed = 40,       // The server closed it before its response.
  kTruncated = 41,    // The server closed it within its response.
  kTransport = 42,    // Failure::cause says why.
  kBadResponse = 43,  // Bytes that are no response.
  kHeadTooLarge = 44,
  kTooManyInformational = 45,
  kReset = 46,            // HTTP/2: the server gave the stream up.
  kRefused = 47,          // HTTP/2: it did so before it had looked at the request.
  kConnectionError = 48,  // HTTP/2: one side has found the other in error.
  kUpload = 49,           // The request's own body source failed.
  // Redirects.
  kTooManyRedirects = 60,
  kBadRedirect = 61,         // A Location that is no usable URL.
  kRedirectToInsecure = 62,  // From https to http.
  kRedirectNeedsBody = 63,   // 307 or 308, and the body cannot be sent again.
  // The body.
  kBodyTooLarge = 70,
  kBadContentCoding = 71,
};

// error == ClientCondition::kTimeout and so on.
enum class ClientCondition : int {
  kInvalidRequest = 1,
  kConnectFailed = 2,  // No connection, time-outs included.
  kTimeout = 3,
  kProtocol = 4,  // The server broke the protocol.
  kRedirect = 5,
  kBody = 6,
};

const boost::system::error_category& ClientErrorCategory();
const boost::system::error_category& ClientConditionCategory();

inline boost::system::error_code make_error_code(ClientError error) {
  return {static_cast<int>(error), ClientErrorCategory()};
}
inline boost::system::error_condition make_error_condition(ClientCondition condition) {
  return {static_cast<int>(condition), ClientConditionCategory()};
}

// How far a request had come.
enum class ClientPhase : uint8_t {
  kPrepare,  // Nothing has been tried.
  kPool,     // Waits for a connection that is free, or may be made.
  kResolve,
  kConnect,
  kProxy,
  kTls,
  kWrite,      // The request is on its way.
  kFirstByte,  // Waits for the response's head.
  kBody,
};
// "connect to", "TLS handshake with" and so on.
const char* PhaseText(ClientPhase phase);

// One failure, whole.
struct Failure {
  boost::system::error_code code;   // Of ClientErrorCategory, or operation_aborted.
  boost::system::error_code cause;  // What a lower layer said, if one did.
  ClientPhase phase = ClientPhase::kPrepare;
  std::string where;   // "example.com:443 [192.0.2.1:443]"
  std::string detail;  // What exactly is wrong, where the code does not say it.
  // The server has not acted on the request: it may be sent again whatever its method.
  bool unprocessed = false;

  std::string message() const;
};

}  // namespace corelane::http

template <>
struct boost::system::is_error_code_enum<corelane::http::ClientError> : std::true_type {};
template <>
struct boost::system::is_error_condition_enum<corelane::http::ClientCondition> : std::true_type {};

#endif  // CORELANE_HTTP_CLIENT_ERROR_H_
