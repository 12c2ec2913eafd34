#include "driver/capture.h"

#include <algorithm>
#include <array>

namespace corelane::driver {

size_t CaptureQueue::ReceiveBurst(Instant now, std::span<PacketBuf> out) {
  const size_t n = inner().ReceiveBurst(now, out);
  for (size_t i = 0; i < n; ++i) buffer_.Add(now, *out[i].head());
  buffer_.FlushIfLarge();
  return n;
}

size_t CaptureQueue::TransmitBurst(Instant now, std::span<PacketBuf> in) {
  // A taken packet's bytes are out of reach, so all are added first and what stayed is taken back.
  constexpr size_t kChunk = 64;
  std::array<PcapBuffer::Mark, kChunk> before;
  size_t taken = 0;
  while (taken < in.size()) {
    const std::span<PacketBuf> chunk = in.subspan(taken, std::min(kChunk, in.size() - taken));
    for (size_t i = 0; i < chunk.size(); ++i) {
      before[i] = buffer_.mark();
      buffer_.Add(now, *chunk[i].head());
    }
    const size_t n = inner().TransmitBurst(now, chunk);
    taken += n;
    if (n < chunk.size()) {
      buffer_.TakeBack(before[n]);
      break;
    }
    buffer_.FlushIfLarge();
  }
  return taken;
}

std::optional<WakeSource> CaptureQueue::ArmWake() {
  const std::optional<WakeSource> wake = inner().ArmWake();
  if (wake.has_value()) buffer_.Flush();
  return wake;
}

absl::StatusOr<std::unique_ptr<CaptureDevice>> CaptureTo(std::unique_ptr<Device> inner,
                                                         const std::string& path,
                                                         Duration wall_offset) {
  absl::StatusOr<std::shared_ptr<PcapFile>> file = PcapFile::Create(path);
  if (!file.ok()) return file.status();
  return std::make_unique<CaptureDevice>(std::move(inner), [&](DeviceQueue& queue, size_t) {
    return std::make_unique<CaptureQueue>(queue, *file, wall_offset);
  });
}

}  // namespace corelane::driver
