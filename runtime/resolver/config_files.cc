#include "runtime/resolver/config_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>

namespace corelane::dns {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";
constexpr uint16_t kDomainPort = 53;

// Takes the first word off `line`; empty: there is none.
std::string_view TakeWord(std::string_view& line) {
  const size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin);
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

// Calls line_function(number, line) for each, without what follows one of `comment`.
template <class F>
void ForEachLine(std::string_view text, std::string_view comment, F&& line_function) {
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line_function(number, line.substr(0, line.find_first_of(comment)));
  }
}

class ResolvConfParser {
 public:
  ResolvConf Parse(std::string_view text) {
    ForEachLine(text, "#;", [this](size_t number, std::string_view line) {
      line_ = number;
      const std::string_view keyword = TakeWord(line);
      if (keyword == "nameserver") {
        AddServer(line);
      } else if (keyword == "search" || keyword == "domain") {
        SetSearch(keyword, line);
      } else if (keyword == "options") {
        for (auto o = TakeWord(line); !o.empty(); o = TakeWord(line)) SetOption(o);
      } else if (!keyword.empty() && keyword != "sortlist" && keyword != "lookup" &&
                 keyword != "family") {
        conf_.bad.Add(line_, keyword, "not a keyword of resolv.conf");
      }
    });
    return std::move(conf_);
  }

 private:
  void AddServer(std::string_view line) {
    const std::string_view word = TakeWord(line);
    const auto address = IpAddress::Parse(word);
    if (!address || address->IsUnspecified() || address->IsMulticast()) {
      conf_.bad.Add(line_, word, "nameserver: not the IP address of a host");
    } else if (conf_.servers.size() >= ResolvConf::kMaxServers) {
      conf_.bad.Add(line_, word, "nameserver: too many of them");
    } else {
      conf_.servers.push_back({*address, kDomainPort});
    }
  }

  void SetSearch(std::string_view keyword, std::string_view line) {
    conf_.search.clear();
    for (auto word = TakeWord(line); !word.empty(); word = TakeWord(line)) {
      auto name = Name::Parse(word);
      if (!name) {
        conf_.bad.Add(line_, word, std::string(keyword) + ": not a domain name");
      } else if (conf_.search.size() >= ResolvConf::kMaxSearch) {
        conf_.bad.Add(line_, word, std::string(keyword) + ": too many domains");
      } else {
        conf_.search.push_back(*std::move(name));
      }
    }
  }

  void SetOption(std::string_view option) {
    const std::string_view name = option.substr(0, option.find(':'));
    if (name == "ndots") {
      conf_.ndots = Number(option, ResolvConf::kMaxNdots, 0).value_or(conf_.ndots);
    } else if (name == "attempts") {
      conf_.attempts = Number(option, ResolvConf::kMaxAttempts, 1).value_or(conf_.attempts);
    } else if (name == "timeout") {
      constexpr auto kMost =
          std::chrono::duration_cast<std::chrono::seconds>(ResolvConf::kMaxTimeout);
      const auto number = Number(option, static_cast<unsigned>(kMost.count()), 1);
      if (number) conf_.timeout = std::chrono::seconds(*number);
    } else if (option == "rotate") {
      conf_.rotate = true;
    } else if (option == "edns0") {
      conf_.edns0 = true;
    } else if (option == "use-vc") {
      conf_.use_vc = true;
    } else if (option == "no-aaaa") {
      conf_.no_aaaa = true;
    } else if (!IsOthers(option)) {
      conf_.bad.Add(line_, option, "options: not an option of resolv.conf");
    }
  }

  // The number behind the colon.
  std::optional<unsigned> Number(std::string_view option, unsigned most, unsigned least) {
    const std::string_view digits =
        option.substr(std::min(option.find(':'), option.size() - 1) + 1);
    unsigned value = 0;
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, value);
    const bool large = parsed.ec == std::errc::result_out_of_range;
    if (digits.empty() || parsed.ptr != end || (parsed.ec != std::errc() && !large)) {
      conf_.bad.Add(line_, option, "options: a number belongs behind the colon");
      return std::nullopt;
    }
    return large ? most : std::clamp(value, least, most);
  }

  // Options that say nothing to a resolver like ours.
  static bool IsOthers(std::string_view option) {
    constexpr std::array<std::string_view, 12> kOthers = {
        "debug",          "inet6",     "ip6-bytestring", "ip6-dotint",     "no-ip6-dotint",
        "no-check-names", "no-reload", "no-tld-query",   "single-request", "single-request-reopen",
        "strict-error",   "trust-ad"};
    return std::find(kOthers.begin(), kOthers.end(), option) != kOthers.end();
  }

  ResolvConf conf_;
  size_t line_ = 0;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

void BadLines::Add(size_t line, std::string_view value, std::string_view what) {
  ++count_;
  if (messages_.size() >= kKept) return;
  std::string message = "line " + std::to_string(line) + ": '";
  message.append(value.substr(0, Name::kMaxBytes)).append("': ").append(what);
  messages_.push_back(std::move(message));
}

ResolvConf ResolvConf::Parse(std::string_view text) { return ResolvConfParser().Parse(text); }

HostsFile HostsFile::Parse(std::string_view text) {
  HostsFile file;
  ForEachLine(text, "#", [&file](size_t number, std::string_view line) {
    const std::string_view first = TakeWord(line);
    if (first.empty()) return;
    const auto address = IpAddress::Parse(first);
    if (!address) {
      file.bad_.Add(number, first, "not an IP address");
      return;
    }
    std::optional<Name> canonical;
    for (auto word = TakeWord(line); !word.empty(); word = TakeWord(line)) {
      const auto name = Name::Parse(word);
      if (!name) {
        file.bad_.Add(number, word, "not a host's name");
        continue;
      }
      if (!canonical) canonical = name;
      const auto [at, is_new] = file.hosts_.try_emplace(name->Folded());
      if (is_new) at->second.canonical = *canonical;
      auto& all = at->second.addresses;
      if (std::find(all.begin(), all.end(), *address) == all.end()) all.push_back(*address);
    }
    if (!canonical) file.bad_.Add(number, first, "an address without a name");
  });
  return file;
}

const HostsFile::Host* HostsFile::Find(const Name& name) const {
  const auto at = hosts_.find(name.Folded());
  return at == hosts_.end() ? nullptr : &at->second;
}

ResolvConf LoadResolvConf(const std::string& path) { return ResolvConf::Parse(ReadFile(path)); }

HostsFile LoadHostsFile(const std::string& path) { return HostsFile::Parse(ReadFile(path)); }

}  // namespace corelane::dns
