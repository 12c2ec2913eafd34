// inproc with coroutines.

#include <cstdio>
#include <cstdlib>

#include "bench/inproc.h"

namespace corelane::bench {

InprocResult RunAsio(const InprocOptions&, size_t) {
  std::fprintf(stderr, "inproc: api=asio needs //runtime\n");
  std::exit(2);
}

}  // namespace corelane::bench
