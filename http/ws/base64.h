// As much of base64 (RFC 4648 §4) as the handshake needs.

#ifndef CORELANE_HTTP_WS_BASE64_H_
#define CORELANE_HTTP_WS_BASE64_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace corelane::ws::internal {

std::string Base64(std::span<const uint8_t> bytes);

// Whether `text` is the base64 of 16 bytes.
bool IsBase64Of16Bytes(std::string_view text);

}  // namespace corelane::ws::internal

#endif  // CORELANE_HTTP_WS_BASE64_H_
