// Open files below a directory, and the contents of small ones, kept while they do not change.
//
// A path that was asked for within `revalidate` costs no system call; then it is opened and looked
// at anew, and what is kept stays when device, inode, size and times are the same. Bounded by count
// and bytes; what was asked for least recently goes first. Belongs to one thread; a File lives as
// long as somebody holds it.

#ifndef CORELANE_HTTP_FILES_STORE_H_
#define CORELANE_HTTP_FILES_STORE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/thread_owner.h"
#include "core/time.h"
#include "http/files/beneath.h"

namespace corelane::http::files {

// What is at a path: as it was when it was opened.
struct File {
  enum class Kind : uint8_t {
    kNone,  // Nothing, or nothing that may be opened.
    kRegular,
    kDirectory,
    kFailed,  // The system is short of descriptors or memory. Not kept.
  };

  Kind kind = Kind::kNone;
  Fd fd;
  uint64_t size = 0;
  int64_t modified = 0;       // Seconds since 1970.
  std::string etag;           // Strong: of inode, size and the nanosecond of the last change.
  std::string last_modified;  // As in the field.
  std::shared_ptr<const std::string> content;  // Of a small one; else null.

  // What tells a version from another.
  struct Identity {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t size = 0;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    bool operator==(const Identity&) const = default;
  } identity;
};

struct StoreLimits {
  StoreLimits() {}

  Duration revalidate = std::chrono::seconds(1);
  size_t files = 1024;                // Each holds a descriptor.
  uint64_t bytes = 64 << 20;          // Of content.
  uint64_t content_bytes = 64 << 10;  // Of one file that is kept with its content.
};

class Store {
 public:
  // `clock` outlives it. A null one: nothing is kept.
  Store(Fd root, Symlinks symlinks, const Clock* clock, const StoreLimits& limits);

  // Never null. `path` is plain (beneath.h). keep_absent: also that there is no file is kept, for
  // paths that no client can choose freely.
  std::shared_ptr<const File> Find(std::string_view path, bool keep_absent = false);

  size_t kept() const { return entries_.size(); }
  uint64_t kept_bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<const File> file;
    Instant checked;
  };
  using Place = std::list<Entry>::iterator;

  // With `before`, what is there already, if that still stands.
  std::shared_ptr<const File> Load(std::string_view path,
                                   const std::shared_ptr<const File>& before) const;
  void Put(std::string_view path, std::shared_ptr<const File> file, Instant now);
  void Drop(Place place);

  const Fd root_;
  const Symlinks symlinks_;
  const Clock* const clock_;
  const StoreLimits limits_;
  std::list<Entry> entries_;  // What was asked for last is first.
  std::unordered_map<std::string_view, Place> places_;
  uint64_t bytes_ = 0;
  ThreadOwner owner_;
};

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_STORE_H_
