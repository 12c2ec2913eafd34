#include "tcp/segment.h"

#include <algorithm>
#include <cstring>

namespace corelane::tcp {
namespace {

// Option kinds (RFC 9293 §3.2, RFC 7323, RFC 2018).
constexpr uint8_t kEndOfOptions = 0;
constexpr uint8_t kNop = 1;
constexpr uint8_t kMss = 2;
constexpr uint8_t kWindowScale = 3;
constexpr uint8_t kSackPermitted = 4;
constexpr uint8_t kSack = 5;
constexpr uint8_t kTimestamps = 8;

// The layout that nearly every segment has: NOP NOP TIMESTAMPS (RFC 7323 appendix A).
constexpr uint32_t kPaddedTimestamps = 0x0101080a;

// RFC 7323 §2.3: a larger shift is taken as 14.
constexpr uint8_t kMaxWindowScale = 14;

void ParseSack(std::span<const uint8_t> body, Segment& out) {
  const size_t blocks = std::min(body.size() / 8, kMaxSackBlocks);
  for (size_t i = 0; i < blocks; ++i) {
    out.sack[i] = {SeqNum(LoadBe32(body.data() + i * 8)),
                   SeqNum(LoadBe32(body.data() + i * 8 + 4))};
  }
  out.sack_count = static_cast<uint8_t>(blocks);
}

// One option with its body; false when the body's length is not what the kind demands.
bool ParseOption(uint8_t kind, std::span<const uint8_t> body, Segment& out) {
  switch (kind) {
    case kMss:
      if (body.size() != 2) return false;
      out.mss = LoadBe16(body.data());
      return true;
    case kWindowScale:
      if (body.size() != 1) return false;
      out.window_scale = static_cast<int8_t>(std::min(body[0], kMaxWindowScale));
      return true;
    case kSackPermitted:
      if (!body.empty()) return false;
      out.sack_permitted = true;
      return true;
    case kSack:
      if (body.empty() || body.size() % 8 != 0) return false;
      ParseSack(body, out);
      return true;
    case kTimestamps:
      if (body.size() != 8) return false;
      out.has_timestamps = true;
      out.timestamps = {LoadBe32(body.data()), LoadBe32(body.data() + 4)};
      return true;
    default:
      return true;
  }
}

bool ParseOptions(std::span<const uint8_t> options, Segment& out) {
  size_t i = 0;
  while (i < options.size()) {
    const uint8_t kind = options[i];
    if (kind == kEndOfOptions) return true;
    if (kind == kNop) {
      ++i;
      continue;
    }
    if (i + 1 >= options.size()) return false;
    const size_t length = options[i + 1];
    if (length < 2 || i + length > options.size()) return false;
    if (!ParseOption(kind, options.subspan(i + 2, length - 2), out)) return false;
    i += length;
  }
  return true;
}

}  // namespace

bool ParseSegment(const HeaderView& header, uint32_t payload_length, Segment& out) {
  out.seq = header.seq();
  out.ack = header.ack();
  out.payload_length = payload_length;
  out.window = header.window();
  out.flags = header.flags();
  const std::span<const uint8_t> options = header.options();
  if (options.size() == 12 && LoadBe32(options.data()) == kPaddedTimestamps) [[likely]] {
    out.has_timestamps = true;
    out.timestamps = {LoadBe32(options.data() + 4), LoadBe32(options.data() + 8)};
    return true;
  }
  return ParseOptions(options, out);
}

size_t OutgoingOptions::length() const {
  size_t n = 0;
  if (mss != 0) n += 4;
  if (window_scale >= 0) n += 4;
  if (has_timestamps) {
    n += 12;  // SACK-permitted takes the place of its two NOPs
  } else if (sack_permitted) {
    n += 4;
  }
  if (sack_count > 0) n += 4 + size_t{8} * sack_count;
  return n;
}

void EmitHeader(const OutgoingHeader& header, const OutgoingOptions& options, uint8_t* out) {
  EmitHeader(header, options.length(), out);
  uint8_t* p = out + kMinHeaderLength;
  if (options.mss != 0) {
    StoreBe32(p, uint32_t{kMss} << 24 | 4u << 16 | options.mss);
    p += 4;
  }
  if (options.has_timestamps) {
    StoreBe32(p, options.sack_permitted ? uint32_t{kSackPermitted} << 24 | 2u << 16 | 0x080a
                                        : kPaddedTimestamps);
    StoreBe32(p + 4, options.timestamps.value);
    StoreBe32(p + 8, options.timestamps.echo);
    p += 12;
  } else if (options.sack_permitted) {
    StoreBe32(p, uint32_t{kNop} << 24 | uint32_t{kNop} << 16 | uint32_t{kSackPermitted} << 8 | 2);
    p += 4;
  }
  if (options.window_scale >= 0) {
    StoreBe32(p, uint32_t{kNop} << 24 | uint32_t{kWindowScale} << 16 | 3u << 8 |
                     static_cast<uint8_t>(options.window_scale));
    p += 4;
  }
  if (options.sack_count > 0) {
    StoreBe32(p, uint32_t{kNop} << 24 | uint32_t{kNop} << 16 | uint32_t{kSack} << 8 |
                     (2u + 8u * options.sack_count));
    p += 4;
    for (size_t i = 0; i < options.sack_count; ++i, p += 8) {
      StoreBe32(p, options.sack[i].begin.value());
      StoreBe32(p + 4, options.sack[i].end.value());
    }
  }
}

}  // namespace corelane::tcp
