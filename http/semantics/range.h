// Byte ranges (RFC 9110 §14).

#ifndef CORELANE_HTTP_SEMANTICS_RANGE_H_
#define CORELANE_HTTP_SEMANTICS_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace corelane::http {

// Never empty.
struct ByteRange {
  uint64_t first = 0;
  uint64_t last = 0;  // Inclusive.

  uint64_t size() const { return last - first + 1; }
  bool operator==(const ByteRange&) const = default;
};

struct RangeRequest {
  enum class Kind : uint8_t {
    kIgnore,         // Another unit, malformed, or an attack: answer the whole.
    kUnsatisfiable,  // 416
    kRanges,
  };
  Kind kind = Kind::kIgnore;
  std::vector<ByteRange> ranges;
};

// What a Range field asks for of a representation with `size` bytes. Ranges that cannot be had are
// left out; those that overlap or touch become one (§14.2, §15.3.7.2), the others keep their order.
// Ignored as a whole: more than `most` ranges, more than two that overlap, and what would be longer
// than the whole (RFC 9110 §17.15).
RangeRequest ParseRange(std::string_view field, uint64_t size, size_t most);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SEMANTICS_RANGE_H_
