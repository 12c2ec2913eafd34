#include "driver/tap/test_namespace.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace corelane::driver {
namespace {

constexpr char kMarker[] = "CORELANE_TEST_NAMESPACE";

int Skip(const char* reason) {
  std::printf("[  SKIPPED ] all tests: %s\n", reason);
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

}  // namespace

int EnterTestNamespace(int argc, char** argv) {
  if (std::getenv(kMarker) != nullptr) return -1;
  std::vector<const char*> command = {"unshare", "--user", "--map-root-user", "--net"};
  std::vector<const char*> probe = command;
  probe.insert(probe.end(), {"true", nullptr});
  if (RunToEnd(probe) != 0) return Skip("user and network namespaces are not to be had here");
  probe = command;
  probe.insert(probe.end(), {"sh", "-c", "exec 3<>/dev/net/tun", nullptr});
  if (RunToEnd(probe) != 0) return Skip("/dev/net/tun cannot be opened here");
  command.insert(command.end(), argv, argv + argc);
  command.push_back(nullptr);
  setenv(kMarker, "1", 1);
  execvp(command[0], const_cast<char* const*>(command.data()));
  std::printf("unshare: %s\n", std::strerror(errno));
  return 1;
}

bool DropCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

}  // namespace corelane::driver
