// CopyFlat: a whole packet in one segment.

#ifndef CORELANE_STACK_COPY_FLAT_H_
#define CORELANE_STACK_COPY_FLAT_H_

#include "core/packet.h"
#include "core/packet_cache.h"

namespace corelane::stack {

// The packet's bytes and metadata in one segment, for a device that cannot gather as many as it
// has, or that is another lane's. `packet` may be on loan. Null: out of packets, or longer than the
// cache's packets are.
PacketBuf CopyFlat(const PacketHead& packet, PacketCache& cache);

}  // namespace corelane::stack

#endif  // CORELANE_STACK_COPY_FLAT_H_
