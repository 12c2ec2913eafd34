// SimCapture: the last frames of a simulation, kept in memory, written as a pcap when wanted.

#ifndef CORELANE_TESTING_SIM_CAPTURE_H_
#define CORELANE_TESTING_SIM_CAPTURE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/time.h"
#include "testing/segment_builder.h"

namespace corelane::testing {

class SimCapture {
 public:
  // Keeps the last `frames` frames.
  explicit SimCapture(size_t frames) : records_(frames) {}

  void Add(Instant at, std::span<const uint8_t> frame);
  size_t size() const { return count_; }
  // In order of time; errors name the path and the reason.
  absl::Status Write(const std::string& path) const;

 private:
  struct Record {
    Instant at;
    Bytes frame;
  };

  std::vector<Record> records_;
  size_t next_ = 0;
  size_t count_ = 0;
};

// Where tests leave files for people: Bazel's undeclared outputs, or a temporary directory.
std::string TestOutputPath(const std::string& name);

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_SIM_CAPTURE_H_
