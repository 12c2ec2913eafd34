// Counts heap allocations, so that tests and benchmarks can assert that a path makes none.
//
//   const uint64_t before = AllocationsOnThisThread();
//   path.Run();
//   if (AllocationCounterActive()) EXPECT_EQ(AllocationsOnThisThread(), before);
//
// A program that links this target has its malloc, calloc, realloc, aligned_alloc, memalign and
// posix_memalign, and so operator new, counted. For tests and benchmarks only.

#ifndef CORELANE_CORE_ALLOCATION_COUNTER_H_
#define CORELANE_CORE_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace corelane {

// False under a sanitizer, which brings its own allocator: then nothing is counted.
bool AllocationCounterActive();

// Successful allocations of this thread since it began; a reallocation counts as one.
uint64_t AllocationsOnThisThread();

}  // namespace corelane

#endif  // CORELANE_CORE_ALLOCATION_COUNTER_H_
