// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//
// A Sum16 is the one's-complement sum of 16-bit words in memory order, so that no byte is swapped
// on the way (RFC 1071 §2 (B)). Sums of parts add up; a part that begins at an odd offset of the
// whole is Swapped() first.
//
//   Sum16 sum = PseudoHeaderSum(src, dst, 17, length) + SumBytes(datagram);  // field zero
//   sum.StoreComplement(field);

#ifndef CORELANE_CORE_CHECKSUM_H_
#define CORELANE_CORE_CHECKSUM_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/ip_address.h"
#include "core/packet.h"

namespace corelane {

static_assert(std::endian::native == std::endian::little);

// A folded one's-complement sum. Zero has two forms: raw() == 0 only for no words or words that are
// all zero, 0xffff otherwise.
class Sum16 {
 public:
  constexpr Sum16() = default;
  // From raw() of another sum, or from 16 bits loaded in memory order.
  static constexpr Sum16 FromRaw(uint16_t raw) { return Sum16(raw); }
  // Of one word that the wire carries in network order.
  static constexpr Sum16 OfWord(uint16_t host_order) {
    return Sum16(static_cast<uint16_t>(host_order << 8 | host_order >> 8));
  }

  friend constexpr Sum16 operator+(Sum16 a, Sum16 b) {
    const uint32_t sum = uint32_t{a.raw_} + b.raw_;
    return Sum16(static_cast<uint16_t>(sum + (sum >> 16)));
  }
  // Takes words out of a sum again (RFC 1624 §3, equation 3).
  friend constexpr Sum16 operator-(Sum16 a, Sum16 b) {
    return a + Sum16(static_cast<uint16_t>(~b.raw_));
  }
  constexpr Sum16& operator+=(Sum16 other) { return *this = *this + other; }
  constexpr Sum16& operator-=(Sum16 other) { return *this = *this - other; }
  // The same bytes' sum, one byte further on.
  constexpr Sum16 Swapped() const { return OfWord(raw_); }

  constexpr uint16_t raw() const { return raw_; }
  // Of data that includes its checksum field (and pseudo-header): whether the checksum is right.
  constexpr bool IsValid() const { return raw_ == 0xffff; }
  // Writes the checksum of the data summed. RFC 768: a UDP sender stores 0xffff where this is 0.
  void StoreComplement(uint8_t* field) const {
    const auto complement = static_cast<uint16_t>(~raw_);
    std::memcpy(field, &complement, 2);
  }

  friend constexpr bool operator==(Sum16, Sum16) = default;

 private:
  constexpr explicit Sum16(uint16_t raw) : raw_(raw) {}

  uint16_t raw_ = 0;
};

namespace internal {

// Spans of at most this many bytes are summed inline, longer ones with the widest vectors that the
// processor has.
inline constexpr size_t kInlineSum = 128;

Sum16 SumLong(const uint8_t* from, size_t n);
Sum16 CopyAndSumLong(uint8_t* to, const uint8_t* from, size_t n);

// Which loop long spans take, process-wide; for tests and benchmarks. False: this processor lacks
// it.
enum class ChecksumKernel : uint8_t { kBest, kSse, kAvx2 };
bool SetChecksumKernel(ChecksumKernel kernel);

constexpr uint64_t AddWithCarry(uint64_t sum, uint64_t word) {
  sum += word;
  return sum + (sum < word ? 1 : 0);
}

// One chain of carries through all four.
constexpr uint64_t AddWithCarry(uint64_t sum, const uint64_t (&words)[4]) {
#if __has_builtin(__builtin_addcll)
  unsigned long long carry = 0;
  sum = __builtin_addcll(sum, words[0], 0, &carry);
  sum = __builtin_addcll(sum, words[1], carry, &carry);
  sum = __builtin_addcll(sum, words[2], carry, &carry);
  sum = __builtin_addcll(sum, words[3], carry, &carry);
  return sum + carry;
#else
  for (const uint64_t word : words) sum = AddWithCarry(sum, word);
  return sum;
#endif
}

// The upper half of a number plus the same with its halves exchanged is the halves' sum with the
// carry taken round.
constexpr Sum16 Fold(uint64_t sum) {
  const auto half = static_cast<uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return Sum16::FromRaw(static_cast<uint16_t>((half + std::rotl(half, 16)) >> 16));
}

// Adds n bytes to a sum of 64-bit words and, where kCopy, copies them.
template <bool kCopy>
inline uint64_t SumWords(uint64_t sum, uint8_t* to, const uint8_t* from, size_t n) {
  const auto take = [&]<class Word>(Word word) {
    std::memcpy(&word, from, sizeof(word));
    if constexpr (kCopy) std::memcpy(to, &word, sizeof(word));
    sum = AddWithCarry(sum, word);
    from += sizeof(word);
    if constexpr (kCopy) to += sizeof(word);
  };
  for (; n >= 32; n -= 32, from += 32) {
    uint64_t words[4];
    std::memcpy(words, from, sizeof(words));
    if constexpr (kCopy) {
      std::memcpy(to, words, sizeof(words));
      to += 32;
    }
    sum = AddWithCarry(sum, words);
  }
  if (n & 16) {
    take(uint64_t{});
    take(uint64_t{});
  }
  if (n & 8) take(uint64_t{});
  if (n & 4) take(uint32_t{});
  if (n & 2) take(uint16_t{});
  if (n & 1) take(uint8_t{});
  return sum;
}

}  // namespace internal

// The sum of `bytes` as if they began at an even offset; an odd last byte is padded with zero.
inline Sum16 SumBytes(std::span<const uint8_t> bytes) {
  if (bytes.size() > internal::kInlineSum) return internal::SumLong(bytes.data(), bytes.size());
  return internal::Fold(internal::SumWords<false>(0, nullptr, bytes.data(), bytes.size()));
}

// As above, for a fixed length: without a loop.
template <size_t kLength>
  requires(kLength <= internal::kInlineSum)
[[gnu::always_inline]] inline Sum16 SumBytes(std::span<const uint8_t, kLength> bytes) {
  return internal::Fold(internal::SumWords<false>(0, nullptr, bytes.data(), kLength));
}

// Copies `from` to `to` (no overlap) and sums it in one pass.
inline Sum16 CopyAndSum(uint8_t* to, std::span<const uint8_t> from) {
  if (from.size() > internal::kInlineSum)
    return internal::CopyAndSumLong(to, from.data(), from.size());
  return internal::Fold(internal::SumWords<true>(0, to, from.data(), from.size()));
}

// Corrects a checksum field after words that it covers changed (RFC 1624 §3, equation 3).
//
//   UpdateChecksum(header + 10, Sum16::OfWord(old_ttl << 8), Sum16::OfWord(new_ttl << 8));
inline void UpdateChecksum(uint8_t* field, Sum16 removed, Sum16 added) {
  uint16_t old;
  std::memcpy(&old, field, 2);
  (Sum16::FromRaw(static_cast<uint16_t>(~old)) - removed + added).StoreComplement(field);
}

// The sum of [offset, offset + length) of the packet (offset + length <= packet_size()), as if that
// range began at an even offset. Segments that it covers whole and that have a data sum are not
// read.
namespace internal {
Sum16 SumSegments(const PacketHead* first, size_t offset, size_t length);
}  // namespace internal

inline Sum16 SumPacket(const PacketBuf& packet, size_t offset, size_t length) {
  const PacketHead* const first = packet.head();
  CL_DCHECK(offset + length <= first->packet_length);
  if (first->next_segment == nullptr && (first->flags & PacketHead::kHasDataSum) == 0) [[likely]] {
    return SumBytes({first->data + offset, length});
  }
  return internal::SumSegments(first, offset, length);
}

// Of the pseudo-header: RFC 9293 §3.1 (IPv4) or RFC 8200 §8.1 (IPv6), by the family of `src`.
// length: bytes of the upper-layer header and data.
inline Sum16 PseudoHeaderSum(const IpAddress& src, const IpAddress& dst, uint8_t protocol,
                             uint32_t length) {
  using internal::AddWithCarry;
  const uint64_t addresses =
      src.is_v4()
          ? uint64_t{src.v4().value()} + dst.v4().value()
          : AddWithCarry(AddWithCarry(AddWithCarry(src.high(), src.low()), dst.high()), dst.low());
  const Sum16 sum = internal::Fold(AddWithCarry(addresses, uint64_t{protocol} + length));
  return sum.Swapped();  // The words were in host order.
}

}  // namespace corelane

#endif  // CORELANE_CORE_CHECKSUM_H_
