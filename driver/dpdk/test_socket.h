// A name for a Unix socket that no other test has: short, as those must be, and gone afterwards.

#ifndef CORELANE_DRIVER_DPDK_TEST_SOCKET_H_
#define CORELANE_DRIVER_DPDK_TEST_SOCKET_H_

#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace corelane::driver::dpdk {

class TestSocket {
 public:
  TestSocket() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  TestSocket(const TestSocket&) = delete;
  TestSocket& operator=(const TestSocket&) = delete;
  ~TestSocket() {
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }

  std::string path() const { return folder_ + "/s"; }

 private:
  std::string folder_ = "/tmp/corelane-XXXXXX";
};

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_TEST_SOCKET_H_
