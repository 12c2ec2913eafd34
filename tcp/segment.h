// A TCP segment on the wire (RFC 9293 §3.1) and as the state machine sees it.

#ifndef CORELANE_TCP_SEGMENT_H_
#define CORELANE_TCP_SEGMENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "tcp/seq_num.h"

namespace corelane::tcp {

inline constexpr uint8_t kProtocolNumber = 6;
inline constexpr size_t kMinHeaderLength = 20;
inline constexpr size_t kMaxHeaderLength = 60;
inline constexpr size_t kChecksumOffset = 16;

inline constexpr uint8_t kFin = 0x01;
inline constexpr uint8_t kSyn = 0x02;
inline constexpr uint8_t kRst = 0x04;
inline constexpr uint8_t kPsh = 0x08;
inline constexpr uint8_t kAck = 0x10;
inline constexpr uint8_t kUrg = 0x20;
inline constexpr uint8_t kEce = 0x40;
inline constexpr uint8_t kCwr = 0x80;

// RFC 2018 §3: 40 bytes of options hold four blocks, three beside timestamps.
inline constexpr size_t kMaxSackBlocks = 4;

struct Timestamps {
  uint32_t value = 0;  // TSval
  uint32_t echo = 0;   // TSecr
};

// What one received segment says, in host order. Trivial; `sack` beyond sack_count is undefined.
struct Segment {
  SeqNum seq;                   // SEG.SEQ
  SeqNum ack;                   // SEG.ACK; valid with kAck
  uint32_t payload_length = 0;  // bytes of data
  uint16_t window = 0;          // SEG.WND as on the wire: not scaled
  uint8_t flags = 0;
  uint8_t ecn = 0;           // the IP header's codepoint
  uint16_t frames = 1;       // frames that were merged into this segment
  uint16_t mss = 0;          // MSS option; 0: absent
  int8_t window_scale = -1;  // -1: absent
  bool sack_permitted = false;
  bool has_timestamps = false;
  uint8_t sack_count = 0;
  Timestamps timestamps;
  std::array<SeqRange, kMaxSackBlocks> sack;

  bool syn() const { return flags & kSyn; }
  bool fin() const { return flags & kFin; }
  bool rst() const { return flags & kRst; }
  bool has_ack() const { return flags & kAck; }
  // SEG.LEN: SYN and FIN count as one each (RFC 9293 §3.4).
  uint32_t length() const {
    return payload_length + ((flags & kSyn) != 0 ? 1 : 0) + ((flags & kFin) != 0 ? 1 : 0);
  }
  SeqNum end() const { return seq + length(); }
};

// A TCP header inside a packet. Parse() is the only constructor, so every accessor is in bounds.
class HeaderView {
 public:
  // Empty: shorter than a header, or than its data offset says (RFC 9293 §3.1).
  static std::optional<HeaderView> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kMinHeaderLength) return std::nullopt;
    const size_t length = static_cast<size_t>(bytes[12] >> 4) * 4;
    if (length < kMinHeaderLength || length > bytes.size()) return std::nullopt;
    return HeaderView(bytes.data(), length);
  }

  uint16_t source_port() const { return LoadBe16(data_); }
  uint16_t destination_port() const { return LoadBe16(data_ + 2); }
  SeqNum seq() const { return SeqNum(LoadBe32(data_ + 4)); }
  SeqNum ack() const { return SeqNum(LoadBe32(data_ + 8)); }
  uint8_t flags() const { return data_[13]; }
  uint16_t window() const { return LoadBe16(data_ + 14); }
  size_t header_length() const { return length_; }
  std::span<const uint8_t> options() const {
    return {data_ + kMinHeaderLength, length_ - kMinHeaderLength};
  }

 private:
  HeaderView(const uint8_t* data, size_t length) : data_(data), length_(length) {}

  const uint8_t* data_;
  size_t length_;
};

// Reads a header with its options. False: an option's length is wrong (RFC 9293 §3.2, MUST-7: the
// segment is dropped). Unknown options are skipped (MUST-6).
bool ParseSegment(const HeaderView& header, uint32_t payload_length, Segment& out);

// The options of a segment to send.
struct OutgoingOptions {
  uint16_t mss = 0;          // 0: none
  int8_t window_scale = -1;  // -1: none
  bool sack_permitted = false;
  bool has_timestamps = false;
  uint8_t sack_count = 0;
  Timestamps timestamps;
  std::array<SeqRange, kMaxSackBlocks> sack;

  // Bytes on the wire, padding included.
  size_t length() const;
};

struct OutgoingHeader {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  SeqNum seq;
  SeqNum ack;
  uint8_t flags = 0;
  uint16_t window = 0;
};

// Bytes of the timestamps option with the two NOPs in front of it (RFC 7323 appendix A).
inline constexpr size_t kTimestampsLength = 12;

// What nearly every segment has behind its header.
inline void EmitTimestamps(const Timestamps& timestamps, uint8_t* out) {
  StoreBe32(out, 0x0101080a);  // NOP, NOP, kind 8, length 10
  StoreBe64(out + 4, uint64_t{timestamps.value} << 32 | timestamps.echo);
}

// Writes the header of a segment whose options, `options_length` bytes, the caller writes behind
// it; the checksum field is zero. In words of eight bytes, as the checksum will read them soon: a
// load that spans several younger stores waits until they have left the processor.
inline void EmitHeader(const OutgoingHeader& header, size_t options_length, uint8_t* out) {
  StoreBe64(out, uint64_t{header.source_port} << 48 | uint64_t{header.destination_port} << 32 |
                     header.seq.value());
  const auto offset = static_cast<uint8_t>((kMinHeaderLength + options_length) / 4 << 4);
  StoreBe64(out + 8, uint64_t{header.ack.value()} << 32 | uint32_t{offset} << 24 |
                         uint32_t{header.flags} << 16 | header.window);
  StoreBe32(out + 16, 0);  // checksum and urgent pointer
}

// Writes header and options to `out`, which has room for kMinHeaderLength + options.length(); the
// checksum field is zero.
void EmitHeader(const OutgoingHeader& header, const OutgoingOptions& options, uint8_t* out);

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_SEGMENT_H_
