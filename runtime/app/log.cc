#include "runtime/app/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace corelane::runtime {
namespace {

// logfmt: what has blanks, quotes or equals signs in it is quoted.
void Append(std::string& line, std::string_view key, std::string_view value) {
  if (!line.empty()) line += ' ';
  line += key;
  line += '=';
  if (!value.empty() && value.find_first_of(" \"=\\\n") == std::string_view::npos) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '\n') {
      line += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
}

// One for all components: what it prints looks the same.
std::shared_ptr<spdlog::logger> SharedLogger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("corelane",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
    return made;
  }();
  return logger;
}

}  // namespace

Log::Log(std::string component, std::optional<size_t> lane) : logger_(SharedLogger()) {
  Append(prefix_, "component", component);
  if (lane) Append(prefix_, "lane", std::to_string(*lane));
}

std::string Log::Format(std::string_view message, std::initializer_list<Field> fields) const {
  std::string line = prefix_;
  Append(line, "msg", message);
  for (const Field& field : fields) Append(line, field.first, field.second);
  return line;
}

void Log::Info(std::string_view message, std::initializer_list<Field> fields) {
  logger_->info("{}", Format(message, fields));
}
void Log::Warning(std::string_view message, std::initializer_list<Field> fields) {
  logger_->warn("{}", Format(message, fields));
}
void Log::Error(std::string_view message, std::initializer_list<Field> fields) {
  logger_->error("{}", Format(message, fields));
}

}  // namespace corelane::runtime
