// Error codes of RST_STREAM and GOAWAY (RFC 9113 §7).

#ifndef CORELANE_HTTP_H2_ERROR_CODE_H_
#define CORELANE_HTTP_H2_ERROR_CODE_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace corelane::h2 {

// A peer may send any other number: treat it as kInternalError.
enum class ErrorCode : uint32_t {
  kNoError,
  kProtocolError,
  kInternalError,
  kFlowControlError,
  kSettingsTimeout,
  kStreamClosed,
  kFrameSizeError,
  kRefusedStream,
  kCancel,
  kCompressionError,
  kConnectError,
  kEnhanceYourCalm,
  kInadequateSecurity,
  kHttp11Required,
};

// The name in the RFC; "UNKNOWN" for a number that it does not define.
constexpr std::string_view ErrorName(ErrorCode code) {
  constexpr std::array<std::string_view, 14> kNames = {"NO_ERROR",
                                                       "PROTOCOL_ERROR",
                                                       "INTERNAL_ERROR",
                                                       "FLOW_CONTROL_ERROR",
                                                       "SETTINGS_TIMEOUT",
                                                       "STREAM_CLOSED",
                                                       "FRAME_SIZE_ERROR",
                                                       "REFUSED_STREAM",
                                                       "CANCEL",
                                                       "COMPRESSION_ERROR",
                                                       "CONNECT_ERROR",
                                                       "ENHANCE_YOUR_CALM",
                                                       "INADEQUATE_SECURITY",
                                                       "HTTP_1_1_REQUIRED"};
  const auto at = static_cast<uint32_t>(code);
  return at < kNames.size() ? kNames[at] : "UNKNOWN";
}

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_ERROR_CODE_H_
