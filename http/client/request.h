// OutgoingRequest: what a client sends.
//
//   auto request = http::OutgoingRequest::Post("https://example.com/items");
//   request.Add("Accept", "application/json").JsonBody(R"({"name":"x"})").BearerAuth(token);
//
// A value: a copy is another request. What is wrong with it is remembered and reported by Send
// (ClientError::kBadRequest, with the reason in the failure's detail).

#ifndef CORELANE_HTTP_CLIENT_REQUEST_H_
#define CORELANE_HTTP_CLIENT_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/time.h"
#include "http/client/field_list.h"
#include "http/wire/method.h"

namespace corelane::http {

// Where a streamed request body comes from. Pulled: Read is called when there is room for more, so
// a slow server slows the source down. Belongs to the client's thread while the request lasts.
class UploadSource {
 public:
  struct Result {
    enum class Kind : uint8_t {
      kData,     // `size` bytes, at least one.
      kEnd,      // No more.
      kPending,  // Nothing yet: call NotifyReady when Read may have something.
      kFailed,   // The request is given up, and the server sees that it was not whole.
    };
    Kind kind = Kind::kEnd;
    size_t size = 0;

    static Result Data(size_t size) { return {Kind::kData, size}; }
    static Result End() { return {Kind::kEnd, 0}; }
    static Result Pending() { return {Kind::kPending, 0}; }
    static Result Failed() { return {Kind::kFailed, 0}; }
  };

  virtual ~UploadSource() = default;
  // The exact number of bytes, when known: becomes Content-Length. Else HTTP/1.1 sends chunks.
  virtual std::optional<uint64_t> size() const { return std::nullopt; }
  // Fills a prefix of `out`, which is never empty.
  virtual Result Read(std::span<char> out) = 0;
  // Back to the first byte, for a redirect or another attempt. False: it can be read only once.
  virtual bool Rewind() { return false; }
  // Sent after a body without a size; asked for at its end. Null: none.
  virtual const FieldList* trailers() const { return nullptr; }
  // The request is over, well or not: nothing is called any more.
  virtual void OnRequestOver() {}

  // For the engine; null: nobody listens.
  void set_ready(void (*ready)(void*), void* context) {
    ready_ = ready;
    context_ = context;
  }

 protected:
  // On the client's thread, from outside Read.
  void NotifyReady() {
    if (ready_ != nullptr) ready_(context_);
  }

 private:
  void (*ready_)(void*) = nullptr;
  void* context_ = nullptr;
};

enum class HttpVersion : uint8_t {
  kAny,    // As ALPN chooses; HTTP/1.1 for http:// URLs.
  kHttp1,  // HTTP/1.1 only.
  kHttp2,  // HTTP/2 only: by ALPN, and with prior knowledge for http:// URLs (RFC 9113 §3.3).
};

class OutgoingRequest {
 public:
  OutgoingRequest() = default;
  OutgoingRequest(std::string_view method, std::string_view url) : method_(method), url_(url) {}

  static OutgoingRequest Get(std::string_view url) { return {"GET", url}; }
  static OutgoingRequest Head(std::string_view url) { return {"HEAD", url}; }
  static OutgoingRequest Post(std::string_view url) { return {"POST", url}; }
  static OutgoingRequest Put(std::string_view url) { return {"PUT", url}; }
  static OutgoingRequest Patch(std::string_view url) { return {"PATCH", url}; }
  static OutgoingRequest Delete(std::string_view url) { return {"DELETE", url}; }

  // Fields that say where the message ends or what the connection does (Host, Content-Length,
  // Transfer-Encoding, Connection, Keep-Alive, Upgrade, TE, Trailer, Expect, Proxy-Connection) are
  // the client's own, and refused.
  OutgoingRequest& Add(std::string_view name, std::string_view value);
  OutgoingRequest& Set(std::string_view name, std::string_view value);
  // Authorization (RFC 7617, RFC 6750); instead of what the URL's userinfo says.
  OutgoingRequest& BasicAuth(std::string_view user, std::string_view password);
  OutgoingRequest& BearerAuth(std::string_view token);

  // A whole body, which can be sent again for a redirect or another attempt.
  OutgoingRequest& Body(std::string body, std::string_view content_type = {});
  // A document that is JSON already, as boost::json::serialize makes it.
  OutgoingRequest& JsonBody(std::string document) {
    return Body(std::move(document), "application/json");
  }
  // name=value&..., escaped (application/x-www-form-urlencoded).
  OutgoingRequest& FormBody(std::span<const std::pair<std::string, std::string>> values);
  // A streamed body. The source may be the only owner's: it lives until the request has ended.
  OutgoingRequest& Stream(std::shared_ptr<UploadSource> source, std::string_view content_type = {});

  // Asks the server to change to another protocol (RFC 9110 §7.8), such as "websocket", on this
  // connection, which is of HTTP/1.1 and nobody else's. Where the response has the status 101, its
  // body is what the server says in that protocol, `source` is what the user says, and it is first
  // asked for bytes then; time-outs of requests end. A source that ends leaves the other direction
  // open; destroying the response closes the connection, which counts among those of the pool until
  // then. Any other status: an ordinary response.
  OutgoingRequest& Upgrade(std::string_view protocol, std::shared_ptr<UploadSource> source);

  // Waits for "100 Continue" before the body (RFC 9110 §10.1.1), at most as long as
  // ClientOptions::expect_timeout.
  OutgoingRequest& ExpectContinue(bool on = true) {
    expect_continue_ = on;
    return *this;
  }
  OutgoingRequest& Version(HttpVersion version) {
    version_ = version;
    return *this;
  }
  // Says that a repetition does no harm, whatever the method (RFC 9110 §9.2.2).
  OutgoingRequest& Idempotent(bool on = true) {
    idempotent_ = on;
    return *this;
  }
  // Instead of the client's options.
  OutgoingRequest& FollowRedirects(bool on) {
    follow_redirects_ = on;
    return *this;
  }
  OutgoingRequest& Decompress(bool on) {
    decompress_ = on;
    return *this;
  }
  OutgoingRequest& TotalTimeout(Duration timeout) {
    total_timeout_ = timeout;
    return *this;
  }

  const std::string& method() const { return method_; }
  const std::string& url() const { return url_; }
  const FieldList& fields() const { return fields_; }
  const std::string& body() const { return body_; }
  const std::shared_ptr<UploadSource>& source() const { return source_; }
  bool has_body() const { return has_body_; }
  // Empty: none is asked for.
  const std::string& upgrade() const { return upgrade_; }
  const std::shared_ptr<UploadSource>& tunnel() const { return tunnel_; }
  bool expect_continue() const { return expect_continue_; }
  HttpVersion version() const { return version_; }
  bool idempotent() const;
  std::optional<bool> follow_redirects() const { return follow_redirects_; }
  std::optional<bool> decompress() const { return decompress_; }
  std::optional<Duration> total_timeout() const { return total_timeout_; }
  // The first thing that is wrong; empty: nothing.
  std::string Problem() const;

  // For redirects (RFC 9110 §15.4).
  void BecomeGet();
  void RemoveCredentials();

 private:
  void Complain(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }
  bool CheckField(std::string_view name, std::string_view value);

  std::string method_ = "GET";
  std::string url_;
  FieldList fields_;
  std::string body_;
  std::shared_ptr<UploadSource> source_;
  std::string upgrade_;
  std::shared_ptr<UploadSource> tunnel_;
  bool has_body_ = false;
  bool expect_continue_ = false;
  bool idempotent_ = false;
  HttpVersion version_ = HttpVersion::kAny;
  std::optional<bool> follow_redirects_;
  std::optional<bool> decompress_;
  std::optional<Duration> total_timeout_;
  std::string problem_;
};

// RFC 4648 §4, with padding.
std::string Base64(std::string_view bytes);
// "Basic dXNlcjpwYXNz" (RFC 7617).
std::string BasicCredentials(std::string_view user, std::string_view password);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_REQUEST_H_
