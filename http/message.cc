#include "http/message.h"

#include "http/h1/serializer.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

class MemorySource final : public BodySource {
 public:
  MemorySource(std::string owned, std::string_view other, std::shared_ptr<const std::string> kept)
      : owned_(std::move(owned)),
        kept_(std::move(kept)),
        left_(owned_.empty() ? other : std::string_view(owned_)) {}
  std::optional<uint64_t> size() const override { return left_.size(); }
  Result Read(std::span<char> out) override {
    if (left_.empty()) return Result::End();
    const size_t size = left_.copy(out.data(), out.size());
    left_.remove_prefix(size);
    return Result::Data(size);
  }

 private:
  const std::string owned_;
  const std::shared_ptr<const std::string> kept_;
  std::string_view left_;
};

}  // namespace

std::optional<uint64_t> Request::NumberParam(std::string_view name) const {
  return ParseDecimal(Param(name));
}

std::optional<std::string> Request::QueryValue(std::string_view name) const {
  std::string_view rest = query();
  const auto decode = [](std::string_view text) -> std::optional<std::string> {
    std::string spaced(text);
    for (char& c : spaced) {
      if (c == '+') c = ' ';
    }
    std::string out;
    if (!AppendPercentDecoded(spaced, out)) return std::nullopt;
    return out;
  };
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    if (decode(pair.substr(0, equals)) == name) {
      return decode(pair.substr(std::min(equals + 1, pair.size())));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

Response Response::Text(std::string body, int status) {
  return Owned("text/plain; charset=utf-8", std::move(body), status);
}

Response Response::Html(std::string body, int status) {
  return Owned("text/html; charset=utf-8", std::move(body), status);
}

Response Response::Json(std::string body, int status) {
  return Owned("application/json", std::move(body), status);
}

Response Response::Owned(std::string_view content_type, std::string body, int status) {
  Response response(status);
  response.content_type_ = content_type;
  response.owned_ = std::move(body);
  return response;
}

Response Response::Static(std::string_view content_type, std::string_view body, int status) {
  Response response(status);
  response.content_type_ = content_type;
  response.static_body_ = body;
  return response;
}

Response Response::Shared(std::string_view content_type, std::shared_ptr<const std::string> body,
                          int status) {
  Response response = Static(content_type, *body, status);
  response.shared_ = std::move(body);
  return response;
}

Response Response::Stream(std::string_view content_type, std::unique_ptr<BodySource> source,
                          int status) {
  Response response(status);
  response.content_type_ = content_type;
  response.source_ = std::move(source);
  return response;
}

Response Response::Tunnel(std::string_view protocol, std::unique_ptr<BodySource> source) {
  Response response(101);
  response.tunnel_protocol_ = protocol;
  response.source_ = std::move(source);
  return response;
}

Response& Response::Add(std::string_view name, std::string_view value) {
  fields_.Add(name, value);
  return *this;
}

void FieldLines::Add(std::string_view name, std::string_view value) {
  const FieldId id = IdentifyField(name);
  const bool framing = id == FieldId::kContentLength || id == FieldId::kTransferEncoding ||
                       id == FieldId::kConnection || id == FieldId::kDate;
  if (framing || !AppendField(name, value, lines_)) valid_ = false;
}

void FieldLines::Remove(std::string_view name) {
  for (size_t at = 0; at < lines_.size();) {
    const size_t end = lines_.find('\n', at) + 1;
    const size_t colon = lines_.find(':', at);
    if (EqualsIgnoreCase(std::string_view(lines_).substr(at, colon - at), name)) {
      lines_.erase(at, end - at);
    } else {
      at = end;
    }
  }
}

std::optional<std::string_view> FieldLines::Find(std::string_view name) const {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const size_t colon = rest.find(':');
    if (EqualsIgnoreCase(rest.substr(0, colon), name)) {
      return rest.substr(colon + 2, end - 1 - (colon + 2));
    }
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

Response& Response::Set(std::string_view name, std::string_view value) {
  return Remove(name).Add(name, value);
}

Response& Response::Remove(std::string_view name) {
  if (EqualsIgnoreCase(name, "content-type")) content_type_ = {};
  fields_.Remove(name);
  return *this;
}

std::optional<std::string_view> Response::Find(std::string_view name) const {
  if (!content_type_.empty() && EqualsIgnoreCase(name, "content-type")) return content_type_;
  return fields_.Find(name);
}

Response& Response::SetBody(std::string body) {
  source_ = nullptr;
  shared_ = nullptr;
  static_body_ = {};
  owned_ = std::move(body);
  return *this;
}

std::unique_ptr<BodySource> Response::TakeBodyAsSource() {
  if (source_ != nullptr) return std::move(source_);
  auto source = std::make_unique<MemorySource>(std::move(owned_), static_body_, std::move(shared_));
  SetBody("");
  return source;
}

Response& Response::SetSource(std::unique_ptr<BodySource> source) {
  SetBody("");
  source_ = std::move(source);
  return *this;
}

}  // namespace corelane::http
