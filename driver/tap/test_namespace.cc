#include "driver/tap/test_namespace.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

namespace corelane::driver {
namespace {

constexpr char kMarker[] = "CORELANE_TEST_NAMESPACE";

int Skip(const char* reason) {
  std::printf("SKIPPED: %s\n", reason);
  return 0;
}

// Runs a program and gives its exit status; 127: there is no such program.
int RunToEnd(const std::vector<const char*>& arguments) {
  const pid_t child = fork();
  if (child == 0) {
    execvp(arguments[0], const_cast<char* const*>(arguments.data()));
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// The user namespace that the machine starts with maps every id to itself.
bool IsRootOfTheMachine() {
  std::ifstream map("/proc/self/uid_map");
  uint64_t inside = 1, outside = 1, count = 0;
  map >> inside >> outside >> count;
  return geteuid() == 0 && inside == 0 && outside == 0 && count >= UINT32_MAX;
}

// Runs this program again with `command` in front of it.
int RunAgain(std::vector<const char*> command, int argc, char** argv) {
  command.insert(command.end(), argv, argv + argc);
  command.push_back(nullptr);
  setenv(kMarker, "1", 1);
  execvp(command[0], const_cast<char* const*>(command.data()));
  std::printf("unshare: %s\n", std::strerror(errno));
  return 1;
}

}  // namespace

int EnterTestNamespace(int argc, char** argv) {
  if (std::getenv(kMarker) != nullptr) return -1;
  const std::vector<const char*> command = {"unshare", "--user", "--map-root-user", "--net"};
  std::vector<const char*> probe = command;
  probe.insert(probe.end(), {"true", nullptr});
  if (RunToEnd(probe) != 0) return Skip("user and network namespaces are not to be had here");
  probe = command;
  probe.insert(probe.end(), {"sh", "-c", "exec 3<>/dev/net/tun", nullptr});
  if (RunToEnd(probe) != 0) return Skip("/dev/net/tun cannot be opened here");
  return RunAgain(command, argc, argv);
}

int EnterRootTestNamespace(int argc, char** argv) {
  if (std::getenv(kMarker) != nullptr) return -1;
  if (!IsRootOfTheMachine()) return Skip("this is not the machine's root, or in a sandbox");
  const std::vector<const char*> command = {"unshare", "--net", "--mount"};
  std::vector<const char*> probe = command;
  probe.insert(probe.end(), {"true", nullptr});
  if (RunToEnd(probe) != 0) return Skip("network namespaces are not to be had here");
  return RunAgain(command, argc, argv);
}

bool DropCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

}  // namespace corelane::driver
