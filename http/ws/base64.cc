#include "http/ws/base64.h"

namespace corelane::ws::internal {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string Base64(std::span<const uint8_t> bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t have = bytes.size() - i;
    const uint32_t word = static_cast<uint32_t>(bytes[i]) << 16 |
                          (have > 1 ? static_cast<uint32_t>(bytes[i + 1]) << 8 : 0) |
                          (have > 2 ? static_cast<uint32_t>(bytes[i + 2]) : 0);
    out += kDigits[word >> 18];
    out += kDigits[word >> 12 & 63];
    out += have > 1 ? kDigits[word >> 6 & 63] : '=';
    out += have > 2 ? kDigits[word & 63] : '=';
  }
  return out;
}

bool IsBase64Of16Bytes(std::string_view text) {
  if (text.size() != 24 || !text.ends_with("==")) return false;
  return text.substr(0, 22).find_first_not_of(kDigits) == std::string_view::npos;
}

}  // namespace corelane::ws::internal
