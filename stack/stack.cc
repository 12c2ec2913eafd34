#include "stack/stack.h"

#include <algorithm>
#include <utility>

#include "ip/protocol.h"

namespace corelane::stack {

Stack::Stack(const StackOptions& options, Instant now, Lane* lane)
    : options_(options),
      random_(options.seed),
      now_(now),
      network_(options_, random_, now),
      tcp_(options_, network_, random_, now),
      udp_(network_, random_) {
  options_.batch = std::clamp<size_t>(options_.batch, 1, kMaxBatch);
  network_.SetTransports(&tcp_, this);
  if (lane == nullptr) return;
  network_.JoinLane(*lane, now);
  if (network_.lane() != nullptr) udp_.JoinLane(*lane);
}

Stack::~Stack() = default;

std::optional<driver::WakeSource> Stack::ArmWake() {
  if (network_.lane() == nullptr) return driver::WakeSource{};
  return network_.lane()->ArmWake();
}

absl::Status Stack::AddInterface(driver::DeviceQueue& queue, const driver::DeviceInfo& info,
                                 const InterfaceOptions& options) {
  return network_.AddInterface(queue, info, options);
}

[[gnu::always_inline]] inline size_t Stack::ReceiveFrom(Interface& interface, Instant now) {
  const size_t n = interface.ReceiveBurst(now, std::span(burst_).first(options_.batch));
  if (n == 0) return 0;
  tcp_.set_merging(n > 1);
  if (n == 1) {
    network_.Input(interface, std::move(burst_[0]), now);
    return 1;
  }
  // A head two packets ahead of its bytes, so that none is waited for to find the other.
  for (size_t i = 0; i < std::min<size_t>(n, 4); ++i) __builtin_prefetch(burst_[i].head());
  for (size_t i = 0; i < n; ++i) {
    if (i + 4 < n) __builtin_prefetch(burst_[i + 4].head());
    if (i + 2 < n) {
      const PacketHead* const next = burst_[i + 2].head();
      __builtin_prefetch(next->data);
      if (next->next_segment != nullptr) __builtin_prefetch(next->next_segment);
    }
    network_.Input(interface, std::move(burst_[i]), now);
  }
  return n;
}

size_t Stack::Receive(Instant now) {
  now_ = now;
  tcp_.set_now(now);
  turns_.Increment(1);
  size_t received = 0;
  for (size_t i = 0; i < network_.interfaces(); ++i) {
    received += ReceiveFrom(network_.interface(i), now);
  }
  if (received > 0) tcp_.FlushMerged(now);
  if (network_.lane() != nullptr) received += network_.BeginLaneTurn(now);
  if (network_.MayBeDue(now)) network_.OnTimer(now);
  if (tcp_.MayBeDue(now)) tcp_.OnTimer(now);
  return received;
}

size_t Stack::Transmit(Instant now) {
  tcp_.Transmit(now);
  size_t sent = 0;
  for (size_t i = 0; i < network_.interfaces(); ++i) {
    Interface& interface = network_.interface(i);
    while (interface.pending() > 0) {
      const size_t taken = interface.Flush(now);
      sent += taken;
      if (taken == 0) break;
    }
  }
  if (network_.lane() != nullptr) network_.EndLaneTurn(now);
  return sent;
}

bool Stack::Poll(Instant now) {
  const size_t received = Receive(now);
  const size_t sent = Transmit(now);
  return received + sent > 0;
}

bool Stack::HasOutput() const {
  if (tcp_.HasDirty()) return true;
  for (size_t i = 0; i < network_.interfaces(); ++i) {
    if (const_cast<Network&>(network_).interface(i).pending() > 0) return true;
  }
  return false;
}

Instant Stack::NextDeadline() const {
  if (HasOutput()) return now_;
  const Lane* const lane = const_cast<Network&>(network_).lane();
  if (lane != nullptr && lane->HasInput()) return now_;
  Instant next = std::min(network_.NextDeadline(), tcp_.NextDeadline());
  for (size_t i = 0; i < network_.interfaces(); ++i) {
    next = std::min(next, const_cast<Network&>(network_).interface(i).queue().NextEvent());
  }
  return next;
}

ip::DropReason Stack::OnUdp(PacketBuf& packet, const ip::IpIngress& ip, ip::DestinationKind kind,
                            Instant) {
  return udp_.OnPacket(packet, ip, kind);
}

void Stack::OnIcmpError(const ip::IcmpErrorReport& report, Instant now) {
  if (report.protocol == ip::protocol::kTcp) {
    tcp_.OnIcmpError(report, now);
  } else if (report.protocol == ip::protocol::kUdp && udp_.OnIcmpError(report)) {
    if (report.kind == ip::IcmpErrorKind::kPacketTooBig) {
      network_.UpdatePathMtu(report.dst, report.mtu, report.quoted_length, now);
    }
  } else {
    network_.drops().Count(ip::DropReason::kIcmpNotForUs);
  }
}

void Stack::OnUnreachable(const PacketBuf& packet, Instant now) {
  // A packet of our own making: its headers are whole and ours.
  ip::IpIngress ip;
  const bool v4 = packet.data()[0] >> 4 == 4;
  const ip::DropReason bad = v4 ? ip::ParseIpv4(packet.bytes(), packet.packet_size(), true, ip)
                                : ip::ParseIpv6(packet.bytes(), packet.packet_size(), ip);
  if (bad != ip::DropReason::kNone || packet.size() < ip.header_length + 4u) return;
  const uint8_t* const ports = packet.data() + ip.header_length;
  if (ip.protocol == ip::protocol::kTcp) {
    tcp_.OnUnreachable({ip.src, ip.dst, LoadBe16(ports), LoadBe16(ports + 2)}, now);
  } else if (ip.protocol == ip::protocol::kUdp) {
    ip::IcmpErrorReport report;
    report.src = ip.src;
    report.dst = ip.dst;
    report.protocol = ip.protocol;
    report.has_ports = true;
    report.src_port = LoadBe16(ports);
    report.dst_port = LoadBe16(ports + 2);
    udp_.OnIcmpError(report);
  }
}

}  // namespace corelane::stack
