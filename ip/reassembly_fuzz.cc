// A script of fragments: five bytes each, about what arrives when. Bounds hold after each one, and
// what comes out whole is a packet that parses, of bytes that were sent.

#include <cstdlib>

#include "ip/reassembly.h"
#include "ip/test_packets.h"

namespace {

using namespace corelane;      // NOLINT(google-build-using-namespace)
using namespace corelane::ip;  // NOLINT(google-build-using-namespace)

struct Step {
  bool v6;
  bool more;
  uint8_t ecn;
  uint8_t advance;
  uint8_t source;
  uint8_t id;
  uint32_t offset;
  uint32_t length;
};

std::vector<uint8_t> Fragment(const Step& s) {
  // All payload bytes are equal for one datagram, so that mixing two would show.
  const std::vector<uint8_t> data(s.length, s.id);
  if (!s.v6) {
    Ipv4Header header{.src = Ipv4Address(10, 0, 1, s.source), .dst = kHostA4};
    header.protocol = 99;
    header.ecn = s.ecn;
    header.identification = s.id;
    header.fragment_offset = s.offset;
    header.more_fragments = s.more;
    return Ipv4Bytes(header, data);
  }
  std::vector<uint8_t> payload(8);
  Ipv6FragmentHeader{99, s.offset, s.more, s.id}.Emit(payload.data());
  payload.insert(payload.end(), data.begin(), data.end());
  Ipv6Header header{.src = Ipv6Address(kHostB6.high(), s.source), .dst = kHostA6};
  header.next_header = protocol::kFragment;
  header.ecn = s.ecn;
  return Ipv6Bytes(header, payload);
}

void CheckWhole(const PacketBuf& packet, const Step& s) {
  IpIngress ip;
  if (Parse(packet, ip) != DropReason::kNone || ip.fragment || ip.protocol != 99) std::abort();
  if (ip.packet_length() != packet.packet_size()) std::abort();
  const auto bytes = Bytes(packet);
  for (size_t i = ip.header_length; i < bytes.size(); ++i) {
    if (bytes[i] != s.id) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  PacketPool pool(256, 1024);
  {
    ReassemblyConfig config;
    config.max_datagrams = 8;
    config.max_datagrams_per_source = 4;
    config.max_bytes = 40 * 1152;
    config.max_fragments = 20;
    Reassembler reassembler(config, FlowHashKey::FromSeed(1));
    Instant now{std::chrono::seconds(1)};
    for (; size >= 5; data += 5, size -= 5) {
      Step s{(data[0] & 1) != 0,
             (data[0] & 2) != 0,
             static_cast<uint8_t>(data[0] >> 2 & 3),
             static_cast<uint8_t>(data[0] >> 4),
             data[1],
             data[2],
             uint32_t{data[3]} * 8,
             data[4]};
      if (data[3] >= 0xf0) s.offset = 65528 - (0xff - data[3]) * 8;
      now += std::chrono::seconds(s.advance);
      PacketBuf packet = MakePacket(pool, Fragment(s));
      IpIngress ip;
      if (Parse(packet, ip) != DropReason::kNone) std::abort();
      if (!ip.fragment) continue;
      const DropReason drop = reassembler.Input(packet, ip, now);
      if (drop != DropReason::kNone && !packet) std::abort();
      if (drop == DropReason::kNone && packet) CheckWhole(packet, s);
      if (reassembler.datagrams() > config.max_datagrams || reassembler.bytes() > config.max_bytes)
        std::abort();
      if (reassembler.datagrams() == 0 && reassembler.bytes() != 0) std::abort();
      while (PacketBuf first = reassembler.PollTimedOut()) {
        if (Parse(first, ip) != DropReason::kNone || !ip.fragment || ip.fragment_offset != 0)
          std::abort();
      }
    }
  }
  if (pool.in_use() != 0) std::abort();
  return 0;
}
