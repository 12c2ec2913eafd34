// What a program takes from the machine it runs on.

#ifndef CORELANE_RUNTIME_SYSTEM_H_
#define CORELANE_RUNTIME_SYSTEM_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace corelane::runtime {

// 64 bits of the kernel's randomness, for stack::StackOptions::seed.
uint64_t RandomSeed();

// Binds the calling thread to one CPU.
absl::Status PinThisThread(size_t cpu);

// Threads of this process.
size_t ThreadCount();

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_SYSTEM_H_
