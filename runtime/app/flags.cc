#include "runtime/app/flags.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "runtime/flags/value.h"
#include "stack/steering.h"

namespace corelane::runtime {
namespace {

constexpr size_t kMaxCpu = 4095;

std::optional<size_t> ParseCpu(std::string_view text) {
  size_t cpu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc() || end != text.data() + text.size() || cpu > kMaxCpu) {
    return std::nullopt;
  }
  return cpu;
}

// A time with a default, in seconds.
Value SecondsFrom0(Duration* target) {
  const auto seconds = std::chrono::duration<double>(*target).count();
  Value value;
  value.placeholder = "SECONDS";
  value.expected = "seconds from 0 to 3600, such as 0.5";
  value.standard = std::to_string(seconds);
  while (value.standard.ends_with('0')) value.standard.pop_back();
  if (value.standard.ends_with('.')) value.standard.pop_back();
  value.read = [target](std::string_view text) {
    double given = 0;
    const Value number = Number(&given, 0, 3600);
    if (!number.read(text)) return false;
    *target = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(given));
    return true;
  };
  return value;
}

Value CpuList(std::vector<size_t>* target) {
  Value value;
  value.placeholder = "LIST";
  value.expected = "numbers and ranges, each CPU once, such as 0-3,8";
  value.read = [target](std::string_view text) {
    auto cpus = ParseCpuList(text);
    if (!cpus) return false;
    *target = *std::move(cpus);
    return true;
  };
  return value;
}

// The first that is given replaces the defaults.
Value Routes(std::vector<StaticRoute>* target) {
  Value value;
  value.placeholder = "PREFIX=GATEWAY";
  value.expected = "PREFIX=GATEWAY such as 10.8.0.0/16=10.77.0.254 or fd08::/32=fd77::fe";
  for (const StaticRoute& route : *target) {
    value.standard += (value.standard.empty() ? "" : " ") + route.ToString();
  }
  value.read = [target, replaced = false](std::string_view text) mutable {
    const auto route = StaticRoute::Parse(text);
    if (!route) return false;
    if (!std::exchange(replaced, true)) target->clear();
    target->push_back(*route);
    return true;
  };
  return value;
}

}  // namespace

std::optional<std::vector<size_t>> ParseCpuList(std::string_view text) {
  std::vector<size_t> cpus;
  for (;;) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const size_t dash = part.find('-');
    const auto first = ParseCpu(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : ParseCpu(part.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    for (size_t cpu = *first; cpu <= *last; ++cpu) {
      if (std::find(cpus.begin(), cpus.end(), cpu) != cpus.end()) return std::nullopt;
      cpus.push_back(cpu);
    }
    if (comma == std::string_view::npos) return cpus;
    text.remove_prefix(comma + 1);
  }
}

void AddAppFlags(FlagParser& parser, AppConfig& config) {
  AddCommonFlags(parser, config);
  parser.AddRepeatedFlag("--route", Routes(&config.routes),
                         "a network behind another gateway than --gateway's");
  parser.AddFlag("--lanes", Integer(&config.lanes, 1, stack::kMaxLanes),
                 "threads, each with a queue of the device, a stack and a share of the flows");
  parser.AddFlag("--cpus", CpuList(&config.cpus),
                 "the CPU of each lane; without it the system moves the threads");
  parser.AddFlag("--batch", Integer(&config.batch, 1, 256), "packets of a burst");
  parser.AddSwitch("--busy-poll", &config.busy_poll, "never sleep: a whole core for each lane");
  parser.AddFlag("--idle-spin", SecondsFrom0(&config.idle_spin),
                 "how long an idle lane looks for more before it sleeps");
  parser.AddFlag("--drain", SecondsFrom0(&config.drain),
                 "how long connections may take to finish after a stop");
  parser.AddFlag("--rebalance", SecondsFrom0(&config.rebalance),
                 "how often lane 0 looks whether flows should go to other lanes; 0: never");
  parser.AddCheck([&parser, &config]() -> std::optional<FlagParser::Mistake> {
    if (config.cpus.empty() || config.cpus.size() == config.lanes) return std::nullopt;
    if (!parser.WasGiven("--lanes")) {
      config.lanes = config.cpus.size();
      return std::nullopt;
    }
    return FlagParser::Mistake{"--cpus", "value of " + std::to_string(config.cpus.size()) + " CPUs",
                               "as many as --lanes, " + std::to_string(config.lanes)};
  });
}

}  // namespace corelane::runtime
