#include "runtime/system.h"

#include <dirent.h>
#include <sched.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/check.h"

namespace corelane::runtime {

uint64_t RandomSeed() {
  uint64_t seed = 0;
  auto* const at = reinterpret_cast<uint8_t*>(&seed);
  for (size_t done = 0; done < sizeof(seed);) {
    const ssize_t n = getrandom(at + done, sizeof(seed) - done, 0);
    CL_CHECK(n > 0 || errno == EINTR);
    if (n > 0) done += static_cast<size_t>(n);
  }
  return seed;
}

absl::Status PinThisThread(size_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  if (cpu >= CPU_SETSIZE || sched_setaffinity(0, sizeof(set), &set) != 0) {
    return absl::InvalidArgumentError("cannot run on CPU " + std::to_string(cpu) + ": " +
                                      (cpu < CPU_SETSIZE ? std::strerror(errno) : "no such CPU") +
                                      "; choose one that nproc and taskset allow");
  }
  return absl::OkStatus();
}

size_t ThreadCount() {
  DIR* const directory = opendir("/proc/self/task");
  if (directory == nullptr) return 0;
  size_t count = 0;
  while (const dirent* const entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(directory);
  return count;
}

}  // namespace corelane::runtime
