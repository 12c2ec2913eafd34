// Link: what Linux's sockets run over in a benchmark, in network namespaces of this process's own.

#ifndef CORELANE_BENCH_LINK_H_
#define CORELANE_BENCH_LINK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "bench/options.h"

namespace corelane::bench {

// Takes the calling process, which must have one thread, into a network namespace of its own.
// Returns what went wrong; empty: nothing.
std::string EnterOwnNamespace();

// Sets up the client's end on the calling thread, which is in its namespace. Loopback: the only
// end. veth: moves the other end into the namespace of thread `server_tid`, without segmentation
// offload; csum=1 without checksum offload as well, so that both ends compute them.
std::string SetUpClientEnd(const Options& options, int server_tid);
// The server's end of a veth pair, on a thread in its namespace, after the client's.
std::string SetUpServerEnd(const Options& options);

struct LinkFrames {
  uint64_t sent = 0;
  uint64_t received = 0;
};
// As the calling thread's namespace counts them, on the benchmark's interface.
LinkFrames ReadLinkFrames(const Options& options);
// Connections in TIME-WAIT in the calling thread's namespace.
uint64_t ReadTimeWait();

// Segments that a TCP socket has received.
uint64_t ReadSegmentsIn(int fd);

inline constexpr char kClientAddress[] = "10.88.0.1";
inline constexpr char kServerAddress[] = "10.88.0.2";
// Where the server listens.
const char* ServerAddress(const Options& options);

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_LINK_H_
