#include "http/client/request.h"

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr std::string_view kOwnFields[] = {
    "Host",    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE",
    "Trailer", "Expect",         "Proxy-Connection"};

bool IsOwnField(std::string_view name) {
  for (const std::string_view own : kOwnFields) {
    if (EqualsIgnoreCase(own, name)) return true;
  }
  return false;
}

std::string Shown(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, 80)) shown.push_back(c >= ' ' && c < 0x7f ? c : '?');
  return shown;
}

void AppendFormEscaped(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '*';
    if (plain) {
      out.push_back(c);
    } else if (c == ' ') {
      out.push_back('+');
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
}

}  // namespace

std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      const bool padding = i + j > bytes.size();
      text.push_back(padding ? '=' : kDigits[group >> (18 - 6 * j) & 63]);
    }
  }
  return text;
}

std::string BasicCredentials(std::string_view user, std::string_view password) {
  return "Basic " + Base64(std::string(user) + ":" + std::string(password));
}

bool OutgoingRequest::CheckField(std::string_view name, std::string_view value) {
  if (!IsToken(name)) {
    Complain("field name '" + Shown(name) + "': expected a token (RFC 9110 §5.6.2)");
  } else if (IsOwnField(name)) {
    Complain("field '" + Shown(name) + "': the client sets it itself");
  } else if (!IsFieldValue(value)) {
    Complain("field '" + Shown(name) + "', value '" + Shown(value) +
             "': expected no controls, and no blanks around it");
  } else {
    return true;
  }
  return false;
}

OutgoingRequest& OutgoingRequest::Add(std::string_view name, std::string_view value) {
  if (CheckField(name, value)) fields_.Add(name, value);
  return *this;
}

OutgoingRequest& OutgoingRequest::Set(std::string_view name, std::string_view value) {
  if (CheckField(name, value)) fields_.Set(name, value);
  return *this;
}

OutgoingRequest& OutgoingRequest::BasicAuth(std::string_view user, std::string_view password) {
  if (user.find(':') != std::string_view::npos) {
    Complain("user '" + Shown(user) + "': expected no colon (RFC 7617 §2)");
    return *this;
  }
  return Set("Authorization", BasicCredentials(user, password));
}

OutgoingRequest& OutgoingRequest::BearerAuth(std::string_view token) {
  return Set("Authorization", "Bearer " + std::string(token));
}

OutgoingRequest& OutgoingRequest::Body(std::string body, std::string_view content_type) {
  body_ = std::move(body);
  source_ = nullptr;
  has_body_ = true;
  if (!content_type.empty()) Set("Content-Type", content_type);
  return *this;
}

OutgoingRequest& OutgoingRequest::FormBody(
    std::span<const std::pair<std::string, std::string>> values) {
  std::string form;
  for (const auto& [name, value] : values) {
    if (!form.empty()) form.push_back('&');
    AppendFormEscaped(name, form);
    form.push_back('=');
    AppendFormEscaped(value, form);
  }
  return Body(std::move(form), "application/x-www-form-urlencoded");
}

OutgoingRequest& OutgoingRequest::Stream(std::shared_ptr<UploadSource> source,
                                         std::string_view content_type) {
  if (source == nullptr) {
    Complain("body source: expected one, not null");
    return *this;
  }
  source_ = std::move(source);
  body_.clear();
  has_body_ = true;
  if (!content_type.empty()) Set("Content-Type", content_type);
  return *this;
}

OutgoingRequest& OutgoingRequest::Upgrade(std::string_view protocol,
                                          std::shared_ptr<UploadSource> source) {
  upgrade_ = protocol;
  tunnel_ = std::move(source);
  if (!IsToken(protocol)) {
    Complain("upgrade to '" + Shown(protocol) + "': expected a protocol's name, such as websocket");
  } else if (tunnel_ == nullptr) {
    Complain("upgrade to '" + upgrade_ + "': expected a source, not null");
  }
  return *this;
}

bool OutgoingRequest::idempotent() const {
  if (idempotent_) return true;
  switch (ParseMethod(method_)) {
    case Method::kGet:
    case Method::kHead:
    case Method::kPut:
    case Method::kDelete:
    case Method::kOptions:
    case Method::kTrace:
      return true;
    default:
      return false;
  }
}

std::string OutgoingRequest::Problem() const {
  if (!problem_.empty()) return problem_;
  if (!IsToken(method_)) {
    return "method '" + Shown(method_) + "': expected a token (RFC 9110 §9.1)";
  }
  const Method method = ParseMethod(method_);
  if (method == Method::kConnect) return "method 'CONNECT': expected one for a resource";
  if (!upgrade_.empty() && has_body_) return "upgrade to '" + upgrade_ + "': expected no body";
  if (!upgrade_.empty() && version_ == HttpVersion::kHttp2) {
    return "upgrade to '" + upgrade_ + "': expected HTTP/1.1, which alone has it";
  }
  if (method == Method::kTrace && has_body_) {
    return "method 'TRACE': expected no body (RFC 9110 §9.3.8)";
  }
  return {};
}

void OutgoingRequest::BecomeGet() {
  if (method_ != "HEAD") method_ = "GET";
  has_body_ = false;
  body_.clear();
  source_ = nullptr;
  expect_continue_ = false;
  for (const std::string_view name : {"Content-Type", "Content-Encoding", "Content-Language",
                                      "Content-Location", "Digest", "Last-Modified"}) {
    fields_.Remove(name);
  }
}

void OutgoingRequest::RemoveCredentials() {
  for (const std::string_view name :
       {"Authorization", "Cookie", "Proxy-Authorization", "WWW-Authenticate"}) {
    fields_.Remove(name);
  }
}

}  // namespace corelane::http
