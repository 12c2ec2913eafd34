// The keys that a server's session tickets are sealed with (RFC 5077 §4, RFC 8446 §4.6.1): the
// current one, and the one before it, whose tickets still open. Any thread.

#ifndef CORELANE_TLS_TICKET_KEYS_H_
#define CORELANE_TLS_TICKET_KEYS_H_

#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace corelane::tls::internal {

class TicketKeys {
 public:
  TicketKeys() = default;
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  void set_lifetime(std::chrono::seconds lifetime);
  // Begins a new key now; the current one becomes the previous one.
  void Rotate();

  // For SSL_CTX_set_tlsext_ticket_key_evp_cb, with its results.
  int Seal(uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);
  int Open(const uint8_t* name, const uint8_t* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);

 private:
  using Clock = std::chrono::steady_clock;

  struct Key {
    std::array<uint8_t, 16> name;
    std::array<uint8_t, 32> cipher;
    std::array<uint8_t, 32> mac;
    Clock::time_point since;
  };

  // With the lock. False without random numbers.
  bool RotateLocked(Clock::time_point now);

  std::mutex mutex_;
  std::chrono::seconds lifetime_ = std::chrono::hours(24);
  std::optional<Key> current_;
  std::optional<Key> previous_;
};

}  // namespace corelane::tls::internal

#endif  // CORELANE_TLS_TICKET_KEYS_H_
