// The flags of programs that are an App: CommonFlags' and
//
//   --route PREFIX=GATEWAY   --lanes N             --cpus LIST        --rss-key HEX
//   --rss-hash LIST          --batch N             --busy-poll[=0|1]  --idle-spin SECONDS
//   --drain SECONDS          --rebalance SECONDS

#ifndef CORELANE_RUNTIME_APP_FLAGS_H_
#define CORELANE_RUNTIME_APP_FLAGS_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/app/config.h"
#include "runtime/flags/flag_parser.h"

namespace corelane::runtime {

// `config` holds the defaults; it must outlive the parser. Routes that are given replace the
// default ones; default routes whose gateways the given addresses do not reach are dropped.
void AddAppFlags(FlagParser& parser, AppConfig& config);

// "0-3,8": in this order, each once. Empty: not such a list.
std::optional<std::vector<size_t>> ParseCpuList(std::string_view text);

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_FLAGS_H_
