#include "tcp/syn_cookie.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"

namespace corelane::tcp {
namespace {

// What Ethernet, tunnels and jumbo frames leave, for either family; the first is for nonsense.
constexpr std::array<uint16_t, 8> kMss = {64, 536, 1220, 1360, 1440, 1460, 4312, 8940};
constexpr uint32_t kPeriodMask = 31;
constexpr uint32_t kHashMask = 0xffffff;
// Low bits of a TSval.
constexpr uint32_t kOptionMask = 31;
constexpr uint32_t kNoScale = 15;

uint32_t PeriodOf(Instant now) {
  return static_cast<uint32_t>(now.time_since_epoch() / SynCookies::kPeriod);
}

// The largest that is not beyond what the peer takes.
uint32_t MssIndex(uint16_t mss) {
  if (mss == 0) return 1;  // RFC 9293 §3.7.1, MUST-15
  const auto above = std::upper_bound(kMss.begin(), kMss.end(), mss);
  return above == kMss.begin() ? 0 : static_cast<uint32_t>(above - kMss.begin() - 1);
}

}  // namespace

uint32_t SynCookies::Hash(const FourTuple& t, SeqNum irs, uint32_t period,
                          uint32_t mss_index) const {
  std::array<uint8_t, 48> bytes;
  t.local.v6().CopyTo(bytes.data());
  t.remote.v6().CopyTo(bytes.data() + 16);
  StoreBe16(bytes.data() + 32, t.local_port);
  StoreBe16(bytes.data() + 34, t.remote_port);
  StoreBe32(bytes.data() + 36, irs.value());
  StoreBe32(bytes.data() + 40, period);
  StoreBe32(bytes.data() + 44, mss_index);
  return static_cast<uint32_t>(SipHash24(key_, bytes)) & kHashMask;
}

SeqNum SynCookies::Make(const FourTuple& tuple, const Segment& syn, Instant now) const {
  const uint32_t period = PeriodOf(now);
  const uint32_t mss = MssIndex(syn.mss);
  return SeqNum((period & kPeriodMask) << 27 | mss << 24 | Hash(tuple, syn.seq, period, mss));
}

uint32_t SynCookies::TimestampFor(const Segment& syn, uint32_t clock) {
  // RFC 7323 §2.3: at most 14.
  const uint32_t scale = syn.window_scale < 0
                             ? kNoScale
                             : std::min<uint32_t>(14, static_cast<uint8_t>(syn.window_scale));
  const uint32_t options = scale << 1 | (syn.sack_permitted ? 1 : 0);
  const uint32_t value = (clock & ~kOptionMask) | options;
  return value - clock < 0x8000'0000 && value != clock ? value - (kOptionMask + 1) : value;
}

std::optional<Segment> SynCookies::Check(const FourTuple& tuple, const Segment& ack,
                                         Instant now) const {
  if ((ack.flags & (kSyn | kRst | kAck)) != kAck) return std::nullopt;
  const uint32_t cookie = (ack.ack - 1).value();
  const uint32_t current = PeriodOf(now);
  const uint32_t age = (current - (cookie >> 27)) & kPeriodMask;
  if (age > 1) return std::nullopt;
  const uint32_t mss = cookie >> 24 & 7;
  Segment syn;
  syn.seq = ack.seq - 1;
  if (Hash(tuple, syn.seq, current - age, mss) != (cookie & kHashMask)) return std::nullopt;
  syn.flags = kSyn;
  syn.window = ack.window;
  syn.mss = kMss[mss];
  if (!ack.has_timestamps) return syn;
  syn.has_timestamps = true;
  syn.timestamps.value = ack.timestamps.value;
  const uint32_t scale = ack.timestamps.echo >> 1 & 15;
  syn.window_scale = scale == kNoScale ? int8_t{-1} : static_cast<int8_t>(scale);
  syn.sack_permitted = (ack.timestamps.echo & 1) != 0;
  return syn;
}

}  // namespace corelane::tcp
