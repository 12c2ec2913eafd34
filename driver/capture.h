// Capture: writes what crosses a device to a pcap file.
//
//   auto captured = CaptureTo(std::move(device), "wire.pcap", wall_offset);
//
// Packets are written as the device is given them and gives them: one that leaves a checksum or the
// cutting into frames to the device is written so. Records are buffered per queue and written when
// there are many, before the queue's thread sleeps, on Flush(), and at the end.

#ifndef CORELANE_DRIVER_CAPTURE_H_
#define CORELANE_DRIVER_CAPTURE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "driver/decorator.h"
#include "driver/device.h"
#include "driver/pcap_file.h"

namespace corelane::driver {

class CaptureQueue final : public QueueDecorator {
 public:
  CaptureQueue(DeviceQueue& inner, std::shared_ptr<PcapFile> file, Duration wall_offset)
      : QueueDecorator(inner), buffer_(std::move(file), wall_offset) {}

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override;
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override;
  std::optional<WakeSource> ArmWake() override;

  // On the queue's thread: writes what is buffered.
  void Flush() { buffer_.Flush(); }
  // Packets that are missing in the file because it could not be written.
  uint64_t lost() const { return buffer_.lost(); }

 private:
  PcapBuffer buffer_;
};

using CaptureDevice = DecoratedDevice<CaptureQueue>;

// `wall_offset` added to an Instant's time gives the time since 1970.
absl::StatusOr<std::unique_ptr<CaptureDevice>> CaptureTo(std::unique_ptr<Device> inner,
                                                         const std::string& path,
                                                         Duration wall_offset = Duration(0));

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_CAPTURE_H_
