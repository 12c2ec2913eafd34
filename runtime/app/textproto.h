// Reads an AppConfig from the text format of config.proto.
//
//   auto config = runtime::ParseAppConfig(text, defaults);
//   // InvalidArgument: "lanes: value '65': expected an integer from 1 to 64"

#ifndef CORELANE_RUNTIME_APP_TEXTPROTO_H_
#define CORELANE_RUNTIME_APP_TEXTPROTO_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/app/config.h"

namespace corelane::runtime {

// What the text does not set is as in `defaults`; an empty text clears what may be nothing. Errors
// name the line or the field, the value and what would be right.
absl::StatusOr<AppConfig> ParseAppConfig(std::string_view text, const AppConfig& defaults = {});
// The same from a file; errors name it too.
absl::StatusOr<AppConfig> LoadAppConfig(const std::string& file, const AppConfig& defaults = {});

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_TEXTPROTO_H_
