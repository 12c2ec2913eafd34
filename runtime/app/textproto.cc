#include "runtime/app/textproto.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

#include "runtime/app/config.pb.h"
#include "runtime/app/flags.h"
#include "runtime/flags/flag_parser.h"
#include "runtime/flags/value.h"

namespace corelane::runtime {
namespace {

using google::protobuf::FieldDescriptor;

// Keeps the first mistake that the text's form has.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ = "line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": " +
            message;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The value as it would stand in the text, without quotes.
std::string ValueText(const google::protobuf::Message& message, const FieldDescriptor* field,
                      int index) {
  const auto* const reflection = message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {  // Protobuf writes 5e-05
    return PrintDecimal(reflection->GetDouble(message, field));
  }
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    std::string text;
    google::protobuf::TextFormat::PrintFieldValueToString(message, field, index, &text);
    return text;
  }
  return index < 0 ? reflection->GetString(message, field)
                   : reflection->GetRepeatedString(message, field, index);
}

// What may be nothing: an empty text clears the default.
struct Clearable {
  std::string_view field;
  void (*clear)(AppConfig& config);
};
constexpr Clearable kClearable[] = {
    {"capture", [](AppConfig& config) { config.capture.clear(); }},
    {"cpus", [](AppConfig& config) { config.cpus.clear(); }},
    {"vlan", [](AppConfig& config) { config.vlan.reset(); }},
    {"rss_key", [](AppConfig& config) { config.rss_key.reset(); }},
};

// True: it is empty in the text, and the setting was cleared.
bool Clear(const std::string& field, const std::string& text, AppConfig& config) {
  const auto found = std::ranges::find(kClearable, field, &Clearable::field);
  if (!text.empty() || found == std::end(kClearable)) return false;
  found->clear(config);
  return true;
}

// The fields that are set as the flags of the same names; those that are empty are cleared.
std::vector<std::string> ToFlags(const proto::AppConfig& message, AppConfig& config) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::vector<std::string> flags;
  for (const FieldDescriptor* const field : fields) {
    std::string flag = "--" + field->name();
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (field->is_repeated()) {
      for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
        flags.push_back(flag + "=" + ValueText(message, field, i));
      }
    } else if (const std::string text = ValueText(message, field, -1);
               !Clear(field->name(), text, config)) {
      flags.push_back(flag + "=" + text);
    }
  }
  return flags;
}

}  // namespace

absl::StatusOr<AppConfig> ParseAppConfig(std::string_view text, const AppConfig& defaults) {
  proto::AppConfig message;
  FirstError error;
  google::protobuf::TextFormat::Parser reader;
  reader.RecordErrorsTo(&error);
  if (!reader.ParseFromString(std::string(text), &message)) {
    return absl::InvalidArgumentError(error.text());
  }
  AppConfig config = defaults;
  const std::vector<std::string> flags = ToFlags(message, config);
  FlagParser parser("config", "");
  AddAppFlags(parser, config);
  std::vector<const char*> arguments{"config"};
  for (const std::string& flag : flags) arguments.push_back(flag.c_str());
  std::ostringstream out;
  std::ostringstream err;
  if (parser.Parse(static_cast<int>(arguments.size()), arguments.data(), out, err)) {
    return absl::InvalidArgumentError(InTermsOfFields(err.str()));
  }
  if (absl::Status status = Validate(config); !status.ok()) return status;
  return config;
}

absl::StatusOr<AppConfig> LoadAppConfig(const std::string& file, const AppConfig& defaults) {
  std::ifstream in(file);
  if (!in) return absl::NotFoundError(file + ": cannot be read: expected a text file");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto config = ParseAppConfig(text, defaults);
  if (config.ok()) return config;
  return absl::Status(config.status().code(), file + ": " + std::string(config.status().message()));
}

}  // namespace corelane::runtime
