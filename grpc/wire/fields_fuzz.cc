// What is parsed from fields, and written, is parsed to the same again.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "grpc/wire/encoding.h"
#include "grpc/wire/metadata.h"
#include "grpc/wire/status.h"
#include "grpc/wire/timeout.h"
#include "http/wire/fields.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane;
  using namespace corelane::grpc;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CL_CHECK(PercentDecode(PercentEncode(text)) == text);
  PercentDecode(text);
  CL_CHECK(Base64Decode(Base64Encode(text)) == std::string(text));
  if (const auto bytes = Base64Decode(text)) {
    CL_CHECK(Base64Decode(Base64Encode(*bytes)) == *bytes);
  }
  if (const auto timeout = ParseTimeout(text)) {
    CL_CHECK(*timeout >= Duration::zero());
    CL_CHECK(*ParseTimeout(FormatTimeout(*timeout)) <= *timeout);
  }
  if (const auto code = ParseStatusCode(text)) {
    CL_CHECK(std::to_string(static_cast<int>(*code)) == text);
  }
  // The text's halves as a field.
  const size_t half = size / 2;
  const http::FieldSlot slot{0, static_cast<uint32_t>(half), static_cast<uint32_t>(size - half),
                             static_cast<uint16_t>(half), http::FieldId::kOther};
  Metadata metadata;
  if (half > UINT16_MAX || !metadata.Parse(http::Fields(text.data(), {&slot, 1})).ok()) return 0;
  Metadata again;
  for (const auto& [name, value] : metadata) again.Add(name, value);
  again.ForEachLine([](std::string_view name, std::string_view value) {
    CL_CHECK(!name.empty() && !name.starts_with("grpc-"));
    for (const char c : value) CL_CHECK(c >= 0x20 && c <= 0x7e);
  });
  return 0;
}
