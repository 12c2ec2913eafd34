// What decorators are made of: a queue that passes everything on, to derive from, and a device that
// puts such queues around another device's.

#ifndef CORELANE_DRIVER_DECORATOR_H_
#define CORELANE_DRIVER_DECORATOR_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "driver/device.h"

namespace corelane::driver {

// Passes every call on. The inner queue must outlive it.
class QueueDecorator : public DeviceQueue {
 public:
  explicit QueueDecorator(DeviceQueue& inner) : inner_(inner) {}

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override {
    return inner_.ReceiveBurst(now, out);
  }
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override {
    return inner_.TransmitBurst(now, in);
  }
  size_t AllocateBurst(std::span<PacketBuf> out) override { return inner_.AllocateBurst(out); }
  Instant NextEvent() const override { return inner_.NextEvent(); }
  std::optional<WakeSource> ArmWake() override { return inner_.ArmWake(); }
  const QueueStats& stats() const override { return inner_.stats(); }
  const PacketPool* pool() const override { return inner_.pool(); }

 protected:
  DeviceQueue& inner() { return inner_; }
  const DeviceQueue& inner() const { return inner_; }

 private:
  DeviceQueue& inner_;
};

// A device with the inner one's description and a decorator around each of its queues.
template <typename Queue>
class DecoratedDevice : public Device {
 public:
  // make(inner_queue, index) gives a std::unique_ptr<Queue>.
  template <typename Make>
  DecoratedDevice(std::unique_ptr<Device> inner, Make&& make) : inner_(std::move(inner)) {
    for (size_t i = 0; i < inner_->info().queues; ++i) queues_.push_back(make(inner_->queue(i), i));
  }

  const DeviceInfo& info() const override { return inner_->info(); }
  DeviceQueue& queue(size_t index) override { return *queues_.at(index); }
  std::optional<RssInfo> rss() const override { return inner_->rss(); }
  bool SetRssTable(std::span<const uint16_t> table) override { return inner_->SetRssTable(table); }
  std::optional<LinkStatus> link() const override { return inner_->link(); }
  void ReadCounters(CounterSink& sink) const override { inner_->ReadCounters(sink); }
  Queue& decorator(size_t index) { return *queues_.at(index); }
  Device& inner() { return *inner_; }

 private:
  std::unique_ptr<Device> inner_;
  std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_DECORATOR_H_
