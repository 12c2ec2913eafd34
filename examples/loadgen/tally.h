// Tally: what came of the requests of one lane, or of all of them together.

#ifndef CORELANE_EXAMPLES_LOADGEN_TALLY_H_
#define CORELANE_EXAMPLES_LOADGEN_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/time.h"
#include "examples/loadgen/histogram.h"

namespace corelane::load {

// Why a request failed, or a connection could not be made.
enum class Failure : uint8_t {
  kConnect,   // Refused, unreachable, timed out.
  kTls,       // The handshake, or the protocol that it agreed on.
  kClosed,    // The connection ended before the answer did.
  kStream,    // HTTP/2: the server reset the stream.
  kTimeout,   // No whole answer within --timeout.
  kProtocol,  // The answer is no HTTP.
  kStatus,    // 4xx and 5xx.
};
inline constexpr size_t kFailures = 7;
inline constexpr std::string_view kFailureNames[kFailures] = {
    "connect", "tls", "closed", "stream", "timeout", "protocol", "status"};

struct Tally {
  static constexpr size_t kMaxStatus = 1000;

  void Fail(Failure failure, std::string_view reason) {
    const auto i = static_cast<size_t>(failure);
    if (failures[i]++ == 0) reasons[i] = reason;
  }
  void Merge(const Tally& other);
  uint64_t failed() const;

  // Of the time that is measured: answered below 400 from its beginning to its end, however long
  // before it they were sent.
  uint64_t in_window = 0;
  uint64_t bytes_in = 0;  // Of HTTP: what TLS adds is not counted.
  uint64_t bytes_out = 0;
  // Of the requests that were sent, or due, in that time.
  uint64_t answered = 0;  // Whatever the status.
  uint64_t body_bytes = 0;
  std::array<uint64_t, kMaxStatus> by_status{};
  uint64_t unsent = 0;  // Due, but there was never a free connection.
  // Of the whole run.
  std::array<uint64_t, kFailures> failures{};
  std::array<std::string, kFailures> reasons;  // Of the first of each.
  uint64_t connections = 0;                    // Opened.

  Histogram service;   // From sending to the whole answer.
  Histogram response;  // Open loop: from when it was due.
  Histogram connect;   // With TLS's handshake.
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_TALLY_H_
