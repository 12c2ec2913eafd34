// A byte queue in one block: append at the end, consume at the front, reuse for ever.

#ifndef CORELANE_HTTP_WIRE_BUFFER_H_
#define CORELANE_HTTP_WIRE_BUFFER_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "core/check.h"

namespace corelane::http {

// Pointers into it stay valid until Prepare, Append or a non-const call that says otherwise.
class Buffer {
 public:
  const char* data() const { return block_.get() + begin_; }
  char* data() { return block_.get() + begin_; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return end_ == begin_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data(), size()}; }

  // How many bytes can be appended without moving what is there.
  size_t room() const { return capacity_ - end_; }

  // Makes room for `bytes` more and returns where they go. May move the contents.
  char* Prepare(size_t bytes) {
    if (room() < bytes) MakeRoom(bytes);
    return block_.get() + end_;
  }
  void Commit(size_t bytes) {
    CL_DCHECK(bytes <= room());
    end_ += bytes;
  }
  void Append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(Prepare(text.size()), text.data(), text.size());
    Commit(text.size());
  }
  void Consume(size_t bytes) {
    CL_DCHECK(bytes <= size());
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Removes [from, to), moving the rest down.
  void Erase(size_t from, size_t to) {
    CL_DCHECK(from <= to && to <= size());
    std::memmove(data() + from, data() + to, size() - to);
    end_ -= to - from;
  }
  // Keeps the first `bytes`.
  void Truncate(size_t bytes) {
    CL_DCHECK(bytes <= size());
    end_ = begin_ + bytes;
  }
  void Clear() { begin_ = end_ = 0; }

 private:
  void MakeRoom(size_t bytes) {
    const size_t used = size();
    if (begin_ > 0 && capacity_ - used >= bytes) {
      std::memmove(block_.get(), data(), used);
    } else {
      const size_t wanted = std::max({used + bytes, capacity_ * 2, size_t{512}});
      std::unique_ptr<char[]> block(new char[wanted]);
      if (used > 0) std::memcpy(block.get(), data(), used);
      block_ = std::move(block);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> block_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_WIRE_BUFFER_H_
