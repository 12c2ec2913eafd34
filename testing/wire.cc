#include "testing/wire.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "driver/frame.h"
#include "testing/segment_matchers.h"

namespace corelane::testing {

using std::chrono::microseconds;
using std::chrono::milliseconds;

WireDevice::WireDevice(uint16_t mtu, uint16_t max_tx_segments, size_t pool_packets)
    : pool_(pool_packets, PacketPool::kDefaultHeadroom + mtu + 64) {
  info_.name = "wire";
  info_.mac = MacAddress(2, 0, 0, 0, 0, 1);
  info_.mtu = mtu;
  info_.capabilities.max_tx_segments = max_tx_segments;
}

size_t WireDevice::ReceiveBurst(Instant, std::span<PacketBuf> out) {
  size_t n = 0;
  while (n < out.size() && !to_stack.empty()) {
    PacketBuf packet = driver::PacketFromBytes(to_stack.front(), pool_);
    if (!packet) {
      ++stats_.rx_dropped;
    } else {
      ++stats_.rx_packets;
      stats_.rx_bytes += packet.packet_size();
      out[n++] = std::move(packet);
    }
    to_stack.pop_front();
  }
  return n;
}

size_t WireDevice::TransmitBurst(Instant, std::span<PacketBuf> in) {
  if (blocked) {
    ++stats_.tx_full;
    return 0;
  }
  for (PacketBuf& packet : in) {
    if (packet.segments() > info_.capabilities.max_tx_segments) {
      ++stats_.tx_dropped;
      packet.Reset();
      continue;
    }
    Bytes frame(packet.packet_size());
    packet.CopyOut(0, frame);
    packet.Reset();
    ++stats_.tx_packets;
    stats_.tx_bytes += frame.size();
    from_stack.push_back(std::move(frame));
  }
  return in.size();
}

Wire::Wire(const WireOptions& options)
    : v6_(options.v6),
      device_(options.mtu, options.max_tx_segments, options.pool_packets),
      stack_(std::make_unique<stack::Stack>(options.stack, clock_.Now())) {
  stack::InterfaceOptions interface;
  interface.addresses = {{address_v4(), 24}, {address_v6(), 64}};
  interface.vlan = options.vlan;
  if (options.static_neighbor) {
    interface.neighbors = {{peer_v4(), peer_mac()}, {peer_v6(), peer_mac()}};
  }
  CL_CHECK(stack_->AddInterface(device_, device_.info(), interface).ok());
}

Wire::~Wire() { stack_.reset(); }

void Wire::Settle() {
  // A blocked device keeps output pending for ever.
  for (int turn = 0; turn < 10000; ++turn) {
    const bool busy = stack_->Poll(clock_.Now());
    if (!busy && device_.to_stack.empty()) return;
  }
}

void Wire::Inject(Bytes frame) {
  device_.to_stack.push_back(std::move(frame));
  Settle();
}

void Wire::InjectAll(const std::vector<Bytes>& frames) {
  device_.to_stack.insert(device_.to_stack.end(), frames.begin(), frames.end());
  Settle();
}

Bytes Wire::Next() {
  if (device_.from_stack.empty()) return {};
  Bytes frame = std::move(device_.from_stack.front());
  device_.from_stack.pop_front();
  return frame;
}

void Wire::Advance(Duration d) {
  const Instant end = clock_.Now() + d;
  Settle();
  while (clock_.Now() < end) {
    // Output that a blocked device does not take is due all the time.
    const Duration retry = device_.blocked ? milliseconds(10) : microseconds(10);
    const Instant next = std::max(stack_->NextDeadline(), clock_.Now() + retry);
    clock_.AdvanceTo(std::min(next, end));
    Settle();
  }
}

stack::TcpListener* Wire::Listen(uint16_t port, size_t backlog, const tcp::Options* options) {
  stack::TcpSetupError error;
  stack::TcpListener* const listener =
      stack_->tcp().Listen({address(), port}, backlog, error, options);
  CL_CHECK(listener != nullptr);
  return listener;
}

Wire::Connection Wire::Accept(stack::TcpListener& listener, uint16_t peer_port, uint32_t iss,
                              std::optional<testing::Tcp> syn) {
  Settle();
  Discard();
  testing::Tcp opening = syn.value_or(Tcp(peer_port, listener.local().port).Mss(1460));
  Inject(opening.Flags(tcp::kSyn).Seq(iss));
  const ParsedFrame answer = ParseFrame(Next());
  CL_CHECK(answer.problem.empty() && answer.is_tcp() && answer.tcp.syn() && answer.tcp.has_ack());
  Connection c;
  c.seq = iss + 1;
  c.ack = answer.tcp.seq.value() + 1;
  testing::Tcp last = Tcp(peer_port, listener.local().port).Seq(c.seq).Ack(c.ack);
  if (answer.tcp.has_timestamps) {
    last.Timestamps(answer.tcp.timestamps.echo + 1, answer.tcp.timestamps.value);
  }
  Inject(last);
  c.socket = listener.Accept();
  CL_CHECK(c.socket != nullptr);
  Discard();
  return c;
}

}  // namespace corelane::testing
