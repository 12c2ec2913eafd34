// What the parser accepts can be emitted and read again, and means the same.

#include <algorithm>
#include <vector>

#include "core/check.h"
#include "tcp/segment.h"

namespace {

using namespace corelane::tcp;

void CheckSame(const Segment& a, const Segment& b) {
  CL_CHECK(a.seq == b.seq && a.ack == b.ack && a.flags == b.flags && a.window == b.window);
  CL_CHECK(a.mss == b.mss && a.window_scale == b.window_scale);
  CL_CHECK(a.sack_permitted == b.sack_permitted && a.sack_count == b.sack_count);
  CL_CHECK(a.has_timestamps == b.has_timestamps);
  if (a.has_timestamps) {
    CL_CHECK(a.timestamps.value == b.timestamps.value && a.timestamps.echo == b.timestamps.echo);
  }
  for (size_t i = 0; i < a.sack_count; ++i) CL_CHECK(a.sack[i] == b.sack[i]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that a sanitizer sees every read past the end.
  const std::vector<uint8_t> bytes(data, data + size);
  const auto view = HeaderView::Parse(bytes);
  if (!view) return 0;
  Segment segment;
  const auto payload = static_cast<uint32_t>(size - view->header_length());
  if (!ParseSegment(*view, payload, segment)) return 0;
  CL_CHECK(segment.sack_count <= kMaxSackBlocks && segment.window_scale <= 14);
  OutgoingOptions options;
  options.mss = segment.mss;
  options.window_scale = segment.window_scale;
  options.sack_permitted = segment.sack_permitted;
  options.has_timestamps = segment.has_timestamps;
  options.timestamps = segment.timestamps;
  options.sack_count = segment.sack_count;
  options.sack = segment.sack;
  // Padding can make them longer than they came in.
  while (kMinHeaderLength + options.length() > kMaxHeaderLength && options.sack_count > 0) {
    --options.sack_count;
  }
  segment.sack_count = options.sack_count;
  if (kMinHeaderLength + options.length() > kMaxHeaderLength) return 0;
  std::vector<uint8_t> out(kMinHeaderLength + options.length());
  EmitHeader({view->source_port(), view->destination_port(), segment.seq, segment.ack,
              segment.flags, segment.window},
             options, out.data());
  const auto again = HeaderView::Parse(out);
  CL_CHECK(again && again->source_port() == view->source_port() &&
           again->destination_port() == view->destination_port());
  Segment reread;
  CL_CHECK(ParseSegment(*again, payload, reread));
  CheckSame(segment, reread);
  return 0;
}
