#include "http/files/body.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace corelane::http::files {
namespace {

class FileBody final : public BodySource {
 public:
  FileBody(std::shared_ptr<const File> file, std::vector<BodyPart> parts)
      : file_(std::move(file)), parts_(std::move(parts)) {
    for (const BodyPart& part : parts_) {
      size_ += part.text.size() + (part.range ? part.range->size() : 0);
    }
  }

  std::optional<uint64_t> size() const override { return size_; }

  Result Read(std::span<char> out) override {
    for (; part_ < parts_.size(); ++part_, done_ = 0) {
      const BodyPart& part = parts_[part_];
      if (done_ < part.text.size()) {
        const size_t size = std::min<uint64_t>(out.size(), part.text.size() - done_);
        std::memcpy(out.data(), part.text.data() + done_, size);
        done_ += size;
        return Result::Data(size);
      }
      const uint64_t in_file = done_ - part.text.size();
      if (!part.range || in_file == part.range->size()) continue;
      out = out.first(std::min<uint64_t>(out.size(), part.range->size() - in_file));
      const size_t size = ReadFile(part.range->first + in_file, out);
      if (size == 0) return Result::Failed();
      done_ += size;
      return Result::Data(size);
    }
    return Result::End();
  }

 private:
  // 0: the file ends here, or cannot be read.
  size_t ReadFile(uint64_t offset, std::span<char> out) const {
    if (file_->content != nullptr) {
      std::memcpy(out.data(), file_->content->data() + offset, out.size());
      return out.size();
    }
    for (;;) {
      const ssize_t n = pread(file_->fd.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (n >= 0) return static_cast<size_t>(n);
      if (errno != EINTR) return 0;
    }
  }

  std::shared_ptr<const File> file_;
  std::vector<BodyPart> parts_;
  uint64_t size_ = 0;
  size_t part_ = 0;
  uint64_t done_ = 0;  // Of the part's text and range.
};

}  // namespace

std::unique_ptr<BodySource> MakeBody(std::shared_ptr<const File> file,
                                     std::vector<BodyPart> parts) {
  return std::make_unique<FileBody>(std::move(file), std::move(parts));
}

std::vector<BodyPart> MakeByteRanges(const std::vector<ByteRange>& ranges, uint64_t size,
                                     std::string_view content_type, std::string_view boundary) {
  std::vector<BodyPart> parts;
  const std::string delimiter = "--" + std::string(boundary);
  for (const ByteRange& range : ranges) {
    parts.push_back({(parts.empty() ? "" : "\r\n") + delimiter +
                         "\r\nContent-Type: " + std::string(content_type) +
                         "\r\nContent-Range: bytes " + std::to_string(range.first) + "-" +
                         std::to_string(range.last) + "/" + std::to_string(size) + "\r\n\r\n",
                     range});
  }
  parts.push_back({"\r\n" + delimiter + "--\r\n", std::nullopt});
  return parts;
}

}  // namespace corelane::http::files
