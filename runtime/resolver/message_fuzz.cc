// A response from anybody: what decodes answers its own question and nothing else, and names go
// through their presentation format unchanged.

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/check.h"
#include "runtime/resolver/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::dns;  // NOLINT(google-build-using-namespace)
  const auto response = DecodeResponse(std::span(data, size));
  if (!response || !response->question) return 0;
  CL_CHECK(response->canonical.wire().size() <= Name::kMaxBytes);
  const Name& name = response->question->name;
  const auto again = Name::Parse(name.ToString());
  CL_CHECK(again.has_value() && again->IsSpelledLike(name));
  CL_CHECK(name.WithCase(response->ttl) == name);
  for (const auto& address : response->addresses) {
    CL_CHECK(address.is_v4() == (response->question->type == RecordType::kA));
  }
  return 0;
}
