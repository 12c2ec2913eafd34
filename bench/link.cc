#include "bench/link.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <vector>

namespace corelane::bench {
namespace {

constexpr char kVethClient[] = "bench0";
constexpr char kVethServer[] = "bench1";

std::string Errno(const std::string& what) { return what + ": " + std::strerror(errno); }

// Runs `ip` in the calling thread's namespace.
std::string Ip(const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>("ip")};
  std::string line = "ip";
  for (const std::string& a : arguments) {
    argv.push_back(const_cast<char*>(a.c_str()));
    line += " " + a;
  }
  argv.push_back(nullptr);
  pid_t child;
  const int error = posix_spawnp(&child, "ip", nullptr, nullptr, argv.data(), environ);
  if (error != 0) {
    errno = error;
    return Errno(line);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return line + ": failed";
}

bool WriteFile(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool good = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return good;
}

std::string EthtoolSet(int fd, const char* interface, uint32_t set, uint32_t get, bool on) {
  ethtool_value value{.cmd = set, .data = on ? 1u : 0u};
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (ioctl(fd, SIOCETHTOOL, &request) < 0) return Errno("ethtool");
  value = {.cmd = get, .data = 0};
  if (ioctl(fd, SIOCETHTOOL, &request) < 0) return Errno("ethtool");
  if ((value.data != 0) != on) return std::string(interface) + ": an offload cannot be switched";
  return "";
}

std::string SetOffloads(const char* interface, bool checksums) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Errno("socket");
  struct Feature {
    uint32_t set;
    uint32_t get;
    bool on;
  };
  std::string error;
  // Segmentation before checksums: the kernel ties it to them.
  for (const Feature f :
       {Feature{ETHTOOL_STSO, ETHTOOL_GTSO, false}, Feature{ETHTOOL_SGSO, ETHTOOL_GGSO, false},
        Feature{ETHTOOL_SGRO, ETHTOOL_GGRO, false},
        Feature{ETHTOOL_STXCSUM, ETHTOOL_GTXCSUM, checksums},
        Feature{ETHTOOL_SRXCSUM, ETHTOOL_GRXCSUM, checksums}}) {
    error = EthtoolSet(fd, interface, f.set, f.get, f.on);
    if (!error.empty()) break;
  }
  close(fd);
  return error;
}

std::string SetUpVeth(const Options& options, const char* name, const char* address) {
  std::string error = SetOffloads(name, !options.csum);
  if (error.empty()) error = Ip({"address", "add", std::string(address) + "/24", "dev", name});
  if (error.empty()) {
    error = Ip({"link", "set", name, "mtu", std::to_string(options.mtu), "up"});
  }
  return error;
}

const char* Interface(const Options& options) {
  return options.transport == "lo" ? "lo" : kVethClient;
}

}  // namespace

const char* ServerAddress(const Options& options) {
  return options.transport == "lo" ? "127.0.0.1" : kServerAddress;
}

std::string EnterOwnNamespace() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) return Errno("a network namespace");
  WriteFile("/proc/self/setgroups", "deny");
  if (!WriteFile("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") ||
      !WriteFile("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1")) {
    return Errno("a user namespace");
  }
  return "";
}

std::string SetUpClientEnd(const Options& options, int server_tid) {
  if (options.transport == "lo") {
    return Ip({"link", "set", "lo", "mtu", std::to_string(options.mtu), "up"});
  }
  const std::string error = Ip({"link", "add", kVethClient, "type", "veth", "peer", "name",
                                kVethServer, "netns", std::to_string(server_tid)});
  return error.empty() ? SetUpVeth(options, kVethClient, kClientAddress) : error;
}

std::string SetUpServerEnd(const Options& options) {
  return options.transport == "lo" ? "" : SetUpVeth(options, kVethServer, kServerAddress);
}

LinkFrames ReadLinkFrames(const Options& options) {
  std::ifstream file("/proc/thread-self/net/dev");
  std::string line;
  LinkFrames frames;
  while (std::getline(file, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(' ');
    if (line.substr(begin, colon - begin) != Interface(options)) continue;
    // bytes packets errs drop fifo frame compressed multicast | bytes packets ...
    std::istringstream fields(line.substr(colon + 1));
    uint64_t values[10] = {};
    for (uint64_t& v : values) fields >> v;
    frames.received = values[1];
    frames.sent = values[9];
  }
  return frames;
}

uint64_t ReadSegmentsIn(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  return info.tcpi_segs_in;
}

uint64_t ReadTimeWait() {
  std::ifstream file("/proc/thread-self/net/sockstat");
  std::string word;
  uint64_t count = 0;
  while (file >> word) {
    if (word == "tw") file >> count;
  }
  return count;
}

}  // namespace corelane::bench
