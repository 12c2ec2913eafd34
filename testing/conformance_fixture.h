// What the conformance tests of a whole stack share: one Wire for each family of addresses.

#ifndef CORELANE_TESTING_CONFORMANCE_FIXTURE_H_
#define CORELANE_TESTING_CONFORMANCE_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "testing/segment_matchers.h"
#include "testing/wire.h"

namespace corelane::testing {

// The parameter: whether the family is IPv6.
class ConformanceTest : public ::testing::TestWithParam<bool> {
 protected:
  explicit ConformanceTest(WireOptions options = WireOptions()) : wire_(ForFamily(options)) {}

  static bool v6() { return GetParam(); }
  static WireOptions ForFamily(WireOptions options) {
    options.v6 = v6();
    return options;
  }
  uint64_t drops(ip::DropReason reason) { return wire_.drops(reason); }
  // Everything that the stack sent since, oldest first.
  std::vector<Bytes> Sent() {
    std::vector<Bytes> frames;
    while (!wire_.Silent()) frames.push_back(wire_.Next());
    return frames;
  }

  Wire wire_;
};

inline std::string FamilyName(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "v6" : "v4";
}

#define CORELANE_BOTH_FAMILIES(suite) \
  INSTANTIATE_TEST_SUITE_P(Families, suite, ::testing::Bool(), FamilyName)

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_CONFORMANCE_FIXTURE_H_
