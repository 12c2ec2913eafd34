#include "core/checksum.h"

#include <algorithm>

namespace corelane {
namespace {

uint64_t AddWithCarry(uint64_t sum, uint64_t word) {
  sum += word;
  return sum + (sum < word ? 1 : 0);
}

Sum16 Fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return Sum16::FromRaw(static_cast<uint16_t>(sum));
}

template <bool kCopy>
Sum16 SumScalar(uint8_t* to, const uint8_t* from, size_t n) {
  uint64_t sum = 0;
  while (n >= 8) {
    uint64_t word;
    std::memcpy(&word, from, 8);
    if constexpr (kCopy) std::memcpy(to, &word, 8);
    sum = AddWithCarry(sum, word);
    from += 8;
    if constexpr (kCopy) to += 8;
    n -= 8;
  }
  if (n > 0) {
    uint64_t word = 0;
    std::memcpy(&word, from, n);
    if constexpr (kCopy) std::memcpy(to, &word, n);
    sum = AddWithCarry(sum, word);
  }
  return Fold(sum);
}

}  // namespace

Sum16 SumBytes(std::span<const uint8_t> bytes) {
  return SumScalar<false>(nullptr, bytes.data(), bytes.size());
}

Sum16 CopyAndSum(uint8_t* to, std::span<const uint8_t> from) {
  return SumScalar<true>(to, from.data(), from.size());
}

Sum16 SumPacket(const PacketBuf& packet, size_t offset, size_t length) {
  CL_DCHECK(offset + length <= packet.packet_size());
  Sum16 sum;
  bool odd = false;
  for (const PacketHead* s = packet.head(); s != nullptr && length > 0; s = s->next_segment) {
    if (offset >= s->length) {
      offset -= s->length;
      continue;
    }
    const size_t n = std::min<size_t>(length, s->length - offset);
    const bool whole = n == s->length && (s->flags & PacketHead::kHasDataSum) != 0;
    const Sum16 part = whole ? Sum16::FromRaw(s->data_sum) : SumBytes({s->data + offset, n});
    sum += odd ? part.Swapped() : part;
    odd ^= (n & 1) != 0;
    length -= n;
    offset = 0;
  }
  return sum;
}

}  // namespace corelane
