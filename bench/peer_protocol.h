// What the servers of `served` offer, on our stack and on the kernel's alike, and what its client
// speaks.

#ifndef CORELANE_BENCH_PEER_PROTOCOL_H_
#define CORELANE_BENCH_PEER_PROTOCOL_H_

#include <cstddef>
#include <cstdint>

namespace corelane::bench {

inline constexpr uint16_t kSinkPort = 5001;    // reads and forgets
inline constexpr uint16_t kEchoPort = 5002;    // sends back what comes
inline constexpr uint16_t kAnswerPort = 5003;  // sends back the first that comes, and closes
inline constexpr uint16_t kSourcePort = 5004;  // sends for ever

// Of one read or write.
inline constexpr size_t kServedChunk = 64 * 1024;

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_PEER_PROTOCOL_H_
