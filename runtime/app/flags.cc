#include "runtime/app/flags.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
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
  Value value;
  value.placeholder = "SECONDS";
  value.expected = "seconds from 0 to 3600, such as 0.5";
  value.standard = PrintDecimal(std::chrono::duration<double>(*target).count());
  value.read = [target](std::string_view text) {
    double given = 0;
    constexpr double kMax = std::chrono::duration<double>(AppConfig::kMaxTime).count();
    const Value number = Number(&given, 0, kMax);
    if (!number.read(text)) return false;
    *target = Duration(std::llround(given * 1e9));
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

// Two hexadecimal digits a byte; colons between bytes are allowed.
std::optional<Toeplitz::Key> ParseRssKey(std::string_view text) {
  Toeplitz::Key key;
  for (size_t i = 0; i < key.size(); ++i) {
    if (i > 0 && text.starts_with(':')) text.remove_prefix(1);
    if (text.size() < 2) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 2, key[i], 16);
    if (error != std::errc() || end != text.data() + 2) return std::nullopt;
    text.remove_prefix(2);
  }
  if (!text.empty()) return std::nullopt;
  return key;
}

Value RssKey(std::optional<Toeplitz::Key>* target) {
  Value value;
  value.placeholder = "HEX";
  value.expected = "40 bytes, two hexadecimal digits each, such as 6d5a6d5a...";
  value.read = [target](std::string_view text) {
    const auto key = ParseRssKey(text);
    if (key) *target = key;
    return key.has_value();
  };
  return value;
}

Value RssHash(driver::RssPorts* target) {
  static constexpr std::pair<std::string_view, driver::RssPorts> kNames[] = {
      {"ip", {.tcp = false, .udp = false}},
      {"ip,tcp", {.tcp = true, .udp = false}},
      {"ip,udp", {.tcp = false, .udp = true}},
      {"ip,tcp,udp", {.tcp = true, .udp = true}}};
  Value value;
  value.placeholder = "LIST";
  value.expected = "ip, and tcp or udp or both where their ports count: ip,tcp,udp";
  for (const auto& [name, ports] : kNames) {
    if (ports == *target) value.standard = name;
  }
  value.read = [target](std::string_view text) {
    for (const auto& [name, ports] : kNames) {
      if (name != text) continue;
      *target = ports;
      return true;
    }
    return false;
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
  parser.AddFlag("--rss-key", RssKey(&config.rss_key),
                 "the key of the hash that spreads flows over lanes; without it the device's own");
  parser.AddFlag("--rss-hash", RssHash(&config.rss_hash), "what of a packet is hashed for that");
  parser.AddFlag("--batch", Integer(&config.batch, 1, AppConfig::kMaxBatch), "packets of a burst");
  parser.AddSwitch("--busy-poll", &config.busy_poll, "never sleep: a whole core for each lane");
  parser.AddFlag("--idle-spin", SecondsFrom0(&config.idle_spin),
                 "how long an idle lane looks for more before it sleeps");
  parser.AddFlag("--drain", SecondsFrom0(&config.drain),
                 "how long connections may take to finish after a stop");
  parser.AddFlag("--rebalance", SecondsFrom0(&config.rebalance),
                 "how often lane 0 looks whether flows should go to other lanes; 0: never");
  parser.AddCheck([&parser, &config]() -> std::optional<FlagParser::Mistake> {
    // As with gateways: defaults are made for the default addresses.
    if (!parser.WasGiven("--address") || parser.WasGiven("--route")) return std::nullopt;
    std::erase_if(config.routes, [&](const StaticRoute& route) {
      return IsOwn(config, route.gateway) || !InReach(config, route.gateway);
    });
    return std::nullopt;
  });
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
