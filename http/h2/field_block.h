// The fields of one message as they are decoded: pseudo-header fields apart, the rest as
// http::Fields over one buffer that is used again for the next.

#ifndef CORELANE_HTTP_H2_FIELD_BLOCK_H_
#define CORELANE_HTTP_H2_FIELD_BLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "http/h2/session.h"
#include "http/wire/buffer.h"
#include "http/wire/fields.h"

namespace corelane::h2 {

class FieldBlock {
 public:
  void Clear();
  // False when the list has become larger than `max_size` (RFC 9113 §6.5.2 tells how it counts);
  // the block keeps nothing of a field that does not fit.
  bool Add(std::string_view name, std::string_view value, size_t max_size);

  // Joins Cookie fields; then the views below hold until the next Clear or Add.
  void Finish();
  http::Fields fields() const { return {text_.data(), slots_}; }
  ResponseHead response() const;
  // False when the request is malformed by RFC 9113 §8.3.1 in what the decoder does not check.
  bool ReadRequest(RequestHead& head) const;

 private:
  enum Pseudo : uint8_t { kMethod, kScheme, kAuthority, kPath, kProtocol, kStatus, kPseudoCount };
  struct Range {
    uint32_t offset = 0;
    uint32_t size = 0;
  };

  void AddPseudo(std::string_view name, std::string_view value);
  std::string_view pseudo(Pseudo which) const {
    return text_.view().substr(pseudo_[which].offset, pseudo_[which].size);
  }

  http::Buffer text_;
  std::vector<http::FieldSlot> slots_;
  std::array<Range, kPseudoCount> pseudo_{};
  size_t list_size_ = 0;
  size_t cookies_ = 0;
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_FIELD_BLOCK_H_
