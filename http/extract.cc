#include "http/extract.h"

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

// Texts of the client's come back in answers: what is no plain ASCII is left out of them.
std::string Shown(std::string_view text) {
  constexpr size_t kMost = 100;
  std::string shown;
  for (const char c : text.substr(0, kMost)) shown += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > kMost) shown += "...";
  return shown;
}

Response BadRequest(std::string text) { return Response::Text(std::move(text), 400); }

// A value of a form: "+" is a space. Nothing: an escape is malformed.
std::optional<std::string> DecodeForm(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  std::string out;
  if (!AppendPercentDecoded(spaced, out)) return std::nullopt;
  return out;
}

}  // namespace

Response internal::RefuseText(std::string_view kind, std::string_view name, std::string_view text,
                              std::string_view right) {
  return BadRequest(std::string(kind) + " \"" + std::string(name) + "\" is \"" + Shown(text) +
                    "\": expected " + std::string(right) + "\n");
}

Response internal::RefuseMissing(std::string_view kind, std::string_view name,
                                 std::string_view right) {
  return BadRequest(std::string(kind) + " \"" + std::string(name) + "\" is missing: expected " +
                    std::string(right) + "\n");
}

const std::string* Form::Find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

Extracted<Form> FromRequest<Form>::From(const Request& request) {
  constexpr std::string_view kType = "application/x-www-form-urlencoded";
  const std::string_view type = request.Header("content-type").value_or("");
  if (!EqualsIgnoreCase(TrimBlanks(type.substr(0, type.find(';'))), kType)) {
    return Response::Text(
        "content-type is \"" + Shown(type) + "\": expected " + std::string(kType) + "\n", 415);
  }
  Form form;
  std::string_view rest = request.content();
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name = DecodeForm(pair.substr(0, equals));
    std::optional<std::string> value = DecodeForm(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) {
      return BadRequest("form field \"" + Shown(pair) +
                        "\": expected name=value with %XX escapes\n");
    }
    form.fields.emplace_back(*std::move(name), *std::move(value));
  }
  return form;
}

}  // namespace corelane::http
