#include "http/files/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "http/semantics/http_date.h"

namespace corelane::http::files {
namespace {

int64_t Nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

bool IsKept(const File& file, bool keep_absent) {
  return file.kind == File::Kind::kNone ? keep_absent : file.kind != File::Kind::kFailed;
}

std::string TagOf(const File::Identity& identity) {
  char text[64] = "\"";
  char* at = text + 1;
  for (const uint64_t part :
       {identity.inode, identity.size, static_cast<uint64_t>(identity.modified_ns)}) {
    if (at != text + 1) *at++ = '-';
    at = std::to_chars(at, text + sizeof(text) - 1, part, 16).ptr;
  }
  *at++ = '"';
  return std::string(text, at);
}

// All of a small file. Null: it has become another size, or cannot be read.
std::shared_ptr<const std::string> ReadAll(int fd, uint64_t size) {
  auto content = std::make_shared<std::string>(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd, content->data() + done, size - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return nullptr;
    done += static_cast<size_t>(n);
  }
  return content;
}

}  // namespace

Store::Store(Fd root, Symlinks symlinks, const Clock* clock, const StoreLimits& limits)
    : root_(std::move(root)), symlinks_(symlinks), clock_(clock), limits_(limits) {}

std::shared_ptr<const File> Store::Find(std::string_view path, bool keep_absent) {
  owner_.Check();
  if (clock_ == nullptr || limits_.files == 0) return Load(path, nullptr);
  const Instant now = clock_->Now();
  const auto found = places_.find(path);
  if (found == places_.end()) {
    std::shared_ptr<const File> file = Load(path, nullptr);
    if (IsKept(*file, keep_absent)) Put(path, file, now);
    return file;
  }
  const Place place = found->second;
  entries_.splice(entries_.begin(), entries_, place);
  if (now - place->checked < limits_.revalidate) return place->file;
  std::shared_ptr<const File> file = Load(path, place->file);
  if (file == place->file) {
    place->checked = now;
    return file;
  }
  Drop(place);
  if (IsKept(*file, keep_absent)) Put(path, file, now);
  return file;
}

std::shared_ptr<const File> Store::Load(std::string_view path,
                                        const std::shared_ptr<const File>& before) const {
  auto file = std::make_shared<File>();
  Fd fd = OpenBeneath(root_.get(), path, symlinks_);
  struct stat info;
  if (!fd && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO)) {
    if (before != nullptr) return before;
    file->kind = File::Kind::kFailed;
    return file;
  }
  if (!fd || fstat(fd.get(), &info) != 0 || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
    return before != nullptr && before->kind == File::Kind::kNone ? before : file;
  }
  file->identity = {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
                    static_cast<uint64_t>(info.st_size), Nanoseconds(info.st_mtim),
                    Nanoseconds(info.st_ctim)};
  if (before != nullptr && before->identity == file->identity) return before;
  if (S_ISDIR(info.st_mode)) {
    file->kind = File::Kind::kDirectory;
    file->fd = std::move(fd);
    return file;
  }
  file->kind = File::Kind::kRegular;
  file->size = file->identity.size;
  file->modified = info.st_mtim.tv_sec;
  file->etag = TagOf(file->identity);
  file->last_modified = FormatHttpDate(file->modified);
  if (clock_ != nullptr && file->size <= limits_.content_bytes) {
    file->content = ReadAll(fd.get(), file->size);
  }
  // The content says all: no need to hold the file open.
  if (file->content == nullptr) file->fd = std::move(fd);
  return file;
}

void Store::Put(std::string_view path, std::shared_ptr<const File> file, Instant now) {
  const uint64_t size = file->content != nullptr ? file->content->size() : 0;
  if (size > limits_.bytes) return;
  while (entries_.size() >= limits_.files || bytes_ + size > limits_.bytes) {
    Drop(std::prev(entries_.end()));
  }
  entries_.push_front({std::string(path), std::move(file), now});
  places_.emplace(entries_.front().path, entries_.begin());
  bytes_ += size;
}

void Store::Drop(Place place) {
  if (place->file->content != nullptr) bytes_ -= place->file->content->size();
  places_.erase(place->path);
  entries_.erase(place);
}

}  // namespace corelane::http::files
