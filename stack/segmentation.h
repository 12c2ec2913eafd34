// Software segmentation (GSO): cuts a TCP segment of many frames' payload into frames for devices
// without TSO.

#ifndef CORELANE_STACK_SEGMENTATION_H_
#define CORELANE_STACK_SEGMENTATION_H_

#include <cstdint>

#include "core/packet.h"
#include "core/packet_cache.h"

namespace corelane::stack {

// Cuts frame after frame off one segment.
//
//   Segmenter cut(std::move(segment), cache);
//   while (PacketBuf frame = cut.Next()) ...
//   if (!cut.done()) ...   // out of packets: the rest is lost, and TCP will retransmit it
//
// The segment: its first buffer holds exactly the TCP header, the others payload; segment_size is
// set. A payload buffer that is one frame's, in a room of its own with space for the header,
// becomes the frame; the others are referred to, each frame beginning with a buffer for its header.
// Each frame gets a header of its own with sequence number and flags as RFC 9293 demands: FIN and
// PSH only on the last, CWR on the first.
class Segmenter {
 public:
  Segmenter(PacketBuf segment, PacketCache& cache);

  PacketBuf Next();
  bool done() const { return !payload_; }

 private:
  // The first payload buffer with a header in front.
  PacketBuf TakeFrame();
  // A header with the next `n` payload bytes behind it.
  PacketBuf BuildFrame(uint32_t n);
  // Those bytes as a chain.
  PacketBuf Cut(uint32_t n);

  PacketCache& cache_;
  PacketBuf header_;
  PacketBuf payload_;
  uint32_t segment_size_;
  uint32_t seq_;
  uint8_t flags_;
  bool first_ = true;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_SEGMENTATION_H_
