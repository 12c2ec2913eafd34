// Masking of payloads (RFC 6455 §5.3): each byte XOR the key's byte at its position modulo 4.

#ifndef CORELANE_HTTP_WS_MASK_H_
#define CORELANE_HTTP_WS_MASK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace corelane::ws {

// In the order of the wire.
using MaskKey = std::array<uint8_t, 4>;

// Masks, or unmasks, in place. `offset`: where in the frame's payload `bytes` begin, so that a
// payload may come in pieces. Alignment does not matter.
void ApplyMask(std::span<char> bytes, const MaskKey& key, uint64_t offset);

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_MASK_H_
