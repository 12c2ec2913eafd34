// FlowHash: a fast keyed hash of a flow's four-tuple for tables on this machine.
//
// Folded 64 x 64 -> 128 bit multiplications with secret key words: who does not know the key cannot
// choose flows that collide. Its values never leave the machine; what does uses SipHash.

#ifndef CORELANE_CORE_FLOW_HASH_H_
#define CORELANE_CORE_FLOW_HASH_H_

#include <cstdint>

#include "core/ip_address.h"
#include "core/random.h"

namespace corelane {

// Five secret words; take them from a random source of the system, not from Random, except in
// tests.
struct FlowHashKey {
  uint64_t words[5];

  // Spreads a seed over the words.
  static constexpr FlowHashKey FromSeed(uint64_t seed) {
    Random random(seed);
    FlowHashKey key{};
    for (uint64_t& word : key.words) word = random.Next64();
    return key;
  }
};

// All 32 bits are usable. Not symmetric in local and remote.
inline uint32_t FlowHash(const FlowHashKey& key, const IpAddress& local, uint16_t local_port,
                         const IpAddress& remote, uint16_t remote_port) {
  const auto fold = [](uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  // Each factor depends on a secret, and the two addresses enter under different ones.
  const uint64_t ports = uint64_t{local_port} << 16 | remote_port;
  const uint64_t a = fold(local.low() ^ key.words[0], local.high() ^ key.words[1] ^ ports);
  const uint64_t b = fold(remote.low() ^ key.words[2], remote.high() ^ key.words[3]);
  return static_cast<uint32_t>(fold(a ^ key.words[4], b ^ key.words[1] ^ ports) >> 32);
}

}  // namespace corelane

#endif  // CORELANE_CORE_FLOW_HASH_H_
