#include "stack/vlan_tag.h"

#include <cstring>

#include "arp/ethernet.h"
#include "core/bytes.h"

namespace corelane::stack {
namespace {

using arp::EthernetView;
using ip::DropReason;

constexpr size_t kAddresses = 12;  // what lies before a tag
constexpr size_t kTag = EthernetView::kTagLength;

bool IsTag(uint16_t type) {
  return type == arp::ether_type::kVlan || type == arp::ether_type::kServiceVlan;
}

uint16_t TypeOf(const PacketBuf& frame) { return LoadBe16(frame.data() + kAddresses); }

}  // namespace

bool PutTag(PacketBuf& frame, const Vlan& vlan, bool device_inserts) {
  if (device_inserts) {
    frame->vlan_tci = vlan.tci();
    frame->flags |= PacketHead::kHasVlan;
    return true;
  }
  if (frame.headroom() < kTag) return false;
  uint8_t* const p = frame.Prepend(kTag);
  std::memmove(p, p + kTag, kAddresses);
  StoreBe16(p + kAddresses, arp::ether_type::kVlan);
  StoreBe16(p + kAddresses + 2, vlan.tci());
  frame->l3_offset = static_cast<uint16_t>(frame->l3_offset + kTag);
  frame->l4_offset = static_cast<uint16_t>(frame->l4_offset + kTag);
  frame->payload_offset = static_cast<uint16_t>(frame->payload_offset + kTag);
  return true;
}

DropReason TakeTag(PacketBuf& frame, const Vlan& vlan, PacketPool& pool) {
  if (frame.size() < EthernetView::kUntaggedLength) return DropReason::kFrameMalformed;
  uint16_t tci = frame->vlan_tci;
  const bool stripped = (frame->flags & PacketHead::kHasVlan) != 0;
  uint16_t type = TypeOf(frame);
  if (!stripped) {
    if (type != arp::ether_type::kVlan) return DropReason::kUnknownVlan;
    if (frame.size() < EthernetView::kUntaggedLength + kTag) return DropReason::kFrameMalformed;
    tci = LoadBe16(frame.data() + kAddresses + 2);
    type = LoadBe16(frame.data() + kAddresses + kTag);
  }
  if (Vlan::IdOf(tci) != vlan.id || IsTag(type)) return DropReason::kUnknownVlan;
  frame->flags &= static_cast<uint8_t>(~PacketHead::kHasVlan);
  if (stripped) return DropReason::kNone;
  if (frame->block != nullptr && !frame.MakeWritable(pool)) return DropReason::kNoBuffer;
  std::memmove(frame.data() + kTag, frame.data(), kAddresses);
  frame.TrimFront(kTag);
  return DropReason::kNone;
}

bool IsOfNoVlan(const PacketBuf& frame) {
  uint16_t type = TypeOf(frame);
  if ((frame->flags & PacketHead::kHasVlan) != 0) {
    return Vlan::IdOf(frame->vlan_tci) == 0 && !IsTag(type);
  }
  if (!IsTag(type)) [[likely]] {
    return true;
  }
  constexpr size_t kTagged = EthernetView::kUntaggedLength + kTag;
  return type == arp::ether_type::kVlan && frame.size() >= kTagged &&
         Vlan::IdOf(LoadBe16(frame.data() + kAddresses + 2)) == 0 &&
         !IsTag(LoadBe16(frame.data() + kAddresses + kTag));
}

}  // namespace corelane::stack
