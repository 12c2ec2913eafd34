// Log: what a program says about itself while it runs, one line per event, never on the data path.
//
//   log.Info("lane started", {{"cpu", "3"}});
//   2026-11-23T10:31:50.123Z info component=app lane=0 msg="lane started" cpu=3

#ifndef CORELANE_RUNTIME_APP_LOG_H_
#define CORELANE_RUNTIME_APP_LOG_H_

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace spdlog {
class logger;
}

namespace corelane::runtime {

// Lines of one component, and of one lane if given. Any thread; lines go whole to stderr.
class Log {
 public:
  using Field = std::pair<std::string_view, std::string>;

  explicit Log(std::string component, std::optional<size_t> lane = std::nullopt);

  void Info(std::string_view message, std::initializer_list<Field> fields = {});
  void Warning(std::string_view message, std::initializer_list<Field> fields = {});
  void Error(std::string_view message, std::initializer_list<Field> fields = {});

  // The line without time and level.
  std::string Format(std::string_view message, std::initializer_list<Field> fields) const;

 private:
  std::string prefix_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_LOG_H_
