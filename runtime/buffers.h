// BufferList: the first few buffers of a sequence, for operations that read or write some.

#ifndef CORELANE_RUNTIME_BUFFERS_H_
#define CORELANE_RUNTIME_BUFFERS_H_

#include <array>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace corelane::runtime::internal {

// Byte: uint8_t or const uint8_t. Buffers beyond the first kMax that are not empty are left out:
// "some" allows it.
template <class Byte, size_t kMax>
class BufferList {
 public:
  BufferList() = default;
  template <class Sequence>
  explicit BufferList(const Sequence& sequence) {
    const auto end = boost::asio::buffer_sequence_end(sequence);
    for (auto it = boost::asio::buffer_sequence_begin(sequence); it != end && count_ < kMax; ++it) {
      using Buffer = std::conditional_t<std::is_const_v<Byte>, boost::asio::const_buffer,
                                        boost::asio::mutable_buffer>;
      const Buffer buffer(*it);
      if (buffer.size() == 0) continue;
      buffers_[count_++] = {static_cast<Byte*>(buffer.data()), buffer.size()};
    }
  }

  bool empty() const { return count_ == 0; }
  std::span<const std::span<Byte>> all() const { return std::span(buffers_).first(count_); }
  size_t bytes() const {
    size_t n = 0;
    for (const auto& b : all()) n += b.size();
    return n;
  }

 private:
  std::array<std::span<Byte>, kMax> buffers_;
  size_t count_ = 0;
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_BUFFERS_H_
