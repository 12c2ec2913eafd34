#include "runtime/resolver/services.h"

#include <gtest/gtest.h>

namespace corelane::dns {
namespace {

TEST(FindService, KnowsNamesAndPorts) {
  EXPECT_EQ(FindService("http"), 80);
  EXPECT_EQ(FindService("https"), 443);
  EXPECT_EQ(FindService("domain"), 53);
  EXPECT_EQ(FindService("8443"), 8443);
  EXPECT_EQ(FindService("65535"), 65535);
  EXPECT_EQ(FindService(""), 0);
}

TEST(FindService, RefusesTheRest) {
  for (const char* service : {"65536", "-1", "80 ", " 80", "+80", "0x50", "htttp", "HTTP"}) {
    EXPECT_FALSE(FindService(service)) << service;
  }
}

TEST(ParsePort, TakesNoNames) { EXPECT_FALSE(ParsePort("http")); }

}  // namespace
}  // namespace corelane::dns
