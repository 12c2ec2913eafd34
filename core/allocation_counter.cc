#include "core/allocation_counter.h"

#include <cerrno>
#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define CORELANE_SANITIZER_ALLOCATOR 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CORELANE_SANITIZER_ALLOCATOR 1
#endif

namespace {

// Initial-exec: reaching it must not itself allocate.
[[gnu::tls_model("initial-exec")]] thread_local uint64_t allocations = 0;

}  // namespace

namespace corelane {

uint64_t AllocationsOnThisThread() { return allocations; }

#ifdef CORELANE_SANITIZER_ALLOCATOR
bool AllocationCounterActive() { return false; }
#else
bool AllocationCounterActive() { return true; }
#endif

}  // namespace corelane

#ifndef CORELANE_SANITIZER_ALLOCATOR

// glibc's own allocator under the names that stay when malloc is replaced ("Replacing malloc" in
// its manual); free() remains glibc's.
extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

static void* Counted(void* memory) {
  allocations += memory != nullptr ? 1 : 0;
  return memory;
}

[[gnu::used]] void* malloc(size_t size) noexcept { return Counted(__libc_malloc(size)); }

[[gnu::used]] void* calloc(size_t count, size_t size) noexcept {
  return Counted(__libc_calloc(count, size));
}

[[gnu::used]] void* realloc(void* memory, size_t size) noexcept {
  return Counted(__libc_realloc(memory, size));
}

[[gnu::used]] void* memalign(size_t alignment, size_t size) noexcept {
  return Counted(__libc_memalign(alignment, size));
}

[[gnu::used]] void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return Counted(__libc_memalign(alignment, size));
}

[[gnu::used]] int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  if (alignment % sizeof(void*) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
    return EINVAL;
  void* result = Counted(__libc_memalign(alignment, size));
  if (result == nullptr) return ENOMEM;
  *memory = result;
  return 0;
}

}  // extern "C"

#endif  // CORELANE_SANITIZER_ALLOCATOR
