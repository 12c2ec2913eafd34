// The conformance suite: what every Device must do, told through its public calls.
//
// A test of a plugin or decorator links this library and instantiates the suite with a fixture that
// knows how to make the device and its peer, the other end of its wire:
//
//   INSTANTIATE_TEST_SUITE_P(Ring, DeviceConformance,
//       ::testing::Values(ConformanceCase{"local", &MakeLocalRing}), ConformanceName());

#ifndef CORELANE_DRIVER_CONFORMANCE_H_
#define CORELANE_DRIVER_CONFORMANCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/packet.h"
#include "core/time.h"
#include "driver/device.h"
#include "gtest/gtest.h"

namespace corelane::driver {

using Frame = std::vector<uint8_t>;

// A frame of `size` bytes (at least 18) with an EtherType for experiments, a number and a pattern
// that depends on both.
Frame MakeFrame(uint32_t number, size_t size);
// The bytes of all segments.
Frame FrameOf(const PacketBuf& packet);

// "NUMBER:SIZE:HASH" of each frame: what tests compare, so that a difference can be read.
std::vector<std::string> Summary(const std::vector<Frame>& frames);

// What a test asks of a fixture.
struct ConformanceOptions {
  uint32_t depth = 64;          // frames that the wire holds, where it has such a bound
  uint32_t pool_packets = 512;  // of each queue
};

// The device under test and its peer.
class DeviceFixture {
 public:
  virtual ~DeviceFixture() = default;
  virtual Device& device() = 0;
  // The peer puts a frame on the wire. False: there is no room for now.
  virtual bool PeerSend(const Frame& frame) = 0;
  // The next frame that the device has sent.
  virtual std::optional<Frame> PeerReceive() = 0;
  virtual void DestroyDevice() = 0;
  virtual void DestroyPeer() = 0;

  // --- what differs between devices ---
  // The peer can send while the device is open; otherwise only before its first use.
  virtual bool live() const { return true; }
  // TransmitBurst can refuse for now.
  virtual bool can_be_full() const { return true; }
  // What the device sends reaches the peer; otherwise it is gone.
  virtual bool delivers() const { return true; }
  // The device receives what the peer sends; otherwise never anything.
  virtual bool hears() const { return true; }
  // What the peer sent before it went is still received.
  virtual bool outlives_peer() const { return true; }
  // Frames come in the device's own packets, so that an empty pool stops reception.
  virtual bool receives_into_pool() const { return true; }
  // ReceiveBurst calls at this time and after find everything that was sent before.
  virtual Instant now() const { return Instant{std::chrono::seconds(1)}; }
};

// A fixture whose peer is a device as well.
class PeerDeviceFixture : public DeviceFixture {
 public:
  PeerDeviceFixture(std::unique_ptr<Device> device, std::unique_ptr<Device> peer)
      : device_(std::move(device)), peer_(std::move(peer)) {}

  Device& device() override { return *device_; }
  bool PeerSend(const Frame& frame) override;
  std::optional<Frame> PeerReceive() override;
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override { peer_.reset(); }

 private:
  std::unique_ptr<Device> device_;
  std::unique_ptr<Device> peer_;
};

struct ConformanceCase {
  std::string name;
  std::function<std::unique_ptr<DeviceFixture>(const ConformanceOptions&)> make;
};

struct ConformanceName {
  std::string operator()(const ::testing::TestParamInfo<ConformanceCase>& info) const {
    return info.param.name;
  }
};

inline void PrintTo(const ConformanceCase& value, std::ostream* out) { *out << value.name; }

class DeviceConformance : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  void Make(const ConformanceOptions& options = {}) { fixture_ = GetParam().make(options); }
  DeviceQueue& queue() { return fixture_->device().queue(0); }

  // A packet of the device with the bytes of `frame` in one segment.
  PacketBuf Packet(const Frame& frame);
  // Sends one packet, which the device must take.
  void Send(const Frame& frame);
  // All that the device has received, without frames that are not from MakeFrame(). Waits until
  // there are as many as expected, for ten seconds at most.
  std::vector<Frame> ReceiveAll(size_t expected = 0);
  // All that the device has sent; moves on what the device holds back.
  std::vector<Frame> PeerReceiveAll();
  // The peer sends, which must succeed. Does nothing for a device that hears nobody.
  void PeerSendAll(const std::vector<Frame>& frames);
  // The peer has received these, and no others.
  void ExpectDelivered(const std::vector<Frame>& frames);
  // Of what the peer has sent, what the device is to receive.
  std::vector<std::string> Heard(const std::vector<Frame>& frames) const;

  std::unique_ptr<DeviceFixture> fixture_;
};

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_CONFORMANCE_H_
