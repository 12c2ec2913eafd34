#include "tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <string>

namespace corelane::tls::internal {
namespace {

constexpr size_t kIvSize = 16;  // Of AES-256-CBC.

bool SetMac(EVP_MAC_CTX* mac, std::array<uint8_t, 32>& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

template <class Key>
void Wipe(std::optional<Key>& key) {
  if (key) OPENSSL_cleanse(&*key, sizeof *key);
}

}  // namespace

TicketKeys::~TicketKeys() {
  Wipe(current_);
  Wipe(previous_);
}

void TicketKeys::set_lifetime(std::chrono::seconds lifetime) {
  const std::lock_guard lock(mutex_);
  lifetime_ = lifetime;
}

void TicketKeys::Rotate() {
  const std::lock_guard lock(mutex_);
  RotateLocked(Clock::now());
}

bool TicketKeys::RotateLocked(Clock::time_point now) {
  Key key{};
  key.since = now;
  if (RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
      RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) != 1 ||
      RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) != 1) {
    return false;
  }
  Wipe(previous_);
  previous_ = current_;
  current_ = key;
  OPENSSL_cleanse(&key, sizeof key);
  return true;
}

int TicketKeys::Seal(uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if ((!current_ || now - current_->since >= lifetime_ / 2) && !RotateLocked(now)) return -1;
  if (RAND_bytes(iv, kIvSize) != 1 ||
      EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, current_->cipher.data(), iv) != 1 ||
      !SetMac(mac, current_->mac)) {
    return -1;
  }
  std::copy(current_->name.begin(), current_->name.end(), name);
  return 1;
}

int TicketKeys::Open(const uint8_t* name, const uint8_t* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  for (std::optional<Key>* const key : {&current_, &previous_}) {
    if (!*key || now - (*key)->since >= lifetime_) continue;
    if (!std::equal((*key)->name.begin(), (*key)->name.end(), name)) continue;
    if (!SetMac(mac, (*key)->mac) ||
        EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, (*key)->cipher.data(), iv) != 1) {
      return -1;
    }
    return key == &current_ ? 1 : 2;  // 2: the client gets a new ticket.
  }
  return 0;  // An unknown key: a full handshake.
}

}  // namespace corelane::tls::internal
