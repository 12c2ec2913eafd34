#include "http/files/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace corelane::http::files {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// Links and what is neither file nor directory are not listed, for they may not be served.
bool IsListed(int directory, const dirent& entry, bool& is_directory) {
  unsigned char type = entry.d_type;
  if (type == DT_UNKNOWN) {
    struct stat info;
    if (fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
    type = S_ISDIR(info.st_mode) ? DT_DIR : S_ISREG(info.st_mode) ? DT_REG : DT_UNKNOWN;
  }
  is_directory = type == DT_DIR;
  return is_directory || type == DT_REG;
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string EncodeSegment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += "0123456789ABCDEF"[byte >> 4];
      out += "0123456789ABCDEF"[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> MakeListing(int directory, std::string_view title,
                                       const ListingOptions& options) {
  // One of our own: the position of another reader must not matter.
  const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const std::unique_ptr<DIR, CloseDirectory> open(fdopendir(fd));
  if (open == nullptr) {
    close(fd);
    return std::nullopt;
  }
  std::vector<std::string> names;
  bool more = false;
  while (const dirent* const entry = readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || (name.front() == '.' && !options.hidden)) continue;
    bool is_directory = false;
    if (!IsListed(fd, *entry, is_directory)) continue;
    if (names.size() == options.most) {
      more = true;
      break;
    }
    names.push_back(std::string(name) + (is_directory ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  const std::string shown = EscapeHtml(title);
  std::string page = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>" + shown +
                     "</title></head>\n<body><h1>" + shown + "</h1>\n<ul>\n";
  for (const std::string& name : names) {
    const bool is_directory = name.back() == '/';
    const std::string_view bare = std::string_view(name).substr(0, name.size() - is_directory);
    page += "<li><a href=\"./" + EncodeSegment(bare) + (is_directory ? "/" : "") + "\">" +
            EscapeHtml(name) + "</a></li>\n";
  }
  page += "</ul>\n";
  if (more) page += "<p>There are more.</p>\n";
  return page + "</body></html>\n";
}

}  // namespace corelane::http::files
