#include "runtime/flags/value.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

namespace corelane::runtime {
namespace {

// The whole of `text` as a number, or nothing.
template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Decimal, no exponent, no "inf" or "nan".
std::optional<double> ParseDecimal(std::string_view text) {
  if (text.find_first_not_of("0123456789.-") != std::string_view::npos) return std::nullopt;
  return ParseNumber<double>(text);
}

std::string Print(bool value) { return value ? "1" : "0"; }

}  // namespace

std::string PrintDecimal(double value) {
  char buffer[400];  // the smallest number has 324 digits behind its point
  const auto result =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  return std::string(buffer, result.ptr);
}

Value Text(std::string* target, const std::string& placeholder) {
  return {placeholder, placeholder, *target, [target](std::string_view text) {
            if (text.empty()) return false;
            *target = text;
            return true;
          }};
}

Value Integer(uint64_t* target, uint64_t min, uint64_t max) {
  return {"N", "an integer from " + std::to_string(min) + " to " + std::to_string(max),
          std::to_string(*target), [=](std::string_view text) {
            const auto value = ParseNumber<uint64_t>(text);
            if (!value || *value < min || *value > max) return false;
            *target = *value;
            return true;
          }};
}

Value Number(double* target, double min, double max) {
  return {"X", "a number from " + PrintDecimal(min) + " to " + PrintDecimal(max),
          PrintDecimal(*target), [=](std::string_view text) {
            const auto value = ParseDecimal(text);
            if (!value || *value < min || *value > max) return false;
            *target = *value;
            return true;
          }};
}

Value Seconds(std::optional<Duration>* target) {
  constexpr double kMax = std::chrono::duration<double>(kMaxSeconds).count();
  std::string standard;
  if (*target) standard = PrintDecimal(std::chrono::duration<double>(**target).count());
  return {"S", "a positive number of seconds such as 10 or 0.5", standard,
          [target](std::string_view text) {
            const auto value = ParseDecimal(text);
            if (!value || *value <= 0 || *value > kMax) return false;
            const Duration duration(std::llround(*value * 1e9));
            if (duration <= Duration::zero()) return false;
            *target = duration;
            return true;
          }};
}

Value Bool(bool* target) {
  return {"0|1", "0 or 1", Print(*target), [target](std::string_view text) {
            if (text == "1" || text == "true" || text == "on" || text == "yes") {
              *target = true;
            } else if (text == "0" || text == "false" || text == "off" || text == "no") {
              *target = false;
            } else {
              return false;
            }
            return true;
          }};
}

Value OneOf(std::string* target, std::vector<std::string> choices) {
  std::string placeholder;
  std::string expected = "one of ";
  for (size_t i = 0; i < choices.size(); ++i) {
    placeholder += (i == 0 ? "" : "|") + choices[i];
    expected += (i == 0 ? "" : ", ") + choices[i];
  }
  return {std::move(placeholder), std::move(expected), *target,
          [target, choices = std::move(choices)](std::string_view text) {
            for (const std::string& choice : choices) {
              if (text != choice) continue;
              *target = choice;
              return true;
            }
            return false;
          }};
}

Value SocketAddress(std::optional<Endpoint>* target) {
  return {"ADDR:PORT", "ADDR:PORT such as 127.0.0.1:8080 or [::1]:8080",
          *target ? (*target)->ToString() : "", [target](std::string_view text) {
            const auto endpoint = Endpoint::Parse(text);
            if (!endpoint) return false;
            *target = *endpoint;
            return true;
          }};
}

}  // namespace corelane::runtime
