// The only place that needs a cryptographic library.

#include <openssl/evp.h>

#include "core/check.h"
#include "http/ws/base64.h"
#include "http/ws/handshake.h"

namespace corelane::ws {

std::string AcceptKey(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §1.3
  std::array<uint8_t, 20> digest;
  // SHA-1 is what the RFC names; nothing here relies on its strength.
  CL_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr) == 1);
  return internal::Base64(digest);
}

}  // namespace corelane::ws
