// The field lines of one message: names and values as views into the caller's buffer.

#ifndef CORELANE_HTTP_WIRE_FIELDS_H_
#define CORELANE_HTTP_WIRE_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/wire/syntax.h"

namespace corelane::http {

// Fields whose meaning the protocol engine itself needs.
enum class FieldId : uint8_t {
  kOther,
  kHost,
  kTe,
  kDate,
  kExpect,
  kUpgrade,
  kTrailer,
  kConnection,
  kContentLength,
  kTransferEncoding,
};

// Case-insensitive.
FieldId IdentifyField(std::string_view name);

// One field line as offsets from the start of its message, so that the buffer may move while the
// message is still being received.
struct FieldSlot {
  uint32_t name_offset;
  uint32_t value_offset;
  uint32_t value_size;
  uint16_t name_size;
  FieldId id;
};

struct Field {
  std::string_view name;
  std::string_view value;  // Without the blanks around it.
};

// Borrows both the slots and the buffer.
class Fields {
 public:
  class Iterator {
   public:
    Iterator(const Fields* fields, size_t at) : fields_(fields), at_(at) {}
    Field operator*() const { return (*fields_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Fields* fields_;
    size_t at_;
  };

  Fields() = default;
  Fields(const char* base, std::span<const FieldSlot> slots) : base_(base), slots_(slots) {}

  size_t size() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }
  Field operator[](size_t i) const { return {name(i), value(i)}; }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, slots_.size()}; }

  std::string_view name(size_t i) const {
    return {base_ + slots_[i].name_offset, slots_[i].name_size};
  }
  std::string_view value(size_t i) const {
    return {base_ + slots_[i].value_offset, slots_[i].value_size};
  }
  FieldId id(size_t i) const { return slots_[i].id; }

  // The first field of that name, compared without case.
  std::optional<std::string_view> Find(std::string_view name) const {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (EqualsIgnoreCase(this->name(i), name)) return value(i);
    }
    return std::nullopt;
  }

 private:
  const char* base_ = nullptr;
  std::span<const FieldSlot> slots_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_WIRE_FIELDS_H_
