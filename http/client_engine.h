// The sans-IO half of the client: requests to bytes, bytes to responses.

#ifndef CORELANE_HTTP_CLIENT_ENGINE_H_
#define CORELANE_HTTP_CLIENT_ENGINE_H_

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/h1/chunked.h"
#include "http/h1/parser.h"
#include "http/wire/buffer.h"
#include "http/wire/method.h"

namespace corelane::http {

struct ClientRequest {
  ClientRequest(std::string method, std::string target, std::string host)
      : method(std::move(method)), target(std::move(target)), host(std::move(host)) {}

  std::string method;
  std::string target;
  std::string host;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool chunked = false;  // Send the body in chunks.
  bool close = false;    // Ask the server to close.
};

struct ClientResponse {
  ClientResponse() = default;
  explicit ClientResponse(boost::system::error_code error) : error(error), keep_alive(false) {}

  std::string_view Header(std::string_view name) const;

  boost::system::error_code error;
  int status = 0;
  std::string reason;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool keep_alive = true;
};

// False when a part of it could not be sent safely.
bool SerializeRequest(const ClientRequest& request, Buffer& out);

// Reads one response after another. Interim responses (1xx) are skipped.
class ResponseReader {
 public:
  static constexpr size_t kMaxBody = size_t{1} << 30;

  void Start(Method method);
  std::span<char> ReadBuffer();
  void OnRead(size_t size);  // 0: the end of the stream.
  bool done() const { return done_; }
  ClientResponse Take() { return std::move(response_); }

 private:
  void Advance();
  bool ReadHead();
  bool ReadBody();
  void Fail(boost::system::error_code error);

  Buffer in_;
  Method method_ = Method::kGet;
  ResponseParser parser_;
  BodyDecoder body_;
  bool in_body_ = false;
  bool done_ = false;
  bool eof_ = false;
  ClientResponse response_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_ENGINE_H_
