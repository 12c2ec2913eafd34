// Stack: a whole TCP/IP stack for one core, sans-IO: it has no clock, no thread and no Asio.
//
//   stack::Stack stack(options, now);
//   stack.AddInterface(device.queue(0), device.info(), interface_options);
//   for (;;) {
//     stack.Poll(now);                                          // one turn
//     while (TcpSocket* s = stack.tcp().NextReady()) ...        // what happened
//   }
//
// Poll() is Receive() and Transmit(); a caller that reacts to what arrived within the same turn, so
// that its answer carries the acknowledgement, calls the two with its handlers in between.
// examples/poll.cc is a whole program.
//
// Ownership: device queues outlive the stack; sockets belong to it. Threading: one core.

#ifndef CORELANE_STACK_STACK_H_
#define CORELANE_STACK_STACK_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/counter.h"
#include "core/random.h"
#include "driver/device.h"
#include "stack/config.h"
#include "stack/network.h"
#include "stack/tcp_layer.h"
#include "stack/udp_layer.h"

namespace corelane::stack {

class Stack : private TransportSink {
 public:
  // lane: of a group of several cores; it outlives the stack.
  Stack(const StackOptions& options, Instant now, Lane* lane = nullptr);
  ~Stack() override;
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // The queue outlives the stack. Errors name the setting, the value and what would be right.
  absl::Status AddInterface(driver::DeviceQueue& queue, const driver::DeviceInfo& info,
                            const InterfaceOptions& options = InterfaceOptions());

  // --- the turn ---
  // One burst from each interface, and the timers that are due. Returns how many packets were
  // received.
  size_t Receive(Instant now);
  // Lets the sockets that owe something send, and hands frames to the devices without waiting for
  // them. Returns how many frames the devices took.
  size_t Transmit(Instant now);
  // Both. False: there was nothing to do.
  bool Poll(Instant now);
  // When Poll() is due at the latest, if no packet arrives and no socket is used: now or earlier
  // while output is pending.
  Instant NextDeadline() const;
  // What wakes the stack beside its devices: as driver::DeviceQueue::ArmWake().
  std::optional<driver::WakeSource> ArmWake();
  // Output that waits for a turn or for the device.
  bool HasOutput() const;

  TcpLayer& tcp() { return tcp_; }
  UdpLayer& udp() { return udp_; }
  Network& network() { return network_; }
  const StackOptions& options() const { return options_; }
  Instant now() const { return now_; }
  uint64_t turns() const { return turns_.value(); }

 private:
  static constexpr size_t kMaxBatch = 256;

  ip::DropReason OnUdp(PacketBuf& packet, const ip::IpIngress& ip, ip::DestinationKind kind,
                       Instant now) override;
  void OnIcmpError(const ip::IcmpErrorReport& report, Instant now) override;
  void OnUnreachable(const PacketBuf& packet, Instant now) override;
  bool HasUdpFlow(const tcp::FourTuple& tuple) const override { return udp_.HasFlow(tuple); }
  size_t ReceiveFrom(Interface& interface, Instant now);

  StackOptions options_;
  Random random_;
  Instant now_;
  Counter turns_;
  Network network_;
  TcpLayer tcp_;
  UdpLayer udp_;
  std::array<PacketBuf, kMaxBatch> burst_;  // empty between turns
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_STACK_H_
