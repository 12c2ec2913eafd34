// inproc: two stacks on one thread, joined by real Ethernet frames.

#ifndef CORELANE_BENCH_INPROC_H_
#define CORELANE_BENCH_INPROC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/time.h"
#include "driver/device.h"
#include "stack/stack.h"

namespace corelane::bench {

struct InprocOptions {
  std::string mode;  // bulk, rr, crr
  double secs = 1;
  size_t size = 64;
  size_t conns = 1;
  size_t lanes = 1;
  uint16_t mtu = 1500;
  bool csum = true;
  bool copy = true;
  std::string device = "ring";
  std::string api = "poll";
  size_t batch = 32;
};

struct InprocResult {
  uint64_t bytes = 0;
  uint64_t transactions = 0;
  uint64_t frames_fwd = 0;
  uint64_t frames_back = 0;
  uint64_t allocs = 0;
  uint64_t errors = 0;
  double seconds = 0;
};

// The two devices and stacks of one lane. End 0 is the client, which sends.
class Lane {
 public:
  Lane(const InprocOptions& options, size_t index, Instant now);
  ~Lane();
  stack::Stack& client() { return *stacks_[0]; }
  stack::Stack& server() { return *stacks_[1]; }
  Endpoint server_endpoint() const;
  uint64_t frames(int end) const;

 private:
  std::unique_ptr<driver::Device> devices_[2];
  std::unique_ptr<stack::Stack> stacks_[2];
};

// The bytes that bulk sends: At(n) begins kPeriod bytes that stand for stream positions n, n+1, ...
class BulkPattern {
 public:
  static constexpr size_t kPeriod = 65521;
  BulkPattern();
  const uint8_t* At(uint64_t position) const { return bytes_.data() + position % kPeriod; }

 private:
  std::vector<uint8_t> bytes_;
};

InprocResult RunPoll(const InprocOptions& options, size_t lane);
InprocResult RunAsio(const InprocOptions& options, size_t lane);

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_INPROC_H_
