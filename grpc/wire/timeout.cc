#include "grpc/wire/timeout.h"

#include <array>
#include <cstdint>

namespace corelane::grpc {
namespace {

struct Unit {
  char name;
  int64_t nanoseconds;
};
constexpr std::array<Unit, 6> kUnits = {{{'n', 1},
                                         {'u', 1'000},
                                         {'m', 1'000'000},
                                         {'S', 1'000'000'000},
                                         {'M', 60'000'000'000},
                                         {'H', 3'600'000'000'000}}};
constexpr size_t kDigits = 8;
constexpr int64_t kMost = 99'999'999;

}  // namespace

std::optional<Duration> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kDigits + 1) return std::nullopt;
  int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  for (const Unit& unit : kUnits) {
    if (unit.name != text.back()) continue;
    if (value > INT64_MAX / unit.nanoseconds) return Duration::max();
    return Duration(std::chrono::nanoseconds(value * unit.nanoseconds));
  }
  return std::nullopt;
}

std::string FormatTimeout(Duration timeout) {
  const int64_t left = std::chrono::nanoseconds(timeout).count();
  if (left <= 0) return "0n";
  for (const Unit& unit : kUnits) {
    const int64_t value = left / unit.nanoseconds;
    if (value <= kMost) return std::to_string(value) + unit.name;
  }
  return std::to_string(kMost) + 'H';
}

}  // namespace corelane::grpc
