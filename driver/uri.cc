#include "driver/uri.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace corelane::driver {
namespace {

std::string Quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

absl::Status Wrong(std::string_view whole, std::string_view what) {
  return absl::InvalidArgumentError(Quoted(whole) + ": " + std::string(what));
}

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsName(std::string_view text) {
  return !text.empty() && IsLower(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
    return IsLower(c) || IsDigit(c) || c == '+' || c == '-' || c == '_';
  });
}

bool IsKey(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsLower(c) || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '-' || c == '_' || c == '.';
  });
}

bool IsPrintable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string Decimal(double value) {
  std::array<char, 64> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), result.ptr);
}

// The whole text as a non-negative decimal number, or nothing.
std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto result =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

constexpr char kQuote = '\'';

// The text in quotes at the front of `text`, without them; removes it. Nothing: it has no end.
std::optional<std::string> TakeQuoted(std::string_view& text) {
  std::string value;
  for (size_t at = 1;;) {
    const size_t quote = text.find(kQuote, at);
    if (quote == std::string_view::npos) return std::nullopt;
    value += text.substr(at, quote - at);
    at = quote + 1;
    if (at >= text.size() || text[at] != kQuote) {
      text.remove_prefix(at);
      return value;
    }
    value += kQuote;
    ++at;
  }
}

// As it is written in a list of options.
std::string Written(const std::string& value) {
  if (value.find(',') == std::string::npos && !value.starts_with(kQuote)) return value;
  std::string written(1, kQuote);
  for (const char c : value) written.append(c == kQuote ? 2 : 1, c);
  return written + kQuote;
}

}  // namespace

absl::StatusOr<std::vector<DeviceOption>> ParseOptions(std::string_view text,
                                                       std::string_view whole) {
  std::vector<DeviceOption> options;
  if (text.empty()) return options;
  while (true) {
    const std::string_view part = text.substr(0, text.find(','));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return Wrong(whole, "option " + Quoted(part) + " has no value; write it as key=value");
    }
    DeviceOption option{std::string(part.substr(0, equals)), std::string(part.substr(equals + 1))};
    text.remove_prefix(equals + 1);
    if (text.starts_with(kQuote)) {
      std::optional<std::string> value = TakeQuoted(text);
      if (!value || !(text.empty() || text[0] == ',')) {
        return Wrong(whole, "option " + Quoted(option.key) +
                                (value ? " goes on behind the quote that ends its value"
                                       : " has a value that no quote ends") +
                                "; write a quote inside of quotes twice");
      }
      option.value = *std::move(value);
    } else {
      text.remove_prefix(option.value.size());
    }
    if (!IsKey(option.key)) {
      return Wrong(whole, "option " + Quoted(part) +
                              " has no valid key; a key is made of letters, digits, '-', '_', '.'");
    }
    if (!IsPrintable(option.value)) {
      return Wrong(whole, "option " + Quoted(option.key) + " has a control character in its value");
    }
    for (const DeviceOption& other : options) {
      if (other.key == option.key) {
        return Wrong(whole, "option " + Quoted(option.key) + " is given twice; give it once");
      }
    }
    options.push_back(std::move(option));
    if (text.empty()) return options;
    text.remove_prefix(1);  // the comma
  }
}

absl::StatusOr<DeviceUri> DeviceUri::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return Wrong(text, "a device is written as scheme:target[,key=value]*, such as ring:a");
  }
  DeviceUri uri;
  uri.scheme = text.substr(0, colon);
  if (!IsName(uri.scheme)) {
    return Wrong(text, "scheme " + Quoted(uri.scheme) +
                           " is not a name; a scheme is a lower-case letter followed by "
                           "letters, digits, '+', '-' or '_'");
  }
  std::string_view rest = text.substr(colon + 1);
  const size_t comma = rest.find(',');
  uri.target = rest.substr(0, comma);
  if (!IsPrintable(uri.target)) {
    return Wrong(text, "target " + Quoted(uri.target) + " has a control character");
  }
  if (comma == std::string_view::npos) return uri;
  rest.remove_prefix(comma + 1);
  if (rest.empty()) {
    return Wrong(text, "nothing follows the last comma; write an option as key=value");
  }
  absl::StatusOr<std::vector<DeviceOption>> options = ParseOptions(rest, text);
  if (!options.ok()) return options.status();
  uri.options = *std::move(options);
  return uri;
}

std::string DeviceUri::ToString() const {
  std::string text = scheme + ":" + target;
  for (const DeviceOption& option : options) {
    text += "," + option.key + "=" + Written(option.value);
  }
  return text;
}

OptionReader::OptionReader(const DeviceUri& uri) : OptionReader(uri.ToString(), uri.options) {}

OptionReader::OptionReader(std::string context, const std::vector<DeviceOption>& options)
    : context_(std::move(context)), options_(&options) {}

bool OptionReader::Has(std::string_view key) const {
  return std::any_of(options_->begin(), options_->end(),
                     [key](const DeviceOption& option) { return option.key == key; });
}

const DeviceOption* OptionReader::Take(std::string_view key) {
  asked_.emplace_back(key);
  for (const DeviceOption& option : *options_) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

void OptionReader::Refuse(std::string_view key, std::string_view value, std::string_view right) {
  if (!error_.ok()) return;
  error_ = Wrong(context_, "option " + Quoted(key) + " is " + Quoted(value) + "; it must be " +
                               std::string(right));
}

uint64_t OptionReader::Unsigned(std::string_view key, uint64_t standard, uint64_t min,
                                uint64_t max) {
  const DeviceOption* option = Take(key);
  if (option == nullptr) return standard;
  const std::string& text = option->value;
  uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value < min ||
      value > max) {
    Refuse(key, text, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return standard;
  }
  return value;
}

double OptionReader::Number(std::string_view key, double standard, double min, double max) {
  const DeviceOption* option = Take(key);
  if (option == nullptr) return standard;
  const std::optional<double> value = ParseNumber(option->value);
  if (!value || *value < min || *value > max) {
    Refuse(key, option->value, "a number from " + Decimal(min) + " to " + Decimal(max));
    return standard;
  }
  return *value;
}

bool OptionReader::Bool(std::string_view key, bool standard) {
  const DeviceOption* option = Take(key);
  if (option == nullptr) return standard;
  for (const std::string_view yes : {"1", "true", "on", "yes"}) {
    if (option->value == yes) return true;
  }
  for (const std::string_view no : {"0", "false", "off", "no"}) {
    if (option->value == no) return false;
  }
  Refuse(key, option->value, "0 or 1");
  return standard;
}

std::string OptionReader::String(std::string_view key, std::string_view standard) {
  const DeviceOption* option = Take(key);
  return option == nullptr ? std::string(standard) : option->value;
}

std::optional<MacAddress> OptionReader::Mac(std::string_view key,
                                            std::optional<MacAddress> standard) {
  const DeviceOption* option = Take(key);
  if (option == nullptr) return standard;
  const std::optional<MacAddress> mac = MacAddress::Parse(option->value);
  if (!mac || mac->IsMulticast()) {
    Refuse(key, option->value, "a unicast MAC address such as 02:00:00:00:00:01");
    return standard;
  }
  return mac;
}

Duration OptionReader::Time(std::string_view key, Duration standard) {
  const DeviceOption* option = Take(key);
  if (option == nullptr) return standard;
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
  constexpr double kLongest = 1e18;  // 31 years, far inside of 64 bits
  const std::string_view text = option->value;
  for (const auto& [unit, scale] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::optional<double> value = ParseNumber(text.substr(0, text.size() - unit.size()));
    if (value && *value >= 0 && *value * scale <= kLongest) {
      return Duration(std::llround(*value * scale));
    }
    if (value || unit == "s") break;
  }
  Refuse(key, text, "a time with its unit (ns, us, ms or s), such as 20ms");
  return standard;
}

uint64_t OptionReader::Scaled(std::string_view key, uint64_t standard, uint64_t max,
                              std::string_view unit) {
  const DeviceOption* option = Take(key);
  if (option == nullptr) return standard;
  std::string_view text = option->value;
  double scale = 1;
  if (text.ends_with('k')) scale = 1e3;
  if (text.ends_with('M')) scale = 1e6;
  if (text.ends_with('G')) scale = 1e9;
  if (scale != 1) text.remove_suffix(1);
  const std::optional<double> value = ParseNumber(text);
  if (!value || *value < 0 || *value * scale > static_cast<double>(max)) {
    Refuse(key, option->value,
           "a number of " + std::string(unit) + " up to " + std::to_string(max) +
               ", with or without a factor k, M or G, such as 100M");
    return standard;
  }
  return static_cast<uint64_t>(std::llround(*value * scale));
}

absl::Status OptionReader::Finish() {
  if (!error_.ok()) return error_;
  for (const DeviceOption& option : *options_) {
    if (std::find(asked_.begin(), asked_.end(), option.key) != asked_.end()) continue;
    std::string known;
    for (const std::string& key : asked_) known += (known.empty() ? "" : ", ") + key;
    return Wrong(context_, "option " + Quoted(option.key) + " is unknown; " +
                               (known.empty() ? "there are none" : "known are: " + known));
  }
  return absl::OkStatus();
}

}  // namespace corelane::driver
