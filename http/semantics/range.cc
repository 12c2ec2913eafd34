#include "http/semantics/range.h"

#include <algorithm>
#include <optional>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

// Digits, of any count: what does not fit is as large as can be.
std::optional<uint64_t> Position(std::string_view text) {
  if (text.empty() ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return ParseDecimal(text).value_or(UINT64_MAX);
}

// False: malformed. A range that cannot be had is not added.
bool AddRange(std::string_view spec, uint64_t size, std::vector<ByteRange>& out) {
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return false;
  const std::string_view from = spec.substr(0, dash);
  const std::string_view to = spec.substr(dash + 1);
  if (from.empty()) {  // suffix-range
    const std::optional<uint64_t> length = Position(to);
    if (!length) return false;
    if (*length > 0 && size > 0) out.push_back({size - std::min(*length, size), size - 1});
    return true;
  }
  const std::optional<uint64_t> first = Position(from);
  const std::optional<uint64_t> last = to.empty() ? UINT64_MAX : Position(to);
  if (!first || !last || *first > *last) return false;
  if (*first < size) out.push_back({*first, std::min(*last, size - 1)});
  return true;
}

// Makes ranges that overlap or touch one, in the place of the first of them. Returns how many
// overlapped.
size_t Coalesce(std::vector<ByteRange>& ranges) {
  size_t overlaps = 0;
  for (size_t i = 0; i < ranges.size(); ++i) {
    for (size_t j = i + 1; j < ranges.size();) {
      ByteRange& a = ranges[i];
      const ByteRange b = ranges[j];
      const bool overlap = a.first <= b.last && b.first <= a.last;
      const bool touch = a.last + 1 == b.first || b.last + 1 == a.first;
      if (!overlap && !touch) {
        ++j;
        continue;
      }
      if (overlap) ++overlaps;
      a = {std::min(a.first, b.first), std::max(a.last, b.last)};
      ranges.erase(ranges.begin() + static_cast<ptrdiff_t>(j));
      j = i + 1;  // The larger one may reach those before.
    }
  }
  return overlaps;
}

}  // namespace

RangeRequest ParseRange(std::string_view field, uint64_t size, size_t most) {
  using Kind = RangeRequest::Kind;
  constexpr std::string_view kUnit = "bytes=";
  RangeRequest request;
  if (field.size() < kUnit.size() || !EqualsIgnoreCase(field.substr(0, kUnit.size()), kUnit)) {
    return request;
  }
  bool ok = true;
  size_t count = 0;
  ForEachListElement(field.substr(kUnit.size()), [&](std::string_view spec) {
    ok = ok && ++count <= most && AddRange(spec, size, request.ranges);
  });
  if (!ok || count == 0) return {};
  if (request.ranges.empty()) return {Kind::kUnsatisfiable, {}};
  uint64_t total = 0;
  for (const ByteRange& range : request.ranges) {
    total += range.size();
    if (total > size) return {};
  }
  if (Coalesce(request.ranges) > 2) return {};
  request.kind = Kind::kRanges;
  return request;
}

}  // namespace corelane::http
