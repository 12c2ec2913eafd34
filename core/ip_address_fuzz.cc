// Text to addresses: whatever parses prints to a canonical text that parses to the same value, and
// plain addresses parse exactly where the C library's inet_pton() does.

#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/ip_address.h"

namespace corelane {
namespace {

template <class T>
void RoundTrip(std::string_view text) {
  const auto value = T::Parse(text);
  if (!value) return;
  const std::string canonical = value->ToString();
  CL_CHECK(T::Parse(canonical) == value);
  CL_CHECK(T::Parse(canonical)->ToString() == canonical);
}

template <class T>
void AgreesWithLibc(std::string_view text, int family) {
  if (text.find('\0') != std::string_view::npos) return;
  uint8_t bytes[16] = {};
  const bool valid = inet_pton(family, std::string(text).c_str(), bytes) == 1;
  const auto address = T::Parse(text);
  CL_CHECK(address.has_value() == valid);
  if (valid) CL_CHECK(std::memcmp(address->bytes().data(), bytes, address->bytes().size()) == 0);
}

}  // namespace
}  // namespace corelane

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RoundTrip<Ipv4Address>(text);
  RoundTrip<Ipv6Address>(text);
  RoundTrip<IpAddress>(text);
  RoundTrip<IpPrefix>(text);
  RoundTrip<Endpoint>(text);
  AgreesWithLibc<Ipv4Address>(text, AF_INET);
  AgreesWithLibc<Ipv6Address>(text, AF_INET6);
  if (const auto prefix = IpPrefix::Parse(text)) {
    CL_CHECK(prefix->length <= prefix->address.bit_length());
    CL_CHECK(prefix->Contains(prefix->address));
    CL_CHECK(prefix->Contains(prefix->Masked().address));
    CL_CHECK(prefix->Masked().Masked() == prefix->Masked());
  }
  return 0;
}
