// Whatever our request parser accepts, llhttp reads in the same way.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/h1/differential.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string difference = corelane::http::testing::CompareWithOracle(bytes);
  if (!difference.empty()) std::fputs(difference.c_str(), stderr);
  CL_CHECK(difference.empty());
  return 0;
}
