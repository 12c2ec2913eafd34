// SipHash (Aumasson, Bernstein): a keyed hash whose output cannot be predicted without the key.
//
// SipHash24 where the output leaves the machine (initial sequence numbers, SYN cookies, ports);
// SipHash13 where only collisions must not be forced (hash tables).

#ifndef CORELANE_CORE_SIPHASH_H_
#define CORELANE_CORE_SIPHASH_H_

#include <cstdint>
#include <span>

namespace corelane {

struct SipKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

uint64_t SipHash24(const SipKey& key, std::span<const uint8_t> bytes);
uint64_t SipHash13(const SipKey& key, std::span<const uint8_t> bytes);

}  // namespace corelane

#endif  // CORELANE_CORE_SIPHASH_H_
