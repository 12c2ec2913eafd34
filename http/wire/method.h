// Versions of the protocol, and request methods (RFC 9110 §9, RFC 5789).

#ifndef CORELANE_HTTP_WIRE_METHOD_H_
#define CORELANE_HTTP_WIRE_METHOD_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace corelane::http {

enum class Version : uint8_t { kHttp10, kHttp11, kHttp2 };

constexpr std::string_view VersionName(Version version) {
  constexpr std::string_view kNames[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2"};
  return kNames[static_cast<size_t>(version)];
}

enum class Method : uint8_t {
  kUnknown,  // A well-formed method that nobody here knows: 501 (RFC 9110 §9.1).
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
};

inline constexpr size_t kMethodCount = 10;

inline constexpr std::string_view kMethodNames[kMethodCount] = {
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

constexpr std::string_view MethodName(Method method) {
  return kMethodNames[static_cast<size_t>(method)];
}

// Methods are case-sensitive.
constexpr Method ParseMethod(std::string_view name) {
  for (size_t i = 1; i < kMethodCount; ++i) {
    if (kMethodNames[i] == name) return static_cast<Method>(i);
  }
  return Method::kUnknown;
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_WIRE_METHOD_H_
