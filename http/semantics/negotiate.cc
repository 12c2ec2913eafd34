#include "http/semantics/negotiate.h"

#include "http/wire/syntax.h"

namespace corelane::http {

std::optional<int> ParseQuality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int value = (text[0] - '0') * 1000;
  int unit = 100;
  for (size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value += (text[i] - '0') * unit;
  }
  if (value > 1000) return std::nullopt;
  return value;
}

int AcceptEncoding::Quality(std::string_view coding) const {
  bool sent = false;
  std::optional<int> named;
  std::optional<int> any;
  for (const Field field : fields_) {
    if (!EqualsIgnoreCase(field.name, "accept-encoding")) continue;
    sent = true;
    ForEachListElement(field.value, [&](std::string_view element) {
      const size_t semicolon = element.find(';');
      std::string_view name = TrimBlanks(element.substr(0, semicolon));
      int quality = 1000;
      if (semicolon != std::string_view::npos) {
        const std::string_view weight = TrimBlanks(element.substr(semicolon + 1));
        if (weight.size() < 2 || !EqualsIgnoreCase(weight.substr(0, 2), "q=")) return;
        const std::optional<int> parsed = ParseQuality(weight.substr(2));
        if (!parsed) return;
        quality = *parsed;
      }
      if (EqualsIgnoreCase(name, "x-gzip")) name = "gzip";
      if (name == "*" && !any) any = quality;
      if (EqualsIgnoreCase(name, coding) && !named) named = quality;
    });
  }
  if (named) return *named;
  const bool identity = EqualsIgnoreCase(coding, "identity");
  // Without the field any coding is acceptable, but nothing says that the client knows it.
  if (!sent) return identity ? 1000 : 0;
  if (any) return *any;
  return identity ? 1 : 0;
}

std::optional<size_t> AcceptEncoding::Choose(std::span<const std::string_view> codings) const {
  std::optional<size_t> best;
  int best_quality = 0;
  for (size_t i = 0; i < codings.size(); ++i) {
    const int quality = Quality(codings[i]);
    if (quality <= best_quality) continue;
    best = i;
    best_quality = quality;
  }
  return best && best_quality >= Quality("identity") ? best : std::nullopt;
}

}  // namespace corelane::http
