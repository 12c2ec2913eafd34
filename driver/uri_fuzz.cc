// Any text either parses to a URI that prints and parses to itself, or gives an error.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "driver/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::driver::DeviceUri;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto uri = DeviceUri::Parse(text);
  if (!uri.ok()) {
    CL_CHECK(!uri.status().message().empty());
    return 0;
  }
  const auto again = DeviceUri::Parse(uri->ToString());
  CL_CHECK(again.ok() && *again == *uri);
  corelane::driver::OptionReader reader(*uri);
  reader.Unsigned("n", 0, 0, 100);
  reader.Number("p", 0, 0, 1);
  reader.Time("t", corelane::Duration(0));
  reader.Scaled("w", 0, 1'000'000'000, "bits/s");
  reader.Mac("mac", std::nullopt);
  reader.Finish().IgnoreError();
  return 0;
}
