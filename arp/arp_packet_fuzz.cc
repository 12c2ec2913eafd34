// Ethernet frames with what follows them read as ARP; whatever parses is written again.

#include <cstdlib>
#include <cstring>

#include "arp/arp_packet.h"
#include "arp/ethernet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::arp;  // NOLINT(google-build-using-namespace)
  const std::span<const uint8_t> bytes(data, size);
  const auto frame = EthernetView::Parse(bytes);
  if (!frame) return 0;
  const EthernetHeader header = EthernetHeader::FromView(*frame);
  uint8_t written[EthernetHeader::kMaxLength];
  header.Emit(written);
  // Which of the two tag types stood there is not kept.
  if (header.tags == 0 && std::memcmp(written, data, header.length()) != 0) std::abort();
  const auto arp = ArpView::Parse(bytes.subspan(frame->length()));
  if (!arp) return 0;
  uint8_t packet[ArpView::kLength];
  ArpPacket::FromView(*arp).Emit(packet);
  if (std::memcmp(packet, data + frame->length(), sizeof packet) != 0) std::abort();
  return 0;
}
