// Trace: one line of text for every packet that crosses a device. For people who look for a fault;
// it formats and allocates, so it has no place in a measurement.
//
//   1.000250000 q0 rx 74 02:00:00:00:00:01 > 02:00:00:00:00:02 IPv4 10.0.0.1 > 10.0.0.2 TCP
//   40000 > 80 [S] seq 1 ack 0 win 64240 len 0                                  (one line)

#ifndef CORELANE_DRIVER_TRACE_H_
#define CORELANE_DRIVER_TRACE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "driver/decorator.h"
#include "driver/device.h"

namespace corelane::driver {

// Called on the queue's thread; the line has no line end and is gone after the call.
using TraceSink = std::function<void(std::string_view line)>;

// What an Ethernet frame holds, in one line. Any bytes are fine.
std::string DescribeFrame(std::span<const uint8_t> frame);

class TraceQueue final : public QueueDecorator {
 public:
  TraceQueue(DeviceQueue& inner, size_t index, TraceSink sink);

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override;
  // A line for every packet that is taken.
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override;

 private:
  std::string Line(Instant now, std::string_view direction, const PacketBuf& packet) const;

  size_t index_;
  TraceSink sink_;
};

using TraceDevice = DecoratedDevice<TraceQueue>;

// The sink is called by every queue, on the queue's thread.
std::unique_ptr<TraceDevice> TraceTo(std::unique_ptr<Device> inner, const TraceSink& sink);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_TRACE_H_
