// Frames from anywhere into a stack with listeners and UDP sockets of both families.
//
// The input is a sequence of operations, each after a word of 16 bits:
//
//   0xxxxxxx xxxxxxxx   time passes: 1 ms << (the low byte & 15); bit 8: the applications act
//   first;
//                       bit 9 of the input's first word: the stack is on a VLAN, and frames without
//                       a tag get that network's
//   1mcnnnnn nnnnnnnn   a frame of n bytes follows; m: it is given our MAC address;
//                       c: its IPv4 header, TCP, UDP and ICMP checksums are made right
//
// What must hold: no check fails, every frame that leaves is well-formed, frames are counted once
// where they arrive, and when time has passed everything has been given back.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/check.h"
#include "testing/fuzz_input.h"
#include "testing/segment_matchers.h"
#include "testing/wire.h"

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr uint16_t kHttp = 80;
constexpr uint16_t kDns = 53;
constexpr size_t kSocketsAtMost = 8;
constexpr size_t kBlocks = 32;
constexpr Vlan kVlan{.id = 7, .priority = 3};

void Store(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

// What `protocol`'s checksum covers, its own field zeroed; null: it has none, or lies beyond.
uint8_t* ClearChecksum(uint8_t protocol, std::span<uint8_t> transport) {
  const size_t offset = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
  const bool known = protocol == 6 || protocol == 17 || protocol == 1 || protocol == 58;
  if (!known || transport.size() < offset + 2) return nullptr;
  Store(transport.data() + offset, 0);
  return transport.data() + offset;
}

// RFC 1071: the sum of `bytes` on top of `sum`, not folded.
uint32_t Add(std::span<const uint8_t> bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
  }
  return sum;
}
uint16_t Finish(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void FixIpv4(std::span<uint8_t> packet) {
  const size_t header = size_t{packet[0]} % 16 * 4;
  if (header < 20 || header > packet.size()) return;
  Store(&packet[10], 0);
  Store(&packet[10], Finish(Add(packet.first(header))));
  const size_t total = std::min<size_t>(packet[2] * 256u + packet[3], packet.size());
  if (total < header) return;
  const auto transport = packet.subspan(header, total - header);
  const uint8_t protocol = packet[9];
  uint8_t* const field = ClearChecksum(protocol, transport);
  if (field == nullptr) return;
  uint32_t sum = Add(transport);
  if (protocol != 1) {
    sum = Add(packet.subspan(12, 8), sum + protocol + static_cast<uint32_t>(transport.size()));
  }
  Store(field, Finish(sum));
}

// Without extension headers.
void FixIpv6(std::span<uint8_t> packet) {
  const size_t length = std::min<size_t>(packet[4] * 256u + packet[5], packet.size() - 40);
  const auto transport = packet.subspan(40, length);
  const uint8_t protocol = packet[6];
  uint8_t* const field = ClearChecksum(protocol, transport);
  if (field == nullptr) return;
  const uint32_t pseudo = Add(packet.subspan(8, 32), protocol + static_cast<uint32_t>(length));
  Store(field, Finish(Add(transport, pseudo)));
}

bool HasTag(std::span<const uint8_t> frame) {
  return frame.size() >= 18 && frame[12] == 0x81 && frame[13] == 0;
}

void FixChecksums(std::span<uint8_t> frame) {
  const size_t link = HasTag(frame) ? 18 : 14;
  if (frame.size() < link + 20) return;
  const std::span<uint8_t> packet = frame.subspan(link);
  if (packet[0] >> 4 == 4) FixIpv4(packet);
  if (packet[0] >> 4 == 6 && packet.size() >= 40) FixIpv6(packet);
}

class Host {
 public:
  explicit Host(bool on_vlan) : on_vlan_(on_vlan), wire_(Options(on_vlan)) {
    for (const bool v6 : {false, true}) {
      stack::TcpSetupError error;
      const IpAddress any = v6 ? IpAddress(Ipv6Address()) : IpAddress(Ipv4Address());
      listeners_.push_back(wire_.stack().tcp().Listen({any, kHttp}, 4, error));
      CL_CHECK(listeners_.back() != nullptr);
      udp::UdpOptions options;
      udp_.push_back(wire_.stack().udp().Open(options));
      const IpAddress local = v6 ? Wire::address_v6() : Wire::address_v4();
      CL_CHECK(wire_.stack().udp().Bind(*udp_.back(), {local, kDns}) == udp::BindResult::kOk);
    }
  }

  void Run(FuzzInput input) {
    while (!input.empty()) {
      const uint16_t word = input.U16();
      if ((word & 0x8000) == 0) {
        if ((word & 0x100) != 0) Act();
        wire_.Advance(milliseconds(1) * (int64_t{1} << (word & 15)));
      } else {
        const auto bytes = input.Take(word & 0x1fff);
        Inject(Bytes(bytes.begin(), bytes.end()), (word & 0x4000) != 0, (word & 0x2000) != 0);
      }
      Look();
    }
    End();
  }

 private:
  static WireOptions Options(bool on_vlan) {
    WireOptions options;
    if (on_vlan) options.vlan = kVlan;
    options.static_neighbor = false;
    options.pool_packets = 256;
    options.stack.max_tcp_sockets = 16;
    options.stack.max_blocks = kBlocks;
    options.stack.control_packets = 64;
    options.stack.max_time_wait = 8;
    options.stack.max_orphans = 4;
    return options;
  }

  void Inject(Bytes frame, bool ours, bool fix) {
    if (ours && frame.size() >= 6) wire_.mac().CopyTo(frame.data());
    if (fix) FixChecksums(frame);
    if (on_vlan_ && frame.size() >= 14 && !HasTag(frame)) {
      const uint8_t tag[4] = {0x81, 0, 0, kVlan.id};
      frame.insert(frame.begin() + 12, tag, tag + 4);
    }
    ++injected_;
    wire_.Inject(std::move(frame));
  }

  // Echoes, and closes what the peer closed.
  void Act() {
    uint8_t buffer[3000];
    for (stack::TcpListener* const listener : listeners_) {
      while (stack::TcpSocket* const socket = listener->Accept()) tcp_.push_back(socket);
    }
    for (stack::TcpSocket*& socket : tcp_) {
      const size_t n = socket->Read(buffer);
      socket->Write(std::span(buffer).first(n));
      if (!socket->end_of_stream() && !socket->closed() && tcp_.size() <= kSocketsAtMost) continue;
      socket->Release();
      socket = nullptr;
    }
    std::erase(tcp_, nullptr);
    for (udp::UdpSocket* const socket : udp_) {
      udp::Datagram datagram;
      while (socket->Receive(datagram)) {
        const size_t n = datagram.payload.CopyOut(0, buffer);
        wire_.stack().udp().Send(*socket, std::span(buffer).first(n), datagram.from, wire_.now());
      }
      socket->TakeError();
    }
  }

  void Look() {
    for (Bytes frame = wire_.Next(); !frame.empty(); frame = wire_.Next()) {
      if (on_vlan_) {
        CL_CHECK(HasTag(frame) && frame[14] * 256 + frame[15] == kVlan.tci());
        frame.erase(frame.begin() + 12, frame.begin() + 16);
      }
      CL_CHECK(ParseFrame(frame).problem.empty());
    }
    stack::Stack& stack = wire_.stack();
    stack.tcp().ForEachSocket([](const stack::TcpSocket& s) { s.connection().CheckInvariants(); });
    const driver::QueueStats& device = wire_.device().stats();
    CL_CHECK(device.rx_packets + device.rx_dropped == injected_);
    // A frame holds one segment or one datagram at most.
    const uint64_t taken =
        stack.tcp().counters().segments_in.value() + stack.udp().counters().datagrams_in.value() +
        wire_.drops(ip::DropReason::kFrameMalformed) + wire_.drops(ip::DropReason::kFrameNotForUs) +
        wire_.drops(ip::DropReason::kUnknownEtherType) + wire_.drops(ip::DropReason::kUnknownVlan) +
        wire_.drops(ip::DropReason::kIpBadChecksum) + wire_.drops(ip::DropReason::kIpNotForUs) +
        wire_.drops(ip::DropReason::kTcpBadChecksum) +
        wire_.drops(ip::DropReason::kUdpBadChecksum) + wire_.drops(ip::DropReason::kUdpNoSocket);
    CL_CHECK(taken <= device.rx_packets);
    CL_CHECK(stack.tcp().sockets() <= 16 && stack.tcp().blocks_in_use() <= kBlocks);
  }

  void End() {
    Act();
    for (stack::TcpSocket* const socket : tcp_) socket->Release();
    for (stack::TcpListener* const listener : listeners_) listener->Release();
    for (udp::UdpSocket* const socket : udp_) wire_.stack().udp().Close(socket);
    wire_.Advance(minutes(20));
    Look();
    stack::Stack& stack = wire_.stack();
    CL_CHECK(stack.tcp().sockets() == 0 && stack.tcp().orphans() == 0);
    CL_CHECK(stack.tcp().time_wait() == 0 && stack.tcp().blocks_in_use() == 0);
    CL_CHECK(stack.network().control_pool().in_use() ==
             stack.network().neighbors().pending_packets());
  }

  bool on_vlan_;
  Wire wire_;
  std::vector<stack::TcpListener*> listeners_;
  std::vector<stack::TcpSocket*> tcp_;
  std::vector<udp::UdpSocket*> udp_;
  uint64_t injected_ = 0;
};

}  // namespace
}  // namespace corelane::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::testing::FuzzInput;
  using corelane::testing::Host;
  const bool on_vlan = size >= 2 && (data[0] & 0x82) == 0x02;
  std::make_unique<Host>(on_vlan)->Run(FuzzInput(std::span(data, size)));
  return 0;
}
