// Values of a command line: what a flag or a key takes, and how it is read.
//
//   uint64_t size = 64;
//   flags.AddKey("size", Integer(&size, 1, 1'000'000), "bytes of one request");

#ifndef CORELANE_RUNTIME_FLAGS_VALUE_H_
#define CORELANE_RUNTIME_FLAGS_VALUE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "core/time.h"

namespace corelane::runtime {

// 31 years: well inside 63 bits of nanoseconds, with a time of day besides.
inline constexpr Duration kMaxSeconds = std::chrono::seconds(1'000'000'000);

// Reads one text into a variable of the program.
struct Value {
  std::string placeholder;  // in the help: "ADDR:PORT"
  std::string expected;     // in an error, after "expected ": "an integer from 1 to 9"
  std::string standard;     // the variable's value before, for the help; empty: none is shown
  // Stores the value and returns true, or returns false and leaves the variable alone.
  std::function<bool(std::string_view)> read;
};

// Decimal, without an exponent, as short as reads back as the same number.
std::string PrintDecimal(double value);

// Each of these keeps the pointer, so the variable must outlive the parser. It holds the default.

// Anything but the empty text.
Value Text(std::string* target, const std::string& placeholder);
// Decimal digits, from min to max.
Value Integer(uint64_t* target, uint64_t min, uint64_t max);
// A decimal number such as 0.5, from min to max.
Value Number(double* target, double min, double max);
// Seconds as a positive decimal number, up to kMaxSeconds: "1", "0.25".
Value Seconds(std::optional<Duration>* target);
// 1 or 0, also true, false, on, off, yes, no.
Value Bool(bool* target);
// One of the choices.
Value OneOf(std::string* target, std::vector<std::string> choices);
// "10.0.0.1:80", "[::1]:80".
Value SocketAddress(std::optional<Endpoint>* target);

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_FLAGS_VALUE_H_
