#include "grpc/wire/status.h"

#include <algorithm>
#include <array>

#include "absl/strings/cord.h"
#include "absl/types/optional.h"

namespace corelane::grpc {
namespace {

constexpr std::array<std::string_view, 17> kNames = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

absl::string_view ToAbslView(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string_view StatusCodeName(StatusCode code) {
  const auto at = static_cast<size_t>(code);
  return at < kNames.size() ? kNames[at] : kNames[static_cast<size_t>(StatusCode::kUnknown)];
}

std::optional<StatusCode> ParseStatusCodeName(std::string_view name) {
  const auto* const at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<StatusCode>(at - kNames.begin());
}

std::optional<StatusCode> ParseStatusCode(std::string_view text) {
  if (text.empty() || text.size() > 2) return std::nullopt;
  size_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<size_t>(c - '0');
  }
  if (number >= kNames.size() || (text.size() == 2 && number < 10)) return std::nullopt;
  return static_cast<StatusCode>(number);
}

StatusCode StatusCodeOfHttp(int http_status) {
  switch (http_status) {
    case 400:
      return StatusCode::kInternal;
    case 401:
      return StatusCode::kUnauthenticated;
    case 403:
      return StatusCode::kPermissionDenied;
    case 404:
      return StatusCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kUnknown;
  }
}

Status::Status(StatusCode code, std::string_view message, std::string_view details) {
  if (code == StatusCode::kOk) return;
  rep_ = std::make_shared<const Rep>(Rep{code, std::string(message), std::string(details)});
}

Status::Status(const absl::Status& status) {
  if (status.ok()) return;
  const absl::string_view message = status.message();
  std::string details;
  if (const auto payload = status.GetPayload(ToAbslView(kDetailsUrl)); payload.has_value()) {
    details = std::string(*payload);
  }
  rep_ = std::make_shared<const Rep>(Rep{static_cast<StatusCode>(status.code()),
                                         std::string(message.data(), message.size()),
                                         std::move(details)});
}

absl::Status Status::ToAbsl() const {
  if (ok()) return absl::OkStatus();
  absl::Status status(static_cast<absl::StatusCode>(code()), ToAbslView(message()));
  if (!details().empty()) {
    status.SetPayload(ToAbslView(kDetailsUrl), absl::Cord(ToAbslView(details())));
  }
  return status;
}

std::string Status::ToString() const {
  std::string text(StatusCodeName(code()));
  if (!message().empty()) text.append(": ").append(message());
  return text;
}

}  // namespace corelane::grpc
