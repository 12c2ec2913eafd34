#include "http/h1/serializer.h"

#include <charconv>
#include <cstring>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

void PutTwoDigits(char* at, int value) {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
}

struct CivilDate {
  int year;
  int month;  // 1..12
  int day;
};

// Days since 1970-01-01 to the proleptic Gregorian calendar, in eras of 400 years that begin on 1
// March.
CivilDate FromDays(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0)), month, day};
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
void FormatDate(int64_t unix_seconds, char* out) {
  constexpr char kDays[] = "ThuFriSatSunMonTueWed";
  constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int64_t days = unix_seconds / 86400;
  int64_t second = unix_seconds % 86400;
  if (second < 0) {
    second += 86400;
    --days;
  }
  const CivilDate date = FromDays(days);
  std::memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", 29);
  std::memcpy(out, kDays + ((days % 7) + 7) % 7 * 3, 3);
  PutTwoDigits(out + 5, date.day);
  std::memcpy(out + 8, kMonths + (date.month - 1) * 3, 3);
  PutTwoDigits(out + 12, date.year / 100 % 100);
  PutTwoDigits(out + 14, date.year % 100);
  PutTwoDigits(out + 17, static_cast<int>(second / 3600));
  PutTwoDigits(out + 20, static_cast<int>(second / 60 % 60));
  PutTwoDigits(out + 23, static_cast<int>(second % 60));
}

template <class Out>
bool AppendFieldTo(std::string_view name, std::string_view value, Out append) {
  if (!IsToken(name) || !IsFieldValue(value)) return false;
  append(name);
  append(": ");
  append(value);
  append("\r\n");
  return true;
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

std::string_view DateCache::At(int64_t unix_seconds) {
  if (unix_seconds != second_) {
    second_ = unix_seconds;
    FormatDate(unix_seconds, text_.data());
  }
  return {text_.data(), text_.size()};
}

void AppendStatusLine(int status, Buffer& out) {
  if (status == 200) {
    out.Append("HTTP/1.1 200 OK\r\n");
    return;
  }
  if (status < 100 || status > 999) status = 500;
  char* at = out.Prepare(13);
  std::memcpy(at, "HTTP/1.1 ", 9);
  at[9] = static_cast<char>('0' + status / 100);
  PutTwoDigits(at + 10, status % 100);
  at[12] = ' ';
  out.Commit(13);
  out.Append(ReasonPhrase(status));
  out.Append("\r\n");
}

bool AppendRequestLine(std::string_view method, std::string_view target, Buffer& out) {
  const char* end = target.data() + target.size();
  if (!IsToken(method) || target.empty() || SkipTargetChars(target.data(), end) != end)
    return false;
  out.Append(method);
  out.Append(" ");
  out.Append(target);
  out.Append(" HTTP/1.1\r\n");
  return true;
}

bool AppendField(std::string_view name, std::string_view value, Buffer& out) {
  return AppendFieldTo(name, value, [&out](std::string_view text) { out.Append(text); });
}

bool AppendField(std::string_view name, std::string_view value, std::string& out) {
  return AppendFieldTo(name, value, [&out](std::string_view text) { out.append(text); });
}

void AppendContentLength(uint64_t length, Buffer& out) {
  constexpr std::string_view kName = "Content-Length: ";
  char* const start = out.Prepare(kName.size() + 22);
  std::memcpy(start, kName.data(), kName.size());
  char* at = std::to_chars(start + kName.size(), start + kName.size() + 20, length).ptr;
  *at++ = '\r';
  *at++ = '\n';
  out.Commit(static_cast<size_t>(at - start));
}

void WriteChunkPrefix(size_t size, char* at) {
  CL_DCHECK(size > 0 && size <= kMaxChunk);
  constexpr char kHex[] = "0123456789abcdef";
  for (int i = 5; i >= 0; --i, size >>= 4) at[i] = kHex[size & 15];
  at[6] = '\r';
  at[7] = '\n';
}

}  // namespace corelane::http
