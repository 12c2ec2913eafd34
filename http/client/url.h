// Url: where a request goes, taken apart once (RFC 3986, RFC 9110 §4.2).
//
//   std::string why;
//   const std::optional<Url> url = Url::Parse("https://user:pass@[::1]:8443/a?b#c", &why);
//   if (!url) Report(why);  // "URL 'ftp://x/': scheme 'ftp': expected http or https"
//
// Host names are ASCII: an internationalised name must come in its "xn--" form (RFC 5891).

#ifndef CORELANE_HTTP_CLIENT_URL_H_
#define CORELANE_HTTP_CLIENT_URL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corelane::http {

class Url {
 public:
  Url() = default;

  // An absolute http or https URL. The fragment is dropped, dot segments are removed, the scheme
  // and the host become lower case. nullopt: `why` (may be null) says what is wrong.
  static std::optional<Url> Parse(std::string_view text, std::string* why = nullptr);
  // A Location (RFC 9110 §10.2.2): absolute, or relative to this URL. Bytes that URLs must not hold
  // and servers send nevertheless (spaces, UTF-8) are percent-encoded.
  std::optional<Url> Resolve(std::string_view reference, std::string* why = nullptr) const;

  bool secure() const { return scheme_ == "https"; }
  const std::string& scheme() const { return scheme_; }
  // A name, or an address; IPv6 without brackets.
  const std::string& host() const { return host_; }
  uint16_t port() const { return port_; }
  // The path and the query, as they go on the wire; begins with "/".
  const std::string& target() const { return target_; }
  // host[:port] for the Host field: brackets around IPv6, no default port.
  const std::string& authority() const { return authority_; }
  // The same with the port, always.
  std::string host_and_port() const;
  // scheme://authority/target
  std::string text() const { return scheme_ + "://" + authority_ + target_; }

  // Decoded.
  bool has_credentials() const { return has_credentials_; }
  const std::string& user() const { return user_; }
  const std::string& password() const { return password_; }

  // RFC 6454 §5: what credentials may be sent to again.
  bool SameOrigin(const Url& other) const {
    return port_ == other.port_ && host_ == other.host_ && scheme_ == other.scheme_;
  }

 private:
  std::string scheme_;
  std::string host_;
  std::string target_;
  std::string authority_;
  std::string user_;
  std::string password_;
  uint16_t port_ = 0;
  bool has_credentials_ = false;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_URL_H_
