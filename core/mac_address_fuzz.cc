// Text to MAC addresses: whatever parses prints to a text that parses to the same value.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "core/mac_address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto address = corelane::MacAddress::Parse(text);
  if (!address) return 0;
  CL_CHECK(text.size() == 17);
  CL_CHECK(corelane::MacAddress::Parse(address->ToString()) == address);
  return 0;
}
