#include "http/ws/handshake.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "http/wire/syntax.h"
#include "http/ws/base64.h"
#include "http/ws/extension.h"

namespace corelane::ws {
namespace {

using http::EqualsIgnoreCase;
using http::Fields;
using http::Request;
using http::Response;

// All lines of a field that is a list, joined (RFC 9110 §5.3); nullopt when there is none.
std::optional<std::string> JoinedField(const Fields& fields, std::string_view name) {
  std::optional<std::string> joined;
  for (const http::Field& field : fields) {
    if (!EqualsIgnoreCase(field.name, name)) continue;
    if (joined.has_value()) {
      *joined += ", ";
    } else {
      joined.emplace();
    }
    *joined += field.value;
  }
  return joined;
}

bool HasListElement(const Fields& fields, std::string_view name, std::string_view element) {
  for (const http::Field& field : fields) {
    if (EqualsIgnoreCase(field.name, name) && http::ListContains(field.value, element)) return true;
  }
  return false;
}

// The value of a field that must occur once; nullopt when it does not.
std::optional<std::string_view> SingleField(const Fields& fields, std::string_view name) {
  std::optional<std::string_view> found;
  for (const http::Field& field : fields) {
    if (!EqualsIgnoreCase(field.name, name)) continue;
    if (found.has_value()) return std::nullopt;
    found = field.value;
  }
  return found;
}

// What came, for an answer: short, and without what could do harm in a terminal.
std::string Shown(std::optional<std::string_view> value) {
  if (!value.has_value()) return "missing or repeated";
  std::string out = "value '";
  for (const char c : value->substr(0, 80)) out += c >= ' ' && c < 0x7f ? c : '?';
  return out + "'";
}

Response Refuse(int status, std::string reason) {
  return Response::Text("websocket: " + std::move(reason) + "\n", status);
}

Response UpgradeRequired(std::string reason) {
  Response response = Refuse(426, std::move(reason));
  response.Add("Upgrade", "websocket");
  response.Add("Sec-WebSocket-Version", "13");  // RFC 6455 §4.4
  return response;
}

std::optional<Response> CheckVersion(const Request& request) {
  const auto version = SingleField(request.fields(), "Sec-WebSocket-Version");
  if (version == "13") return std::nullopt;
  return UpgradeRequired("Sec-WebSocket-Version: " + Shown(version) + ": expected 13");
}

// RFC 6455 §4.2.1
std::optional<Response> CheckHttp11(const Request& request) {
  if (request.method() != http::Method::kGet) {
    return Refuse(400, "method: expected GET");
  }
  if (request.version() != http::Version::kHttp11) {
    return Refuse(400, "version: expected HTTP/1.1 or HTTP/2");
  }
  const Fields& fields = request.fields();
  if (!request.Header("Upgrade").has_value()) {
    return UpgradeRequired("Upgrade: missing: expected websocket");
  }
  if (!HasListElement(fields, "Upgrade", "websocket")) {
    return Refuse(400, "Upgrade: " + Shown(request.Header("Upgrade")) + ": expected websocket");
  }
  if (!HasListElement(fields, "Connection", "upgrade")) {
    return Refuse(400, "Connection: " + Shown(request.Header("Connection")) + ": expected Upgrade");
  }
  if (std::optional<Response> refusal = CheckVersion(request)) return refusal;
  const auto key = SingleField(fields, "Sec-WebSocket-Key");
  if (!key.has_value() || !internal::IsBase64Of16Bytes(*key)) {
    return Refuse(400, "Sec-WebSocket-Key: " + Shown(key) + ": expected 16 bytes in base64");
  }
  return std::nullopt;
}

// RFC 8441 §5: no Upgrade, Connection, key or accept; the version stays.
std::optional<Response> CheckHttp2(const Request& request) {
  if (request.protocol() != "websocket") {
    return Refuse(400, ":protocol: " + Shown(request.protocol()) +
                           ": expected an extended CONNECT with websocket");
  }
  return CheckVersion(request);
}

// RFC 6454 §6.2: scheme "://" host [ ":" port ].
bool IsOfHost(std::string_view origin, std::string_view authority) {
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && EqualsIgnoreCase(origin.substr(scheme + 3), authority);
}

std::optional<Response> CheckOrigin(const Request& request, const Options& options) {
  const auto origin = request.Header("Origin");
  if (!origin.has_value()) return std::nullopt;
  const bool allowed =
      options.origins.empty()
          ? IsOfHost(*origin, request.authority())
          : std::any_of(options.origins.begin(), options.origins.end(),
                        [&](const std::string& allowed_one) {
                          return allowed_one == "*" || EqualsIgnoreCase(allowed_one, *origin);
                        });
  if (allowed && SingleField(request.fields(), "Origin").has_value()) return std::nullopt;
  return Refuse(403, "Origin: " + Shown(origin) + ": pages from there may not connect");
}

std::optional<Response> ChooseSubprotocol(const Request& request, const Options& options,
                                          std::string& chosen) {
  const auto offered = JoinedField(request.fields(), "Sec-WebSocket-Protocol");
  if (!offered.has_value()) return std::nullopt;
  bool tokens = true;
  http::ForEachListElement(*offered, [&](std::string_view name) {
    tokens = tokens && http::IsToken(name);
    const bool known = std::find(options.subprotocols.begin(), options.subprotocols.end(), name) !=
                       options.subprotocols.end();
    if (known && chosen.empty()) chosen = name;
  });
  if (tokens) return std::nullopt;
  return Refuse(400, "Sec-WebSocket-Protocol: " + Shown(*offered) + ": expected tokens");
}

std::optional<Response> ChooseExtensions(const Request& request, const Options& options,
                                         std::optional<DeflateParams>& deflate) {
  const auto offered = JoinedField(request.fields(), "Sec-WebSocket-Extensions");
  if (!offered.has_value()) return std::nullopt;
  ExtensionReader reader(*offered);
  std::string_view name;
  while (reader.NextExtension(name)) {
  }
  if (reader.failed()) {
    return Refuse(400, "Sec-WebSocket-Extensions: " + Shown(*offered) +
                           ": expected names with parameters (RFC 6455, 9.1)");
  }
  if (options.deflate.has_value()) deflate = AcceptDeflateOffer(*offered, *options.deflate);
  return std::nullopt;
}

}  // namespace

std::string Options::Problem() const {
  if (deflate.has_value()) {
    std::string problem = deflate->Problem();
    if (!problem.empty()) return problem;
  }
  for (const std::string& name : subprotocols) {
    if (!http::IsToken(name)) return "subprotocols: value '" + name + "': expected a token";
  }
  if (max_message == 0) return "max_message: value 0: expected at least 1";
  if (fragment_size == 0) return "fragment_size: value 0: expected at least 1";
  if (max_send_buffer < send_buffer) {
    return "max_send_buffer: value " + std::to_string(max_send_buffer) +
           ": expected at least send_buffer, " + std::to_string(send_buffer);
  }
  const std::pair<std::string_view, Duration> times[] = {{"ping_interval", ping_interval},
                                                         {"pong_timeout", pong_timeout},
                                                         {"idle_timeout", idle_timeout},
                                                         {"close_timeout", close_timeout}};
  for (const auto& [name, time] : times) {
    if (time <= Duration::zero()) {
      return std::string(name) + ": value " + std::to_string(time.count()) +
             " ns: expected more than 0, or Duration::max() for never";
    }
  }
  return {};
}

// --- Server ---

Accepted Accept(const Request& request, const Options& options) {
  Accepted out;
  const bool http2 = request.version() == http::Version::kHttp2;
  out.refusal = http2 ? CheckHttp2(request) : CheckHttp11(request);
  if (!out.refusal.has_value()) out.refusal = CheckOrigin(request, options);
  if (!out.refusal.has_value()) {
    out.refusal = ChooseSubprotocol(request, options, out.subprotocol);
  }
  if (!out.refusal.has_value()) out.refusal = ChooseExtensions(request, options, out.deflate);
  if (!out.refusal.has_value() && !http2) {
    out.accept = AcceptKey(*request.Header("Sec-WebSocket-Key"));
  }
  return out;
}

void Accepted::AddTo(http::Response& response) const {
  if (!accept.empty()) response.Add("Sec-WebSocket-Accept", accept);
  if (!subprotocol.empty()) response.Add("Sec-WebSocket-Protocol", subprotocol);
  if (deflate.has_value()) response.Add("Sec-WebSocket-Extensions", FormatDeflate(*deflate));
}

// --- Client ---

ClientHandshake::ClientHandshake(std::span<const uint8_t, 16> nonce, ClientOptions options)
    : options_(std::move(options)), key_(internal::Base64(nonce)) {}

std::string ClientHandshake::FieldLines() const {
  std::string out =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: " +
      key_ + "\r\n";
  if (!options_.subprotocols.empty()) {
    out += "Sec-WebSocket-Protocol: ";
    for (size_t i = 0; i < options_.subprotocols.size(); ++i) {
      out += (i > 0 ? ", " : "") + options_.subprotocols[i];
    }
    out += "\r\n";
  }
  if (options_.deflate.has_value()) {
    out += "Sec-WebSocket-Extensions: " + FormatDeflateOffer(*options_.deflate) + "\r\n";
  }
  return out;
}

ClientHandshake::Result ClientHandshake::Check(int status, const Fields& fields) const {
  Result out;
  const auto fail = [&out](std::string problem) {
    out.problem = "websocket: " + std::move(problem);
    return out;
  };
  if (status != 101) return fail("status: value " + std::to_string(status) + ": expected 101");
  const auto upgrade = SingleField(fields, "Upgrade");
  if (!upgrade.has_value() || !EqualsIgnoreCase(*upgrade, "websocket")) {
    return fail("Upgrade: " + Shown(upgrade) + ": expected websocket");
  }
  if (!HasListElement(fields, "Connection", "upgrade")) {
    return fail("Connection: " + Shown(fields.Find("Connection")) + ": expected Upgrade");
  }
  const auto accept = SingleField(fields, "Sec-WebSocket-Accept");
  const std::string expected = AcceptKey(key_);
  if (accept != expected) {
    return fail("Sec-WebSocket-Accept: " + Shown(accept) + ": expected " + expected);
  }
  if (const auto extensions = JoinedField(fields, "Sec-WebSocket-Extensions")) {
    if (options_.deflate.has_value())
      out.deflate = CheckDeflateAnswer(*extensions, *options_.deflate);
    if (!out.deflate.has_value()) {
      return fail("Sec-WebSocket-Extensions: " + Shown(*extensions) + ": not what was offered");
    }
  }
  if (const auto chosen = JoinedField(fields, "Sec-WebSocket-Protocol")) {
    if (std::find(options_.subprotocols.begin(), options_.subprotocols.end(), *chosen) ==
        options_.subprotocols.end()) {
      return fail("Sec-WebSocket-Protocol: " + Shown(*chosen) + ": not what was offered");
    }
    out.subprotocol = *chosen;
  }
  return out;
}

}  // namespace corelane::ws
