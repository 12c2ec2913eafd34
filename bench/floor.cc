// The machine's floor for what inproc does: the sender copies (and sums) the bytes of each frame,
// the receiver sums them, copies them out and compares them, on hot memory and without any
// protocol. A stack that works on the same bytes cannot be faster on this machine.

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "bench/options.h"
#include "bench/pattern.h"
#include "core/allocation_counter.h"
#include "core/checksum.h"
#include "core/time.h"

namespace corelane::bench {
namespace {

// Headers of IPv4 and TCP with timestamps.
constexpr size_t kHeaders = 52;

class Floor {
 public:
  explicit Floor(const Options& options)
      : options_(options),
        payload_(options.mtu - kHeaders),
        out_(pattern_),
        in_(pattern_),
        frames_(options.batch, std::vector<uint8_t>(payload_)),
        sums_(options.batch),
        buffer_(payload_) {}

  Result Run();

 private:
  void Bulk();
  void Transaction();
  // One direction of one message.
  void Message(Cursor& out, Cursor& in, uint64_t& frames);
  void Send(Cursor& out, size_t slot, size_t n);
  void Receive(Cursor& in, size_t slot, size_t n);
  void Spin(Clock& clock, Instant end);

  const Options options_;
  const size_t payload_;
  Pattern pattern_;
  Cursor out_;
  Cursor in_;
  std::vector<std::vector<uint8_t>> frames_;
  std::vector<Sum16> sums_;
  std::vector<uint8_t> buffer_;
  Result counted_;
};

void Floor::Send(Cursor& out, size_t slot, size_t n) {
  const std::span<const uint8_t> from = out.Next(n);
  if (options_.csum) {
    sums_[slot] = CopyAndSum(frames_[slot].data(), from);
  } else {
    std::memcpy(frames_[slot].data(), from.data(), n);
  }
  out.Advance(n);
}

void Floor::Receive(Cursor& in, size_t slot, size_t n) {
  std::span<const uint8_t> bytes(frames_[slot].data(), n);
  if (options_.csum && SumBytes(bytes).raw() != sums_[slot].raw()) ++counted_.errors;
  if (options_.copy) {
    std::memcpy(buffer_.data(), bytes.data(), n);
    bytes = {buffer_.data(), n};
  }
  if (!in.Take(bytes)) ++counted_.errors;
  counted_.bytes += n;
}

void Floor::Bulk() {
  for (size_t i = 0; i < options_.batch; ++i) Send(out_, i, payload_);
  for (size_t i = 0; i < options_.batch; ++i) Receive(in_, i, payload_);
  counted_.frames_fwd += options_.batch;
}

void Floor::Message(Cursor& out, Cursor& in, uint64_t& frames) {
  for (size_t left = options_.size; left > 0;) {
    const size_t n = std::min(left, payload_);
    Send(out, 0, n);
    Receive(in, 0, n);
    left -= n;
    ++frames;
  }
}

void Floor::Transaction() {
  Message(out_, in_, counted_.frames_fwd);
  Message(out_, in_, counted_.frames_back);
  ++counted_.transactions;
}

void Floor::Spin(Clock& clock, Instant end) {
  while (clock.Now() < end) {
    for (int i = 0; i < 16; ++i) options_.bulk() ? Bulk() : Transaction();
  }
}

Result Floor::Run() {
  RealClock clock;
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
  };
  Spin(clock, clock.Now() + seconds(std::min(0.2, options_.secs * 0.5)));
  counted_ = Result();
  const uint64_t allocs = AllocationsOnThisThread();
  const double cpu = ThreadCpuSeconds();
  const Instant begin = clock.Now();
  Spin(clock, begin + seconds(options_.secs));
  counted_.seconds = std::chrono::duration<double>(clock.Now() - begin).count();
  counted_.cpu_seconds = ThreadCpuSeconds() - cpu;
  counted_.allocs = AllocationsOnThisThread() - allocs;
  return counted_;
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) {
  using namespace corelane::bench;
  Options options;
  if (const std::optional<int> status = ParseOptions(Program::kFloor, argc, argv, options)) {
    return *status;
  }
  return PrintResult(Program::kFloor, options, Floor(options).Run());
}
