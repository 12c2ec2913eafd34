#include "driver/trace.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/mac_address.h"

namespace corelane::driver {
namespace {

using Bytes = std::span<const uint8_t>;

[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...) {
  char text[128];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

std::string DescribeTcp(Bytes tcp) {
  if (tcp.size() < 20) return " TCP truncated";
  constexpr std::string_view kFlags = "FSRPAUEC";
  std::string flags;
  for (size_t i = 0; i < kFlags.size(); ++i) {
    if ((tcp[13] >> i & 1) != 0) flags += kFlags[i];
  }
  const size_t header = size_t{tcp[12]} / 16 * 4;
  const size_t payload = tcp.size() - std::min(tcp.size(), header);
  return Format(" TCP %u > %u [%s] seq %u ack %u win %u len %zu", LoadBe16(&tcp[0]),
                LoadBe16(&tcp[2]), flags.c_str(), LoadBe32(&tcp[4]), LoadBe32(&tcp[8]),
                LoadBe16(&tcp[14]), payload);
}

std::string DescribeTransport(uint8_t protocol, Bytes bytes) {
  constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpV6 = 58;
  switch (protocol) {
    case kTcp:
      return DescribeTcp(bytes);
    case kUdp:
      if (bytes.size() < 8) return " UDP truncated";
      return Format(" UDP %u > %u len %zu", LoadBe16(&bytes[0]), LoadBe16(&bytes[2]),
                    bytes.size() - 8);
    case kIcmp:
    case kIcmpV6:
      if (bytes.size() < 4) return " ICMP truncated";
      return Format(" %s type %u code %u", protocol == kIcmp ? "ICMP" : "ICMPv6", bytes[0],
                    bytes[1]);
    default:
      return Format(" protocol %u len %zu", protocol, bytes.size());
  }
}

std::string DescribeIpv4(Bytes ip) {
  if (ip.size() < 20) return " IPv4 truncated";
  const size_t header = size_t{ip[0]} % 16 * 4;
  const size_t total = std::min<size_t>(LoadBe16(&ip[2]), ip.size());
  std::string text = " IPv4 " + Ipv4Address::FromBytes(&ip[12]).ToString() + " > " +
                     Ipv4Address::FromBytes(&ip[16]).ToString();
  if (header < 20 || header > total) return text + " bad length";
  const uint16_t fragment = LoadBe16(&ip[6]);
  if ((fragment & 0x3fff) != 0) {
    text += Format(" fragment %u%s", (fragment & 0x1fff) * 8, (fragment & 0x2000) != 0 ? "+" : "");
    if ((fragment & 0x1fff) != 0) return text;
  }
  return text + DescribeTransport(ip[9], ip.subspan(header, total - header));
}

std::string DescribeIpv6(Bytes ip) {
  constexpr size_t kHeader = 40;
  if (ip.size() < kHeader) return " IPv6 truncated";
  const size_t payload = std::min<size_t>(LoadBe16(&ip[4]), ip.size() - kHeader);
  return " IPv6 " + Ipv6Address::FromBytes(&ip[8]).ToString() + " > " +
         Ipv6Address::FromBytes(&ip[24]).ToString() +
         DescribeTransport(ip[6], ip.subspan(kHeader, payload));
}

std::string DescribeArp(Bytes arp) {
  if (arp.size() < 28) return " ARP truncated";
  const std::string sender = Ipv4Address::FromBytes(&arp[14]).ToString();
  const std::string target = Ipv4Address::FromBytes(&arp[24]).ToString();
  switch (LoadBe16(&arp[6])) {
    case 1:
      return " ARP who has " + target + " tell " + sender;
    case 2:
      return " ARP " + sender + " is at " + MacAddress::FromBytes(&arp[8]).ToString();
    default:
      return Format(" ARP operation %u", LoadBe16(&arp[6]));
  }
}

}  // namespace

std::string DescribeFrame(std::span<const uint8_t> frame) {
  if (frame.size() < 14) return "truncated";
  std::string text = MacAddress::FromBytes(&frame[6]).ToString() + " > " +
                     MacAddress::FromBytes(&frame[0]).ToString();
  uint16_t type = LoadBe16(&frame[12]);
  Bytes rest = frame.subspan(14);
  if (type == 0x8100 && rest.size() >= 4) {
    text += Format(" vlan %u", LoadBe16(&rest[0]) & 0xfff);
    type = LoadBe16(&rest[2]);
    rest = rest.subspan(4);
  }
  switch (type) {
    case 0x0800:
      return text + DescribeIpv4(rest);
    case 0x86dd:
      return text + DescribeIpv6(rest);
    case 0x0806:
      return text + DescribeArp(rest);
    default:
      return text + Format(" type 0x%04x len %zu", type, rest.size());
  }
}

TraceQueue::TraceQueue(DeviceQueue& inner, size_t index, TraceSink sink)
    : QueueDecorator(inner), index_(index), sink_(std::move(sink)) {}

std::string TraceQueue::Line(Instant now, std::string_view direction,
                             const PacketBuf& packet) const {
  const int64_t time = now.time_since_epoch().count();
  std::vector<uint8_t> bytes(packet.packet_size());
  packet.CopyOut(0, bytes);
  std::string line =
      Format("%" PRId64 ".%09" PRId64 " q%zu ", time / 1'000'000'000, time % 1'000'000'000, index_);
  line += direction;
  line += " " + std::to_string(bytes.size()) + " " + DescribeFrame(bytes);
  if (packet->segment_size != 0) line += " segment size " + std::to_string(packet->segment_size);
  return line;
}

size_t TraceQueue::ReceiveBurst(Instant now, std::span<PacketBuf> out) {
  const size_t n = inner().ReceiveBurst(now, out);
  for (size_t i = 0; i < n; ++i) sink_(Line(now, "rx", out[i]));
  return n;
}

size_t TraceQueue::TransmitBurst(Instant now, std::span<PacketBuf> in) {
  std::vector<std::string> lines;
  for (const PacketBuf& packet : in) lines.push_back(Line(now, "tx", packet));
  const size_t n = inner().TransmitBurst(now, in);
  for (size_t i = 0; i < n; ++i) sink_(lines[i]);
  return n;
}

std::unique_ptr<TraceDevice> TraceTo(std::unique_ptr<Device> inner, const TraceSink& sink) {
  return std::make_unique<TraceDevice>(std::move(inner), [&](DeviceQueue& queue, size_t index) {
    return std::make_unique<TraceQueue>(queue, index, sink);
  });
}

}  // namespace corelane::driver
