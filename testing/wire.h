// Wire: one stack, and a test that plays everybody else by hand-built frames, in virtual time.
//
//   Wire wire;                                                    // the stack is 10.0.0.1, fd00::1
//   wire.Listen(80);
//   wire.Inject(wire.Tcp(4000, 80).Flags(kSyn).Seq(100));         // from 10.0.0.2
//   EXPECT_THAT(wire.Next(), IsTcp(Flags(kSyn | kAck), Ack(101)));
//   EXPECT_TRUE(wire.Silent());
//
// Packets take no time; only Advance() moves the clock.

#ifndef CORELANE_TESTING_WIRE_H_
#define CORELANE_TESTING_WIRE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "core/packet.h"
#include "core/time.h"
#include "driver/device.h"
#include "ip/drop_reason.h"
#include "stack/stack.h"
#include "testing/segment_builder.h"

namespace corelane::testing {

// A device whose far end is a pair of queues of frames. Packets of too many segments are counted in
// stats().tx_dropped.
class WireDevice final : public driver::Device, public driver::DeviceQueue {
 public:
  explicit WireDevice(uint16_t mtu = 1500, uint16_t max_tx_segments = 64,
                      size_t pool_packets = 4096);

  const driver::DeviceInfo& info() const override { return info_; }
  driver::DeviceQueue& queue(size_t) override { return *this; }
  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override;
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override;
  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_.AllocateBurst(out); }
  std::optional<driver::WakeSource> ArmWake() override { return driver::WakeSource{}; }
  const driver::QueueStats& stats() const override { return stats_; }

  std::deque<Bytes> to_stack;
  std::deque<Bytes> from_stack;
  bool blocked = false;  // TransmitBurst takes nothing
  const PacketPool* pool() const override { return &pool_; }

 private:
  PacketPool pool_;
  driver::DeviceInfo info_;
  driver::QueueStats stats_;
};

struct WireOptions {
  WireOptions() {}

  bool v6 = false;              // which family Tcp() and the addresses speak
  bool static_neighbor = true;  // the peer's MAC address is configured; false: it is asked for
  uint16_t mtu = 1500;
  uint16_t max_tx_segments = 64;  // of a packet that the device gathers
  size_t pool_packets = 4096;     // of the device
  std::optional<Vlan> vlan;       // of the stack's interface; the test puts tags in its frames
  stack::StackOptions stack;
};

class Wire {
 public:
  explicit Wire(const WireOptions& options = WireOptions());
  ~Wire();

  stack::Stack& stack() { return *stack_; }
  WireDevice& device() { return device_; }
  Instant now() const { return clock_.Now(); }

  // The stack's side and the test's side.
  IpAddress address() const { return v6_ ? address_v6() : address_v4(); }
  IpAddress peer() const { return v6_ ? peer_v6() : peer_v4(); }
  static IpAddress address_v4() { return Ipv4Address(10, 0, 0, 1); }
  static IpAddress peer_v4() { return Ipv4Address(10, 0, 0, 2); }
  static IpAddress address_v6() { return Ipv6Address(0xfd00'0000'0000'0000, 1); }
  static IpAddress peer_v6() { return Ipv6Address(0xfd00'0000'0000'0000, 2); }
  MacAddress mac() const { return device_.info().mac; }
  static MacAddress peer_mac() { return MacAddress(2, 0, 0, 0, 0, 2); }
  // From the peer to the stack.
  Route route() const { return {peer_mac(), mac(), peer(), address()}; }
  Route route_v4() const { return {peer_mac(), mac(), peer_v4(), address_v4()}; }
  Route route_v6() const { return {peer_mac(), mac(), peer_v6(), address_v6()}; }
  testing::Tcp Tcp(uint16_t peer_port, uint16_t port) const {
    return testing::Tcp(route(), peer_port, port);
  }

  // Hands a frame to the stack and lets it answer.
  void Inject(Bytes frame);
  // Several in one burst.
  void InjectAll(const std::vector<Bytes>& frames);
  // The oldest frame that the stack sent and nobody looked at yet; empty: none.
  Bytes Next();
  // Nothing was sent since.
  bool Silent() const { return device_.from_stack.empty(); }
  void Discard() { device_.from_stack.clear(); }
  // Runs the stack through the next `d` of time, timer by timer.
  void Advance(Duration d);
  // Turns until nothing is to do at this instant.
  void Settle();

  stack::TcpListener* Listen(uint16_t port, size_t backlog = 16,
                             const tcp::Options* options = nullptr);
  // A connection that the peer opened by hand, past the handshake.
  struct Connection {
    stack::TcpSocket* socket = nullptr;
    uint32_t seq = 0;  // the peer's next sequence number
    uint32_t ack = 0;  // the stack's next
  };
  // From peer_port to a listener on `port`, which must exist; no options but MSS unless `syn` is
  // given.
  Connection Accept(stack::TcpListener& listener, uint16_t peer_port, uint32_t iss = 1000,
                    std::optional<testing::Tcp> syn = std::nullopt);

  uint64_t drops(ip::DropReason reason) { return stack_->network().drops().value(reason); }

 private:
  bool v6_;
  ManualClock clock_;
  WireDevice device_;
  std::unique_ptr<stack::Stack> stack_;
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_WIRE_H_
