#include "http/ws/frame.h"

#include <algorithm>
#include <cstring>

namespace corelane::ws {
namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kRsv1 = 0x40;
constexpr uint8_t kRsv2And3 = 0x30;
constexpr uint8_t kMasked = 0x80;

bool IsKnown(uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

void FrameHead::Emit(char* out) const {
  const auto put = [&out](uint64_t byte) { *out++ = static_cast<char>(byte & 0xff); };
  const uint8_t mask_bit = masked ? kMasked : 0;
  put((fin ? kFin : 0) | (rsv1 ? kRsv1 : 0) | static_cast<uint8_t>(opcode));
  if (length <= kMaxControlPayload) {
    put(mask_bit | length);
  } else if (length <= 0xffff) {
    put(mask_bit | 126);
    put(length >> 8);
    put(length);
  } else {
    put(mask_bit | 127);
    for (int shift = 56; shift >= 0; shift -= 8) put(length >> shift);
  }
  if (masked) std::memcpy(out, key.data(), key.size());
}

bool FrameHeadParser::Fail(std::string_view reason) {
  error_ = {CloseCode::kProtocolError, reason};
  return false;
}

bool FrameHeadParser::OnFirst(uint8_t byte) {
  const uint8_t opcode = byte & 0x0f;
  // RFC 6455 §5.2: unless an extension gives them a meaning, MUST be 0.
  if ((byte & kRsv2And3) != 0) return Fail("a reserved bit is set");
  if (!IsKnown(opcode)) return Fail("unknown opcode");
  head_ = FrameHead();
  head_.fin = (byte & kFin) != 0;
  head_.rsv1 = (byte & kRsv1) != 0;
  head_.opcode = static_cast<Opcode>(opcode);
  if (head_.rsv1 && !allow_rsv1_) return Fail("a reserved bit is set");
  // RFC 7692 §6: only the first fragment of a data message has it.
  if (head_.rsv1 && (IsControl(head_.opcode) || head_.opcode == Opcode::kContinuation)) {
    return Fail("RSV1 on a frame that begins no message");
  }
  if (IsControl(head_.opcode) && !head_.fin) return Fail("fragmented control frame");  // §5.5
  return true;
}

bool FrameHeadParser::OnSecond(uint8_t byte) {
  head_.masked = (byte & kMasked) != 0;
  // RFC 6455 §5.1
  if (role_ == Role::kServer && !head_.masked) return Fail("unmasked frame from a client");
  if (role_ == Role::kClient && head_.masked) return Fail("masked frame from a server");
  const uint8_t length = byte & 0x7f;
  if (length > kMaxControlPayload && IsControl(head_.opcode)) {
    return Fail("control frame of more than 125 bytes");  // §5.5
  }
  length_bytes_ = length == 126 ? 2 : length == 127 ? 8 : 0;
  head_.length = length;
  size_ = static_cast<uint8_t>(2 + length_bytes_ + (head_.masked ? 4 : 0));
  return true;
}

bool FrameHeadParser::OnLength() {
  head_.length = 0;
  for (size_t i = 0; i < length_bytes_; ++i) head_.length = head_.length << 8 | bytes_[2 + i];
  // RFC 6455 §5.2: the minimal number of bytes MUST be used; the top bit MUST be 0.
  if (head_.length >> 63 != 0) return Fail("the length's top bit is set");
  if (head_.length <= (length_bytes_ == 2 ? 125u : 0xffffu)) {
    return Fail("the length is not in its shortest form");
  }
  return true;
}

FrameHeadParser::Status FrameHeadParser::Parse(std::string_view& bytes) {
  while (taken_ < 2 || taken_ < size_) {
    if (bytes.empty()) return Status::kNeedMore;
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    bytes_[taken_++] = byte;
    bool good = true;
    if (taken_ == 1) {
      good = OnFirst(byte);
    } else if (taken_ == 2) {
      good = OnSecond(byte);
    } else if (length_bytes_ > 0 && taken_ == 2 + length_bytes_) {
      good = OnLength();
    }
    if (!good) return Status::kError;
  }
  if (head_.masked) std::copy_n(bytes_.begin() + size_ - 4, 4, head_.key.begin());
  return Status::kDone;
}

}  // namespace corelane::ws
