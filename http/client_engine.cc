#include "http/client_engine.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cstring>

#include "http/h1/serializer.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kReadBytes = 65536;

void AppendChunks(std::string_view body, Buffer& out) {
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, kReadBytes);
    WriteChunkPrefix(piece.size(), out.Prepare(kChunkPrefix));
    out.Commit(kChunkPrefix);
    out.Append(piece);
    out.Append("\r\n");
    body.remove_prefix(piece.size());
  }
  out.Append(kLastChunk);
}

}  // namespace

std::string_view ClientResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (EqualsIgnoreCase(key, name)) return value;
  }
  return {};
}

bool SerializeRequest(const ClientRequest& request, Buffer& out) {
  if (!AppendRequestLine(request.method, request.target, out)) return false;
  if (!IsHostAndPort(request.host) || !AppendField("Host", request.host, out)) return false;
  for (const auto& [name, value] : request.fields) {
    if (!AppendField(name, value, out)) return false;
  }
  if (request.close) out.Append("Connection: close\r\n");
  const Method method = ParseMethod(request.method);
  if (request.chunked) {
    out.Append("Transfer-Encoding: chunked\r\n\r\n");
    AppendChunks(request.body, out);
    return true;
  }
  const bool usual = method == Method::kPost || method == Method::kPut || method == Method::kPatch;
  if (!request.body.empty() || usual) AppendContentLength(request.body.size(), out);
  out.Append("\r\n");
  out.Append(request.body);
  return true;
}

void ResponseReader::Start(Method method) {
  method_ = method;
  parser_.Start(HeadLimits(), method);
  in_body_ = false;
  done_ = false;
  response_ = ClientResponse();
  Advance();
}

std::span<char> ResponseReader::ReadBuffer() {
  char* const at = in_.Prepare(kReadBytes / 4);
  return {at, in_.room()};
}

void ResponseReader::OnRead(size_t size) {
  if (size == 0) eof_ = true;
  in_.Commit(size);
  Advance();
}

void ResponseReader::Fail(boost::system::error_code error) {
  response_ = ClientResponse(error);
  done_ = true;
}

void ResponseReader::Advance() {
  while (!done_ && (in_body_ ? ReadBody() : ReadHead())) {
  }
}

// True when it got on.
bool ResponseReader::ReadHead() {
  switch (parser_.Parse(in_.view())) {
    case ParseStatus::kError:
      Fail(boost::system::errc::make_error_code(boost::system::errc::bad_message));
      return false;
    case ParseStatus::kNeedMore:
      if (eof_) {
        const bool nothing = in_.empty();
        Fail(nothing ? boost::system::error_code(boost::asio::error::eof)
                     : boost::system::error_code(boost::asio::error::connection_aborted));
      }
      return false;
    case ParseStatus::kDone:
      break;
  }
  const ResponseHead head = parser_.head(in_.view());
  if (head.status < 200 && head.status != 101) {
    in_.Consume(parser_.consumed());
    parser_.Start(HeadLimits(), method_);
    return true;
  }
  response_.status = head.status;
  response_.reason = std::string(head.reason);
  response_.keep_alive = head.keep_alive;
  for (const Field field : head.fields) response_.fields.emplace_back(field.name, field.value);
  body_.Start(head.body);
  in_.Consume(parser_.consumed());
  in_body_ = true;
  return true;
}

bool ResponseReader::ReadBody() {
  if (body_.done()) {
    done_ = true;
    return false;
  }
  const BodyStep step = body_.Decode(in_.view());
  response_.body.append(step.data);
  if (step.status == ParseStatus::kError || response_.body.size() > kMaxBody) {
    Fail(boost::system::errc::make_error_code(boost::system::errc::bad_message));
    return false;
  }
  in_.Consume(step.consumed);
  if (body_.done() || !step.data.empty()) return true;
  if (eof_ && body_.framing().kind == BodyKind::kUntilClose) {
    done_ = true;
  } else if (eof_) {
    Fail(boost::asio::error::connection_aborted);
  }
  return false;
}

}  // namespace corelane::http
