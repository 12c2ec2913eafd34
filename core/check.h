// CHECK, DCHECK and UNREACHABLE.
//
// CHECK guards what is built once (configuration, construction): it is always on. DCHECK guards the
// data path: it is on unless NDEBUG. Neither may ever be reachable by bytes from the wire: those
// are dropped and counted.

#ifndef CORELANE_CORE_CHECK_H_
#define CORELANE_CORE_CHECK_H_

namespace corelane::internal {

// Prints "FILE:LINE: check failed: EXPRESSION" to stderr and aborts.
[[noreturn, gnu::cold]] void CheckFailed(const char* file, int line, const char* expression);

}  // namespace corelane::internal

#define CL_CHECK(condition)           \
  (__builtin_expect(!!(condition), 1) \
       ? static_cast<void>(0)         \
       : ::corelane::internal::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define CL_DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#else
#define CL_DCHECK(condition) CL_CHECK(condition)
#endif

#define CL_UNREACHABLE() ::corelane::internal::CheckFailed(__FILE__, __LINE__, "unreachable")

#endif  // CORELANE_CORE_CHECK_H_
