#include "ip/ipv4.h"

namespace corelane::ip {
namespace {

constexpr uint8_t kEndOfOptions = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kRecordRoute = 7;
constexpr uint8_t kTimestamp = 68;
constexpr uint8_t kLooseSourceRoute = 131;
constexpr uint8_t kStrictSourceRoute = 137;
constexpr uint8_t kRouterAlert = 148;

}  // namespace

std::optional<Ipv4Options> Ipv4View::WalkOptions() const {
  Ipv4Options found;
  std::span<const uint8_t> rest = options();
  while (!rest.empty()) {
    const uint8_t type = rest[0];
    if (type == kEndOfOptions) break;
    if (type == kNoOperation) {
      rest = rest.subspan(1);
      continue;
    }
    if (rest.size() < 2 || rest[1] < 2 || rest[1] > rest.size()) return std::nullopt;
    switch (type) {
      case kLooseSourceRoute:
      case kStrictSourceRoute:
        found.source_route = true;
        break;
      case kRecordRoute:
        found.record_route = true;
        break;
      case kTimestamp:
        found.timestamp = true;
        break;
      case kRouterAlert:
        found.router_alert = true;
        break;
      default:  // RFC 1122 §3.2.1.8: unknown options are ignored.
        found.other = true;
    }
    rest = rest.subspan(rest[1]);
  }
  return found;
}

}  // namespace corelane::ip
