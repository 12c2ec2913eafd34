#include "http/client/error.h"

namespace corelane::http {
namespace {

const char* Text(ClientError error) {
  switch (error) {
    case ClientError::kBadUrl:
      return "bad URL";
    case ClientError::kBadRequest:
      return "the request cannot be sent as it is";
    case ClientError::kResolve:
      return "the name could not be resolved";
    case ClientError::kConnect:
      return "no connection could be made";
    case ClientError::kProxy:
      return "the proxy did not open the tunnel";
    case ClientError::kTls:
      return "the TLS handshake failed";
    case ClientError::kNoProtocol:
      return "the server does not speak the HTTP version that was asked for";
    case ClientError::kPoolTimeout:
      return "timed out in the queue for a connection";
    case ClientError::kResolveTimeout:
      return "timed out resolving the name";
    case ClientError::kConnectTimeout:
      return "timed out connecting";
    case ClientError::kProxyTimeout:
      return "timed out waiting for the proxy's tunnel";
    case ClientError::kTlsTimeout:
      return "timed out in the TLS handshake";
    case ClientError::kWriteTimeout:
      return "timed out sending the request";
    case ClientError::kFirstByteTimeout:
      return "timed out waiting for the response";
    case ClientError::kReadTimeout:
      return "timed out within the response's body";
    case ClientError::kTotalTimeout:
      return "the request's time was over";
    case ClientError::kPingTimeout:
      return "the server did not answer a ping";
    case ClientError::kClosed:
      return "the server closed the connection before its response";
    case ClientError::kTruncated:
      return "the server closed the connection within its response";
    case ClientError::kTransport:
      return "the connection failed";
    case ClientError::kBadResponse:
      return "the server broke the protocol";
    case ClientError::kHeadTooLarge:
      return "the response's head is too large";
    case ClientError::kTooManyInformational:
      return "too many 1xx responses";
    case ClientError::kReset:
      return "the server reset the stream";
    case ClientError::kRefused:
      return "the server refused the stream";
    case ClientError::kConnectionError:
      return "the connection was ended because of an error";
    case ClientError::kUpload:
      return "the source of the request's body failed";
    case ClientError::kTooManyRedirects:
      return "too many redirects";
    case ClientError::kBadRedirect:
      return "a redirect to something that cannot be followed";
    case ClientError::kRedirectToInsecure:
      return "a redirect from https to http";
    case ClientError::kRedirectNeedsBody:
      return "a redirect that needs the body again, which cannot be replayed";
    case ClientError::kBodyTooLarge:
      return "the body is larger than the limit";
    case ClientError::kBadContentCoding:
      return "the body's content coding is broken";
  }
  return "unknown error";
}

bool Is(ClientError error, ClientCondition condition) {
  const int value = static_cast<int>(error);
  switch (condition) {
    case ClientCondition::kInvalidRequest:
      return value < 10;
    case ClientCondition::kConnectFailed:
      return value >= 10 && value <= static_cast<int>(ClientError::kTlsTimeout);
    case ClientCondition::kTimeout:
      return value >= 20 && value < 40;
    case ClientCondition::kProtocol:
      return error == ClientError::kBadResponse || error == ClientError::kTruncated ||
             error == ClientError::kHeadTooLarge || error == ClientError::kTooManyInformational ||
             error == ClientError::kConnectionError || error == ClientError::kBadContentCoding;
    case ClientCondition::kRedirect:
      return value >= 60 && value < 70;
    case ClientCondition::kBody:
      return value >= 70;
  }
  return false;
}

class ErrorCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "corelane.http.client"; }
  std::string message(int value) const override { return Text(static_cast<ClientError>(value)); }
};

class ConditionCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "corelane.http.client.condition"; }
  std::string message(int value) const override {
    switch (static_cast<ClientCondition>(value)) {
      case ClientCondition::kInvalidRequest:
        return "invalid request";
      case ClientCondition::kConnectFailed:
        return "no connection";
      case ClientCondition::kTimeout:
        return "time-out";
      case ClientCondition::kProtocol:
        return "protocol error";
      case ClientCondition::kRedirect:
        return "redirect";
      case ClientCondition::kBody:
        return "body";
    }
    return "unknown condition";
  }
  bool equivalent(const boost::system::error_code& code, int condition) const noexcept override {
    return code.category() == ClientErrorCategory() &&
           Is(static_cast<ClientError>(code.value()), static_cast<ClientCondition>(condition));
  }
};

}  // namespace

const boost::system::error_category& ClientErrorCategory() {
  static const ErrorCategory category;
  return category;
}

const boost::system::error_category& ClientConditionCategory() {
  static const ConditionCategory category;
  return category;
}

const char* PhaseText(ClientPhase phase) {
  switch (phase) {
    case ClientPhase::kPrepare:
      return "request to";
    case ClientPhase::kPool:
      return "wait for a connection to";
    case ClientPhase::kResolve:
      return "resolve";
    case ClientPhase::kConnect:
      return "connect to";
    case ClientPhase::kProxy:
      return "tunnel to";
    case ClientPhase::kTls:
      return "TLS handshake with";
    case ClientPhase::kWrite:
      return "send request to";
    case ClientPhase::kFirstByte:
      return "wait for response of";
    case ClientPhase::kBody:
      return "read body from";
  }
  return "request to";
}

std::string Failure::message() const {
  std::string text = PhaseText(phase);
  if (!where.empty()) text.append(" ").append(where);
  text.append(": ").append(code.message());
  if (!detail.empty()) text.append(": ").append(detail);
  if (cause) text.append(" (").append(cause.message()).append(")");
  return text;
}

}  // namespace corelane::http
