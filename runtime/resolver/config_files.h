// What the machine's files say about names: /etc/resolv.conf (resolv.conf(5)) and /etc/hosts.
//
// The parsers are functions of a text. A bad line is skipped and counted; what is wrong with the
// first of them is told, with line and value.

#ifndef CORELANE_RUNTIME_RESOLVER_CONFIG_FILES_H_
#define CORELANE_RUNTIME_RESOLVER_CONFIG_FILES_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "core/time.h"
#include "runtime/resolver/name.h"

namespace corelane::dns {

// Complaints about a text. There are never more than kKept messages, whatever the text.
class BadLines {
 public:
  static constexpr size_t kKept = 16;

  void Add(size_t line, std::string_view value, std::string_view what);
  size_t count() const { return count_; }
  // "line 3: nameserver 'ns1': not an IP address"
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  size_t count_ = 0;
  std::vector<std::string> messages_;
};

struct ResolvConf {
  static constexpr size_t kMaxServers = 8;
  static constexpr size_t kMaxSearch = 32;
  static constexpr unsigned kMaxNdots = 15;
  static constexpr unsigned kMaxAttempts = 5;
  static constexpr Duration kMaxTimeout = std::chrono::seconds(30);

  std::vector<Endpoint> servers;  // in the order in which they are asked
  std::vector<Name> search;       // the last `search` or `domain` line counts
  unsigned ndots = 1;
  unsigned attempts = 2;  // at each server
  Duration timeout = std::chrono::seconds(5);
  bool rotate = false;
  bool edns0 = true;  // queries offer it without being told to
  bool use_vc = false;
  bool no_aaaa = false;
  BadLines bad;

  // Numbers above the maxima count as those. Options of other resolvers are no mistake.
  static ResolvConf Parse(std::string_view text);
};

class HostsFile {
 public:
  struct Host {
    Name canonical;  // the first name of the first line
    std::vector<IpAddress> addresses;
  };

  static HostsFile Parse(std::string_view text);

  // Null: the file does not name it.
  const Host* Find(const Name& name) const;
  size_t size() const { return hosts_.size(); }
  const BadLines& bad() const { return bad_; }

 private:
  std::map<std::string, Host> hosts_;  // by Name::Folded()
  BadLines bad_;
};

// The machine's own; a file that cannot be read counts as an empty one. Blocks for as long as
// reading two small files takes.
ResolvConf LoadResolvConf(const std::string& path = "/etc/resolv.conf");
HostsFile LoadHostsFile(const std::string& path = "/etc/hosts");

}  // namespace corelane::dns

#endif  // CORELANE_RUNTIME_RESOLVER_CONFIG_FILES_H_
