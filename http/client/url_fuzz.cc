// Any text as a URL, and as a Location: what is accepted can be sent, and reads the same again.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/client/url.h"
#include "http/wire/syntax.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::http::Url;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = [](const Url& url) {
    const char* const end = url.target().data() + url.target().size();
    CL_CHECK(url.target()[0] == '/');
    CL_CHECK(corelane::http::SkipTargetChars(url.target().data(), end) == end);
    CL_CHECK(corelane::http::IsHostAndPort(url.authority()));
    const auto again = Url::Parse(url.text());
    CL_CHECK(again.has_value() && again->text() == url.text());
  };
  const auto url = Url::Parse(text);
  if (url) check(*url);
  static const auto base = Url::Parse("https://example.com:8443/a/b?c");
  const auto resolved = base->Resolve(text);
  if (resolved) check(*resolved);
  return 0;
}
