// The VLAN tag of a frame, as an interface on a VLAN puts it on and takes it off.

#ifndef CORELANE_STACK_VLAN_TAG_H_
#define CORELANE_STACK_VLAN_TAG_H_

#include <cstdint>

#include "core/packet.h"
#include "core/vlan.h"
#include "ip/drop_reason.h"

namespace corelane::stack {

// Tags a frame that is complete otherwise: leaves it to the device where that inserts tags, else
// writes the tag behind the addresses (IEEE 802.1Q §9.3). False: no headroom for it.
bool PutTag(PacketBuf& frame, const Vlan& vlan, bool device_inserts);

// Makes a received frame of `vlan`, of any priority, one without a tag, whether the device stripped
// the tag or it is in the bytes. Anything else keeps its reason to be dropped: other networks,
// frames without a tag or with several, service tags (802.1ad). pool: for bytes that are shared.
ip::DropReason TakeTag(PacketBuf& frame, const Vlan& vlan, PacketPool& pool);

// Whether a frame belongs to the link's own network: no tag, or one that says only a priority
// (IEEE 802.1Q §6.9). `frame` is at least an Ethernet header.
bool IsOfNoVlan(const PacketBuf& frame);

}  // namespace corelane::stack

#endif  // CORELANE_STACK_VLAN_TAG_H_
