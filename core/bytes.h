// Big-endian (network order) integers in raw bytes.
//
// LoadBe/StoreBe read and write at any alignment. Be16, Be32 and Be64 are fields of alignment 1 for
// structs that lie over wire bytes: the byte order is part of the type, so that host and network
// order cannot be mixed.

#ifndef CORELANE_CORE_BYTES_H_
#define CORELANE_CORE_BYTES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace corelane {

static_assert(std::endian::native == std::endian::little);

namespace internal {

constexpr uint16_t SwapBytes(uint16_t word) { return __builtin_bswap16(word); }
constexpr uint32_t SwapBytes(uint32_t word) { return __builtin_bswap32(word); }
constexpr uint64_t SwapBytes(uint64_t word) { return __builtin_bswap64(word); }

// One load or store and a byte swap; constant expressions go byte by byte.
template <class Word>
constexpr Word LoadBe(const uint8_t* p) {
  Word word = 0;
  if (std::is_constant_evaluated()) {
    for (size_t i = 0; i < sizeof(Word); ++i) word = static_cast<Word>(word << 8 | p[i]);
    return word;
  }
  std::memcpy(&word, p, sizeof word);
  return SwapBytes(word);
}

template <class Word>
constexpr void StoreBe(uint8_t* p, Word value) {
  if (std::is_constant_evaluated()) {
    for (size_t i = sizeof(Word); i-- > 0; value = static_cast<Word>(value >> 8)) {
      p[i] = static_cast<uint8_t>(value);
    }
    return;
  }
  value = SwapBytes(value);
  std::memcpy(p, &value, sizeof value);
}

}  // namespace internal

constexpr uint16_t LoadBe16(const uint8_t* p) { return internal::LoadBe<uint16_t>(p); }
constexpr uint32_t LoadBe32(const uint8_t* p) { return internal::LoadBe<uint32_t>(p); }
constexpr uint64_t LoadBe64(const uint8_t* p) { return internal::LoadBe<uint64_t>(p); }

constexpr void StoreBe16(uint8_t* p, uint16_t value) { internal::StoreBe(p, value); }
constexpr void StoreBe32(uint8_t* p, uint32_t value) { internal::StoreBe(p, value); }
constexpr void StoreBe64(uint8_t* p, uint64_t value) { internal::StoreBe(p, value); }

class Be16 {
 public:
  constexpr Be16() = default;
  constexpr explicit Be16(uint16_t host) { StoreBe16(bytes_, host); }
  constexpr uint16_t value() const { return LoadBe16(bytes_); }
  friend constexpr bool operator==(const Be16& a, const Be16& b) { return a.value() == b.value(); }

 private:
  uint8_t bytes_[2] = {};
};

class Be32 {
 public:
  constexpr Be32() = default;
  constexpr explicit Be32(uint32_t host) { StoreBe32(bytes_, host); }
  constexpr uint32_t value() const { return LoadBe32(bytes_); }
  friend constexpr bool operator==(const Be32& a, const Be32& b) { return a.value() == b.value(); }

 private:
  uint8_t bytes_[4] = {};
};

class Be64 {
 public:
  constexpr Be64() = default;
  constexpr explicit Be64(uint64_t host) { StoreBe64(bytes_, host); }
  constexpr uint64_t value() const { return LoadBe64(bytes_); }
  friend constexpr bool operator==(const Be64& a, const Be64& b) { return a.value() == b.value(); }

 private:
  uint8_t bytes_[8] = {};
};

static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);
static_assert(sizeof(Be64) == 8 && alignof(Be64) == 1);

}  // namespace corelane

#endif  // CORELANE_CORE_BYTES_H_
