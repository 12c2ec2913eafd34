#include "http/ws/mask.h"

#include <cstring>

namespace corelane::ws {

void ApplyMask(std::span<char> bytes, const MaskKey& key, uint64_t offset) {
  // The key, twice, beginning with the byte that is due at `offset`.
  std::array<uint8_t, 8> rotated;
  for (size_t i = 0; i < rotated.size(); ++i) rotated[i] = key[(offset + i) % 4];
  uint64_t word_key = 0;
  std::memcpy(&word_key, rotated.data(), sizeof(word_key));
  char* at = bytes.data();
  size_t left = bytes.size();
  // Eight bytes do not change the phase. Compilers make wider vectors of it.
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    word ^= word_key;
    std::memcpy(at, &word, sizeof(word));
  }
  for (size_t i = 0; i < left; ++i) {
    at[i] = static_cast<char>(static_cast<uint8_t>(at[i]) ^ rotated[i]);
  }
}

}  // namespace corelane::ws
