// Big-endian (network order) integers in raw bytes.
//
// LoadBe/StoreBe read and write at any alignment. Be16, Be32 and Be64 are fields of alignment 1 for
// structs that lie over wire bytes: the byte order is part of the type, so that host and network
// order cannot be mixed.

#ifndef CORELANE_CORE_BYTES_H_
#define CORELANE_CORE_BYTES_H_

#include <cstdint>

namespace corelane {

constexpr uint16_t LoadBe16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
constexpr uint32_t LoadBe32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}
constexpr uint64_t LoadBe64(const uint8_t* p) {
  return uint64_t{p[0]} << 56 | uint64_t{p[1]} << 48 | uint64_t{p[2]} << 40 | uint64_t{p[3]} << 32 |
         uint64_t{p[4]} << 24 | uint64_t{p[5]} << 16 | uint64_t{p[6]} << 8 | uint64_t{p[7]};
}

constexpr void StoreBe16(uint8_t* p, uint16_t value) {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}
constexpr void StoreBe32(uint8_t* p, uint32_t value) {
  p[0] = static_cast<uint8_t>(value >> 24);
  p[1] = static_cast<uint8_t>(value >> 16);
  p[2] = static_cast<uint8_t>(value >> 8);
  p[3] = static_cast<uint8_t>(value);
}
constexpr void StoreBe64(uint8_t* p, uint64_t value) {
  StoreBe32(p, static_cast<uint32_t>(value >> 32));
  StoreBe32(p + 4, static_cast<uint32_t>(value));
}

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
