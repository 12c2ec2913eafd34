#include "grpc/wire/frame.h"

#include <algorithm>
#include <utility>

namespace corelane::grpc {
namespace {

constexpr size_t kKept = 64 << 10;  // Of the buffers, from one message to the next.

void Release(std::string& buffer) {
  if (buffer.capacity() > kKept) {
    buffer = std::string();
  } else {
    buffer.clear();
  }
}

}  // namespace

MessageReader::MessageReader(size_t max) : max_(std::min<size_t>(max, INT32_MAX)) {}

MessageReader::Event MessageReader::Fail(StatusCode code, std::string message) {
  status_ = Status(code, message);
  return Event::kError;
}

bool MessageReader::TakePrefix() {
  size_ =
      size_t{prefix_[1]} << 24 | size_t{prefix_[2]} << 16 | size_t{prefix_[3]} << 8 | prefix_[4];
  const uint8_t flag = prefix_[0];
  if (flag > 1) {
    Fail(StatusCode::kInternal,
         "a message's first byte is " + std::to_string(flag) + ", expected 0 or 1");
  } else if (flag == 1 && compression_ == Compression::kIdentity) {
    Fail(StatusCode::kInternal, "a message is compressed, and there is no grpc-encoding");
  } else if (size_ > max_) {
    Fail(StatusCode::kResourceExhausted, "a message of " + std::to_string(size_) +
                                             " bytes is over the limit, " + std::to_string(max_));
  }
  return status_.ok();
}

MessageReader::Event MessageReader::Next(std::string_view& input) {
  if (!status_.ok()) return Event::kError;
  if (std::exchange(delivered_, false)) {
    prefix_size_ = 0;
    Release(partial_);
    Release(inflated_);
  }
  if (prefix_size_ < kFramePrefix) {
    const size_t size = std::min(input.size(), kFramePrefix - prefix_size_);
    std::copy_n(input.data(), size, prefix_.begin() + prefix_size_);
    prefix_size_ += size;
    input.remove_prefix(size);
    if (prefix_size_ < kFramePrefix) return Event::kNeedMore;
    if (!TakePrefix()) return Event::kError;
  }
  if (partial_.empty() && input.size() >= size_) {
    const std::string_view whole = input.substr(0, size_);
    input.remove_prefix(size_);
    return Deliver(whole);
  }
  const size_t size = std::min(input.size(), size_ - partial_.size());
  partial_.append(input.substr(0, size));
  input.remove_prefix(size);
  return partial_.size() == size_ ? Deliver(partial_) : Event::kNeedMore;
}

MessageReader::Event MessageReader::Deliver(std::string_view bytes) {
  delivered_ = true;
  message_ = bytes;
  if (prefix_[0] == 0) return Event::kMessage;
  status_ = compressor_.Inflate(compression_, bytes, max_, inflated_);
  message_ = inflated_;
  return status_.ok() ? Event::kMessage : Event::kError;
}

Status MessageReader::Finish() const {
  if (prefix_size_ == 0 || delivered_) return Status();
  return Status(StatusCode::kInternal, "the stream ended inside of a message");
}

}  // namespace corelane::grpc
