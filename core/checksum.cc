#include "core/checksum.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>

namespace corelane {
namespace internal {
namespace {

// The vector loops add words as signed numbers, x - 0x8000, because the instruction that adds pairs
// of 16-bit words into 32-bit lanes (pmaddwd) is signed. Flipping the top bit is that subtraction;
// kBias per word is added back at the end. No lane overflows within kMaxChunk bytes.
constexpr uint64_t kBias = 0x8000;
constexpr size_t kMaxChunk = size_t{256} << 10;

using LongSum = uint64_t (*)(uint8_t* to, const uint8_t* from, size_t n);

// n: a multiple of 16, at most kMaxChunk.
template <bool kCopy>
inline uint64_t SumChunkSse(uint8_t* to, const uint8_t* from, size_t n) {
  const __m128i flip = _mm_set1_epi16(static_cast<int16_t>(kBias));
  const __m128i ones = _mm_set1_epi16(1);
  __m128i sums[4] = {};
  const auto take = [&](size_t at, __m128i& sum) {
    const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
    if constexpr (kCopy) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), words);
    sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_xor_si128(words, flip), ones));
  };
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    take(i, sums[0]);
    take(i + 16, sums[1]);
    take(i + 32, sums[2]);
    take(i + 48, sums[3]);
  }
  for (; i < n; i += 16) take(i, sums[0]);
  const __m128i lanes =
      _mm_add_epi32(_mm_add_epi32(sums[0], sums[1]), _mm_add_epi32(sums[2], sums[3]));
  const __m128i wide = _mm_add_epi64(_mm_cvtepi32_epi64(lanes),
                                     _mm_cvtepi32_epi64(_mm_unpackhi_epi64(lanes, lanes)));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(wide) + _mm_extract_epi64(wide, 1)) +
         kBias * (n / 2);
}

template <bool kCopy>
uint64_t SumSse(uint8_t* to, const uint8_t* from, size_t n) {
  uint64_t sum = 0;
  while (n >= 16) {
    const size_t chunk = std::min(n, kMaxChunk) / 16 * 16;
    sum += SumChunkSse<kCopy>(to, from, chunk);
    if constexpr (kCopy) to += chunk;
    from += chunk;
    n -= chunk;
  }
  return SumWords<kCopy>(sum, to, from, n);
}

// n: a multiple of 32, at most kMaxChunk. Tuned for Haswell: the generic tuning splits unaligned
// 32-byte accesses, for the sake of older processors, which lack AVX2.
template <bool kCopy>
[[gnu::target("avx2,tune=haswell")]] inline uint64_t SumChunkAvx2(uint8_t* to, const uint8_t* from,
                                                                  size_t n) {
  const __m256i flip = _mm256_set1_epi16(static_cast<int16_t>(kBias));
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sum0 = _mm256_setzero_si256();
  __m256i sum1 = sum0;
  __m256i sum2 = sum0;
  __m256i sum3 = sum0;
  size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    const auto* p = reinterpret_cast<const __m256i*>(from + i);
    const __m256i words0 = _mm256_loadu_si256(p);
    const __m256i words1 = _mm256_loadu_si256(p + 1);
    const __m256i words2 = _mm256_loadu_si256(p + 2);
    const __m256i words3 = _mm256_loadu_si256(p + 3);
    if constexpr (kCopy) {
      auto* q = reinterpret_cast<__m256i*>(to + i);
      _mm256_storeu_si256(q, words0);
      _mm256_storeu_si256(q + 1, words1);
      _mm256_storeu_si256(q + 2, words2);
      _mm256_storeu_si256(q + 3, words3);
    }
    sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(_mm256_xor_si256(words0, flip), ones));
    sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(_mm256_xor_si256(words1, flip), ones));
    sum2 = _mm256_add_epi32(sum2, _mm256_madd_epi16(_mm256_xor_si256(words2, flip), ones));
    sum3 = _mm256_add_epi32(sum3, _mm256_madd_epi16(_mm256_xor_si256(words3, flip), ones));
  }
  for (; i < n; i += 32) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    if constexpr (kCopy) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), words);
    sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(_mm256_xor_si256(words, flip), ones));
  }
  const __m256i lanes =
      _mm256_add_epi32(_mm256_add_epi32(sum0, sum1), _mm256_add_epi32(sum2, sum3));
  const __m256i wide = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(lanes)),
                                        _mm256_cvtepi32_epi64(_mm256_extracti128_si256(lanes, 1)));
  const __m128i two =
      _mm_add_epi64(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1)) +
         kBias * (n / 2);
}

template <bool kCopy>
[[gnu::target("avx2,tune=haswell")]] uint64_t SumAvx2(uint8_t* to, const uint8_t* from, size_t n) {
  uint64_t sum = 0;
  while (n >= 32) {
    const size_t chunk = std::min(n, kMaxChunk) & ~size_t{31};
    sum += SumChunkAvx2<kCopy>(to, from, chunk);
    if constexpr (kCopy) to += chunk;
    from += chunk;
    n -= chunk;
  }
  return SumWords<kCopy>(sum, to, from, n);
}

// Copies a few bytes first, so that the vector stores are aligned: a copy to an unaligned address
// takes twice as long otherwise.
template <LongSum kSum, size_t kVector>
uint64_t CopyAligned(uint8_t* to, const uint8_t* from, size_t n) {
  const size_t head = (0 - reinterpret_cast<uintptr_t>(to)) % kVector;
  if (head == 0) return kSum(to, from, n);
  const uint64_t sum = SumWords<true>(0, to, from, head);
  const Sum16 rest = Fold(kSum(to + head, from + head, n - head));
  return AddWithCarry(sum, (head % 2 != 0 ? rest.Swapped() : rest).raw());
}

template <bool kCopy>
constexpr LongSum kSseLoop = &SumSse<false>;
template <>
constexpr LongSum kSseLoop<true> = &CopyAligned<&SumSse<true>, 16>;
template <bool kCopy>
constexpr LongSum kAvx2Loop = &SumAvx2<false>;
template <>
constexpr LongSum kAvx2Loop<true> = &CopyAligned<&SumAvx2<true>, 32>;

// The first call replaces the pointer by the function that fits this processor.
// Constant-initialised, so that it works during the initialisation of other objects too.
template <bool kCopy>
uint64_t Resolve(uint8_t* to, const uint8_t* from, size_t n);

template <bool kCopy>
constinit std::atomic<LongSum> g_long_sum{&Resolve<kCopy>};

template <bool kCopy>
uint64_t Resolve(uint8_t* to, const uint8_t* from, size_t n) {
  __builtin_cpu_init();
  const LongSum best = __builtin_cpu_supports("avx2") ? kAvx2Loop<kCopy> : kSseLoop<kCopy>;
  g_long_sum<kCopy>.store(best, std::memory_order_relaxed);
  return best(to, from, n);
}

}  // namespace

Sum16 SumLong(const uint8_t* from, size_t n) {
  return Fold(g_long_sum<false>.load(std::memory_order_relaxed)(nullptr, from, n));
}

Sum16 CopyAndSumLong(uint8_t* to, const uint8_t* from, size_t n) {
  return Fold(g_long_sum<true>.load(std::memory_order_relaxed)(to, from, n));
}

bool SetChecksumKernel(ChecksumKernel kernel) {
  switch (kernel) {
    case ChecksumKernel::kBest:
      g_long_sum<false>.store(&Resolve<false>, std::memory_order_relaxed);
      g_long_sum<true>.store(&Resolve<true>, std::memory_order_relaxed);
      return true;
    case ChecksumKernel::kSse:
      g_long_sum<false>.store(kSseLoop<false>, std::memory_order_relaxed);
      g_long_sum<true>.store(kSseLoop<true>, std::memory_order_relaxed);
      return true;
    case ChecksumKernel::kAvx2:
      if (!__builtin_cpu_supports("avx2")) return false;
      g_long_sum<false>.store(kAvx2Loop<false>, std::memory_order_relaxed);
      g_long_sum<true>.store(kAvx2Loop<true>, std::memory_order_relaxed);
      return true;
  }
  return false;
}

}  // namespace internal

namespace internal {

Sum16 SumSegments(const PacketHead* first, size_t offset, size_t length) {
  uint64_t sum = 0;
  bool odd = false;
  for (const PacketHead* s = first; s != nullptr && length > 0; s = s->next_segment) {
    if (offset >= s->length) {
      offset -= s->length;
      continue;
    }
    const size_t n = std::min<size_t>(length, s->length - offset);
    if (n == s->length && (s->flags & PacketHead::kHasDataSum) != 0) {
      const Sum16 part = Sum16::FromRaw(s->data_sum);
      sum = AddWithCarry(sum, odd ? part.Swapped().raw() : part.raw());
    } else if (n <= kInlineSum && !odd) {
      sum = SumWords<false>(sum, nullptr, s->data + offset, n);  // headers
    } else {
      const Sum16 part = SumBytes({s->data + offset, n});
      sum = AddWithCarry(sum, odd ? part.Swapped().raw() : part.raw());
    }
    odd ^= (n & 1) != 0;
    length -= n;
    offset = 0;
  }
  return Fold(sum);
}

}  // namespace internal
}  // namespace corelane
