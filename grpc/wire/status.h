// Status: how a call has ended (gRPC's statuscodes.md).
//
//   return Status(StatusCode::kNotFound, "no user 7");
//
// Converts from absl::Status and to it; details, the bytes of a google.rpc.Status, travel as a
// payload. Immutable; copies share.

#ifndef CORELANE_GRPC_WIRE_STATUS_H_
#define CORELANE_GRPC_WIRE_STATUS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace corelane::grpc {

// The numbers are those of the wire, and of absl::StatusCode.
enum class StatusCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "NOT_FOUND"
std::string_view StatusCodeName(StatusCode code);
// The reverse; nullopt: there is none of that name.
std::optional<StatusCode> ParseStatusCodeName(std::string_view name);
// What a response without a grpc-status means (http-grpc-status-mapping.md).
StatusCode StatusCodeOfHttp(int http_status);
// The number of a grpc-status field; nullopt: it is none that exists.
std::optional<StatusCode> ParseStatusCode(std::string_view text);

class [[nodiscard]] Status {
 public:
  // The payload of absl::Status that holds details.
  static constexpr std::string_view kDetailsUrl = "type.googleapis.com/google.rpc.Status";

  // OK.
  Status() = default;
  // Of kOk, the rest is dropped. `details`: a serialized google.rpc.Status.
  explicit Status(StatusCode code, std::string_view message = {}, std::string_view details = {});
  Status(const absl::Status& status);  // NOLINT: converts, so that handlers can give either

  bool ok() const { return rep_ == nullptr; }
  StatusCode code() const { return rep_ != nullptr ? rep_->code : StatusCode::kOk; }
  std::string_view message() const { return rep_ != nullptr ? rep_->message : std::string_view(); }
  std::string_view details() const { return rep_ != nullptr ? rep_->details : std::string_view(); }

  absl::Status ToAbsl() const;
  // "NOT_FOUND: no user 7"
  std::string ToString() const;

  friend bool operator==(const Status& a, const Status& b) {
    return a.code() == b.code() && a.message() == b.message() && a.details() == b.details();
  }
  friend std::ostream& operator<<(std::ostream& out, const Status& status) {
    return out << status.ToString();
  }

 private:
  struct Rep {
    StatusCode code;
    std::string message;
    std::string details;
  };
  std::shared_ptr<const Rep> rep_;
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_WIRE_STATUS_H_
