#include "http/middleware/trace_context.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kParentSize = 55;  // 00-{32}-{16}-{2}
constexpr size_t kMaxMembers = 32;

void AppendHex(uint64_t value, std::string& out) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15];
}

// Lower case only. Nothing: another character.
std::optional<uint64_t> ParseHex(std::string_view text) {
  uint64_t value = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f')) return std::nullopt;
    value = value << 4 | static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsKeyPart(std::string_view text, size_t most, bool may_begin_with_digit) {
  if (text.empty() || text.size() > most) return false;
  if (!IsLower(text[0]) && !(may_begin_with_digit && IsDigit(text[0]))) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsLower(c) || IsDigit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

// §3.3.1.3.1: a name, or tenant@system.
bool IsKey(std::string_view key) {
  const size_t at = key.find('@');
  if (at == std::string_view::npos) return IsKeyPart(key, 256, false);
  return IsKeyPart(key.substr(0, at), 241, true) && IsKeyPart(key.substr(at + 1), 14, false);
}

// §3.3.1.3.2
bool IsValue(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

}  // namespace

std::string TraceContext::TraceId() const {
  std::string text;
  AppendHex(trace_high, text);
  AppendHex(trace_low, text);
  return text;
}

std::string TraceContext::SpanId() const {
  std::string text;
  AppendHex(span_id, text);
  return text;
}

std::string TraceContext::TraceParent() const {
  return "00-" + TraceId() + "-" + SpanId() + (sampled ? "-01" : "-00");
}

std::optional<TraceContext> ParseTraceParent(std::string_view text) {
  if (text.size() < kParentSize) return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::optional<uint64_t> version = ParseHex(text.substr(0, 2));
  const std::optional<uint64_t> high = ParseHex(text.substr(3, 16));
  const std::optional<uint64_t> low = ParseHex(text.substr(19, 16));
  const std::optional<uint64_t> parent = ParseHex(text.substr(36, 16));
  const std::optional<uint64_t> flags = ParseHex(text.substr(53, 2));
  if (!version || *version == 0xff || !high || !low || !parent || !flags) return std::nullopt;
  if ((*high | *low) == 0 || *parent == 0) return std::nullopt;
  // A later version may have more, behind another dash.
  if (text.size() > kParentSize && (*version == 0 || text[kParentSize] != '-')) return std::nullopt;
  TraceContext trace;
  trace.trace_high = *high;
  trace.trace_low = *low;
  trace.parent_id = *parent;
  trace.sampled = (*flags & 1) != 0;
  return trace;
}

std::optional<std::string> ParseTraceState(std::string_view text) {
  std::array<std::string_view, kMaxMembers> keys;
  size_t count = 0;
  bool ok = true;
  std::string joined;
  ForEachListElement(text, [&](std::string_view member) {
    if (!ok) return;
    const size_t equals = member.find('=');
    ok = equals != std::string_view::npos && count < kMaxMembers &&
         IsKey(member.substr(0, equals)) && IsValue(member.substr(equals + 1)) &&
         std::find(keys.begin(), keys.begin() + count, member.substr(0, equals)) ==
             keys.begin() + count;
    if (!ok) return;
    keys[count++] = member.substr(0, equals);
    if (!joined.empty()) joined += ',';
    joined += member;
  });
  if (!ok) return std::nullopt;
  return joined;
}

std::optional<TraceContext> TraceContextOf(const Fields& fields) {
  std::optional<TraceContext> trace;
  bool seen = false;
  std::string state;
  for (const Field field : fields) {
    if (EqualsIgnoreCase(field.name, "traceparent")) {
      if (std::exchange(seen, true)) return std::nullopt;
      trace = ParseTraceParent(field.value);
    } else if (EqualsIgnoreCase(field.name, "tracestate")) {
      if (!state.empty()) state += ',';
      state += field.value;
    }
  }
  if (trace && !state.empty()) trace->tracestate = ParseTraceState(state).value_or("");
  return trace;
}

Middleware TraceContexts(std::function<uint64_t()> random, bool sample_new) {
  return [random = std::move(random), sample_new](const Request& request,
                                                  Next next) -> Task<Response> {
    const auto id = [&random] { return std::max<uint64_t>(random(), 1); };  // 0 is no id.
    std::optional<TraceContext> trace = TraceContextOf(request.fields());
    if (!trace) {
      trace.emplace();
      trace->trace_high = id();
      trace->trace_low = id();
      trace->sampled = sample_new;
    }
    trace->span_id = id();
    request.Attach(*std::move(trace));
    co_return co_await next(request);
  };
}

Extracted<TraceContext> FromRequest<TraceContext>::From(const Request& request) {
  if (const TraceContext* const trace = request.Attached<TraceContext>()) return *trace;
  return Response::Text("there is no trace context: expected TraceContexts() around the handler\n",
                        500);
}

}  // namespace corelane::http
