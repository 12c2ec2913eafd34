#include "http/files/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

namespace corelane::http::files {
namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

// A path for system calls.
struct Terminated {
  std::array<char, PATH_MAX> text;

  bool Set(std::string_view path) {
    if (path.empty()) path = ".";
    if (path.size() >= text.size()) {
      errno = ENAMETOOLONG;
      return false;
    }
    std::memcpy(text.data(), path.data(), path.size());
    text[path.size()] = '\0';
    return true;
  }
};

Fd OpenBySystem(int directory, std::string_view path, Symlinks symlinks) {
  Terminated name;
  if (!name.Set(path)) return Fd();
  open_how how = {};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (symlinks == Symlinks::kRefuse) how.resolve |= RESOLVE_NO_SYMLINKS;
  // EAGAIN: something was renamed meanwhile, and the kernel cannot tell whether it is still
  // beneath.
  for (int tries = 0; tries < 4; ++tries) {
    const long fd = syscall(SYS_openat2, directory, name.text.data(), &how, sizeof(how));
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return Fd();
}

Fd OpenByComponents(int directory, std::string_view path) {
  Fd at;
  Terminated name;
  do {
    const size_t end = std::min(path.find('/'), path.size());
    const bool last = end == path.size();
    if (!name.Set(path.substr(0, end))) return Fd();
    const int flags = last ? kFlags : O_PATH | O_DIRECTORY | O_CLOEXEC;
    Fd next(openat(at ? at.get() : directory, name.text.data(), flags | O_NOFOLLOW));
    if (!next) return Fd();
    at = std::move(next);
    path.remove_prefix(last ? end : end + 1);
  } while (!path.empty());
  return at;
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

bool IsPlainPath(std::string_view path) {
  if (path.empty()) return true;
  if (path.find('\0') != std::string_view::npos) return false;
  for (;;) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (name.empty() || name == "." || name == "..") return false;
    if (end == path.size()) return true;
    path.remove_prefix(end + 1);
  }
}

Fd OpenBeneath(int directory, std::string_view path, Symlinks symlinks, Resolver resolver) {
  if (!IsPlainPath(path)) {
    errno = EINVAL;
    return Fd();
  }
  if (resolver == Resolver::kSystem) {
    Fd fd = OpenBySystem(directory, path, symlinks);
    // Kernels before 5.6 do not have it, and some sandboxes forbid it.
    if (fd || (errno != ENOSYS && errno != EPERM)) return fd;
  }
  return OpenByComponents(directory, path);
}

}  // namespace corelane::http::files
