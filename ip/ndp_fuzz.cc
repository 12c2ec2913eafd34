// Any bytes as a neighbor discovery message; whatever parses is read in full and written again.

#include <cstdlib>
#include <vector>

#include "ip/ndp.h"

namespace {

using namespace corelane::ip;  // NOLINT(google-build-using-namespace)
using corelane::Ipv6Address;

const Ipv6Address kSrc(0xfe80'0000'0000'0000, 2);
const Ipv6Address kDst(0xfe80'0000'0000'0000, 1);

// What is read from a message survives being written and read again.
template <class Message>
void RoundTrip(const NdpView& view) {
  const Message value = Message::FromView(view);
  std::vector<uint8_t> bytes(value.length());
  value.Emit(bytes.data(), kSrc, kDst);
  const auto again = NdpView::Parse(bytes, {kSrc, kDst, kNdpHopLimit});
  if (!again || !(Message::FromView(*again) == value)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto view = NdpView::Parse({data, size}, {kSrc, kDst, kNdpHopLimit});
  if (!view) return 0;
  switch (view->type()) {
    case icmpv6_type::kRouterSolicitation:
      RoundTrip<RouterSolicitation>(*view);
      break;
    case icmpv6_type::kRouterAdvertisement:
      RoundTrip<RouterAdvertisement>(*view);
      break;
    case icmpv6_type::kNeighborSolicitation:
      RoundTrip<NeighborSolicitation>(*view);
      break;
    case icmpv6_type::kNeighborAdvertisement:
      RoundTrip<NeighborAdvertisement>(*view);
      break;
    default:
      std::abort();
  }
  return 0;
}
