// Opens what is below a directory, and nothing else.

#ifndef CORELANE_HTTP_FILES_BENEATH_H_
#define CORELANE_HTTP_FILES_BENEATH_H_

#include <cstdint>
#include <string_view>
#include <utility>

namespace corelane::http::files {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

enum class Symlinks : uint8_t {
  kRefuse,
  kBeneath,  // Followed while they stay below the directory.
};

// Whether `path` is names with single slashes between them, none of them empty, "." or "..", and
// without NUL. The empty path, the directory itself, is one.
bool IsPlainPath(std::string_view path);

// Whatever the system has: openat2() with RESOLVE_BENEATH, else kByComponents.
enum class Resolver : uint8_t {
  kSystem,
  kByComponents,  // openat() with O_NOFOLLOW for each name: symbolic links are refused in any case.
};

// Opens `path`, which must be plain, for reading; does not wait for a FIFO's writer. No descriptor:
// errno says why, EXDEV or ELOOP where the path would lead outside or over a link.
Fd OpenBeneath(int directory, std::string_view path, Symlinks symlinks,
               Resolver resolver = Resolver::kSystem);

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_BENEATH_H_
