#include "http/semantics/http_date.h"

#include <chrono>

#include "http/h1/serializer.h"

namespace corelane::http {
namespace {

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

// Takes what it reads off the front of `rest`; after a mismatch `ok` is false for good.
struct Reader {
  std::string_view rest;
  bool ok = true;

  void Literal(std::string_view text) {
    ok = ok && rest.starts_with(text);
    if (ok) rest.remove_prefix(text.size());
  }
  int Digits(size_t count) {
    int value = 0;
    ok = ok && rest.size() >= count;
    for (size_t i = 0; ok && i < count; ++i) {
      ok = rest[i] >= '0' && rest[i] <= '9';
      value = value * 10 + (rest[i] - '0');
    }
    if (ok) rest.remove_prefix(count);
    return value;
  }
  int Month() {
    const size_t at = rest.size() < 3 ? std::string_view::npos : kMonths.find(rest.substr(0, 3));
    ok = ok && at != std::string_view::npos && at % 3 == 0;
    if (!ok) return 0;
    rest.remove_prefix(3);
    return static_cast<int>(at / 3) + 1;
  }
};

struct Parts {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void ReadTime(Reader& in, Parts& parts) {
  parts.hour = in.Digits(2);
  in.Literal(":");
  parts.minute = in.Digits(2);
  in.Literal(":");
  parts.second = in.Digits(2);
}

std::optional<int64_t> ToSeconds(const Parts& parts) {
  // 60 is a leap second.
  if (parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(parts.year),
                                         std::chrono::month(static_cast<unsigned>(parts.month)),
                                         std::chrono::day(static_cast<unsigned>(parts.day))};
  if (!date.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + parts.hour * 3600 + parts.minute * 60 + parts.second;
}

}  // namespace

std::string FormatHttpDate(int64_t unix_seconds) {
  return std::string(DateCache().At(unix_seconds));
}

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  Reader in{text};
  Parts parts;
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) {  // "Sun Nov  6 08:49:37 1994"
    in.rest.remove_prefix(text.size() < 4 ? text.size() : 3);
    in.Literal(" ");
    parts.month = in.Month();
    in.Literal(" ");
    if (in.rest.starts_with(' ')) {
      in.Literal(" ");
      parts.day = in.Digits(1);
    } else {
      parts.day = in.Digits(2);
    }
    in.Literal(" ");
    ReadTime(in, parts);
    in.Literal(" ");
    parts.year = in.Digits(4);
  } else if (comma == 3) {  // "Sun, 06 Nov 1994 08:49:37 GMT"
    in.rest.remove_prefix(comma);
    in.Literal(", ");
    parts.day = in.Digits(2);
    in.Literal(" ");
    parts.month = in.Month();
    in.Literal(" ");
    parts.year = in.Digits(4);
    in.Literal(" ");
    ReadTime(in, parts);
    in.Literal(" GMT");
  } else {  // "Sunday, 06-Nov-94 08:49:37 GMT"
    in.rest.remove_prefix(comma);
    in.Literal(", ");
    parts.day = in.Digits(2);
    in.Literal("-");
    parts.month = in.Month();
    in.Literal("-");
    parts.year = in.Digits(2);
    parts.year += parts.year < 70 ? 2000 : 1900;
    in.Literal(" ");
    ReadTime(in, parts);
    in.Literal(" GMT");
  }
  if (!in.ok || !in.rest.empty()) return std::nullopt;
  return ToSeconds(parts);
}

}  // namespace corelane::http
