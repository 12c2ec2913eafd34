#include "ip/reassembly.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/random.h"
#include "gtest/gtest.h"
#include "ip/fragment.h"
#include "ip/icmpv6.h"
#include "ip/test_packets.h"

namespace corelane::ip {
namespace {

using std::chrono::seconds;

struct Piece {
  uint32_t offset;
  uint32_t length;
  bool more;
  uint32_t id = 1;
  uint8_t ecn = 0;
  uint8_t protocol = 17;
  uint32_t source = 0;
};

class ReassemblyTest : public testing::Test {
 protected:
  ReassemblyTest() { Reset(ReassemblyConfig()); }
  void Reset(const ReassemblyConfig& config) {
    reassembler_ = std::make_unique<Reassembler>(config, FlowHashKey::FromSeed(1));
  }

  PacketBuf V4(const Piece& p) {
    Ipv4Header header{.src = Ipv4Address(kHostB4.value() + p.source), .dst = kHostA4};
    header.protocol = p.protocol;
    header.ecn = p.ecn;
    header.identification = static_cast<uint16_t>(p.id);
    header.fragment_offset = p.offset;
    header.more_fragments = p.more;
    return MakePacket(pool_, Ipv4Bytes(header, Pattern(p.length, p.offset)));
  }
  PacketBuf V6(const Piece& p) {
    std::vector<uint8_t> payload(8);
    Ipv6FragmentHeader fragment{p.protocol, p.offset, p.more, p.id};
    fragment.Emit(payload.data());
    const auto data = Pattern(p.length, p.offset);
    payload.insert(payload.end(), data.begin(), data.end());
    Ipv6Header header{.src = Ipv6Address(kHostB6.high(), kHostB6.low() + p.source),
                      .dst = kHostA6,
                      .next_header = protocol::kFragment};
    header.ecn = p.ecn;
    return MakePacket(pool_, Ipv6Bytes(header, payload));
  }
  DropReason Input(PacketBuf packet) {
    packet_ = std::move(packet);
    DropReason drop = Parse(packet_, ip_);
    EXPECT_EQ(drop, DropReason::kNone);
    drop = reassembler_->Input(packet_, ip_, now_);
    return drop;
  }
  // Whether the last Input() completed a datagram.
  bool Complete() const { return static_cast<bool>(packet_); }
  // Checks that packet_ is a good packet with `length` bytes of the pattern behind its header.
  void ExpectWhole(size_t length) {
    ASSERT_TRUE(packet_);
    IpIngress ip;
    ASSERT_EQ(Parse(packet_, ip), DropReason::kNone);
    EXPECT_FALSE(ip.fragment);
    EXPECT_EQ(ip.protocol, protocol::kUdp);
    EXPECT_EQ(ip.payload_length, length);
    EXPECT_EQ(ip.packet_length(), packet_.packet_size());
    auto bytes = Bytes(packet_);
    bytes.erase(bytes.begin(), bytes.begin() + ip.header_length);
    EXPECT_EQ(bytes, Pattern(length));
  }

  PacketPool pool_{4096};
  std::unique_ptr<Reassembler> reassembler_;
  Instant now_{seconds(1)};
  PacketBuf packet_;
  IpIngress ip_;
};

class BothVersions : public ReassemblyTest, public testing::WithParamInterface<bool> {
 protected:
  PacketBuf Make(const Piece& p) { return GetParam() ? V6(p) : V4(p); }
};
INSTANTIATE_TEST_SUITE_P(V4AndV6, BothVersions, testing::Bool());

TEST_P(BothVersions, InOrder) {
  EXPECT_EQ(Input(Make({0, 1480, true})), DropReason::kNone);
  EXPECT_FALSE(Complete());
  EXPECT_EQ(reassembler_->datagrams(), 1u);
  EXPECT_EQ(Input(Make({1480, 1480, true})), DropReason::kNone);
  EXPECT_FALSE(Complete());
  EXPECT_EQ(Input(Make({2960, 33, false})), DropReason::kNone);
  ExpectWhole(2993);
  EXPECT_EQ(reassembler_->datagrams(), 0u);
  EXPECT_EQ(reassembler_->bytes(), 0u);
  EXPECT_EQ(reassembler_->NextDeadline(), kNever);
}

TEST_P(BothVersions, EveryOrderOfFiveFragments) {
  std::vector<int> order = {0, 1, 2, 3, 4};
  uint32_t id = 0;
  do {
    ++id;
    for (size_t i = 0; i < order.size(); ++i) {
      const auto n = static_cast<uint32_t>(order[i]);
      ASSERT_EQ(Input(Make({n * 24, n == 4 ? 5u : 24u, n != 4, id})), DropReason::kNone);
      ASSERT_EQ(Complete(), i == 4);
    }
    ExpectWhole(101);
  } while (std::next_permutation(order.begin(), order.end()));
  packet_.Reset();
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_P(BothVersions, RandomOrderWithDuplicates) {
  Random random(11);
  for (uint32_t id = 0; id < 200; ++id) {
    std::vector<Piece> pieces;
    const auto count = static_cast<uint32_t>(2 + random.Below(40));
    for (uint32_t i = 0; i < count; ++i)
      pieces.push_back({i * 512, i + 1 == count ? 100u : 512u, i + 1 != count, id});
    for (size_t i = count - 1; i > 0; --i) std::swap(pieces[i], pieces[random.Below(i + 1)]);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(Input(Make(pieces[i])), DropReason::kNone);
      if (i + 1 == count) break;
      const Piece& again = pieces[random.Below(i + 1)];
      ASSERT_EQ(Input(Make(again)), DropReason::kFragmentDuplicate);
    }
    ExpectWhole((count - 1) * 512 + 100);
  }
}

TEST_P(BothVersions, AnyOverlapGivesUpTheDatagram) {
  // RFC 5722 §4; for IPv4 the same by choice.
  const Piece held[] = {{0, 64, true}, {128, 64, true}};
  const Piece overlaps[] = {{56, 16, true}, {0, 72, true},   {0, 32, true},  {8, 16, true},
                            {64, 72, true}, {120, 8, false}, {136, 8, true}, {184, 16, false},
                            {0, 256, true}, {64, 200, true}};
  uint32_t id = 0;
  for (const Piece& overlap : overlaps) {
    ++id;
    for (Piece piece : held) {
      piece.id = id;
      ASSERT_EQ(Input(Make(piece)), DropReason::kNone);
    }
    Piece piece = overlap;
    piece.id = id;
    EXPECT_EQ(Input(Make(piece)), DropReason::kFragmentOverlap) << overlap.offset;
    // What was missing does not bring it back.
    EXPECT_EQ(Input(Make({64, 64, true, id})), DropReason::kFragmentOverlap);
    EXPECT_EQ(Input(Make({192, 8, false, id})), DropReason::kFragmentOverlap);
    EXPECT_EQ(Input(Make({0, 64, true, id})), DropReason::kFragmentOverlap);
  }
  EXPECT_EQ(reassembler_->bytes(), 0u);
  packet_.Reset();
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_P(BothVersions, TwoEndsAreAnOverlap) {
  ASSERT_EQ(Input(Make({64, 8, false})), DropReason::kNone);
  EXPECT_EQ(Input(Make({128, 8, false})), DropReason::kFragmentOverlap);
  ASSERT_EQ(Input(Make({64, 8, false, 2})), DropReason::kNone);
  EXPECT_EQ(Input(Make({128, 8, true, 2})), DropReason::kFragmentOverlap);
}

TEST_P(BothVersions, PaddingIsNoPayload) {
  ASSERT_EQ(Input(Make({0, 16, true})), DropReason::kNone);
  PacketBuf last = Make({16, 4, false});
  std::memset(last.Append(22), 0xee, 22);
  ASSERT_EQ(Input(std::move(last)), DropReason::kNone);
  ExpectWhole(20);
}

TEST_P(BothVersions, IdentificationsAndSourcesAreApart) {
  ASSERT_EQ(Input(Make({0, 16, true, 1})), DropReason::kNone);
  ASSERT_EQ(Input(Make({16, 8, false, 2})), DropReason::kNone);
  EXPECT_FALSE(Complete());
  Piece other{16, 8, false, 1};
  other.source = 5;
  ASSERT_EQ(Input(Make(other)), DropReason::kNone);
  EXPECT_FALSE(Complete());
  EXPECT_EQ(reassembler_->datagrams(), 3u);
}

TEST_P(BothVersions, LengthsThatAreNoMultipleOfEight) {
  EXPECT_EQ(Input(Make({0, 17, true})), DropReason::kFragmentMalformed);
  EXPECT_TRUE(packet_);
  EXPECT_EQ(reassembler_->ReportsProblem(), GetParam());
  if (GetParam()) {
    EXPECT_EQ(ip_.problem_code, 0);
    EXPECT_EQ(ip_.problem_pointer, 4);
  }
}

TEST_P(BothVersions, TooLarge) {
  EXPECT_EQ(Input(Make({65528, 8, false})), DropReason::kFragmentTooLarge);
  EXPECT_EQ(reassembler_->ReportsProblem(), GetParam());
  if (GetParam()) {
    EXPECT_EQ(ip_.problem_pointer, 42);
  }
  EXPECT_EQ(reassembler_->datagrams(), 0u);
}

TEST_P(BothVersions, TheLargestDatagram) {
  const uint32_t total = GetParam() ? 65535 : 65535 - 20;
  for (uint32_t offset = 0; offset < total; offset += 1024) {
    const uint32_t length = std::min<uint32_t>(1024, total - offset);
    ASSERT_EQ(Input(Make({offset, length, offset + length < total})), DropReason::kNone);
  }
  ExpectWhole(total);
}

TEST_P(BothVersions, TimeOutReportsTheFirstFragment) {
  ASSERT_EQ(Input(Make({0, 16, true, 1})), DropReason::kNone);
  now_ += seconds(1);
  ASSERT_EQ(Input(Make({16, 16, true, 2})), DropReason::kNone);
  const auto timeout = seconds(GetParam() ? 60 : 30);
  EXPECT_EQ(reassembler_->NextDeadline(), now_ - seconds(1) + timeout);
  reassembler_->OnTimer(now_ - seconds(1) + timeout - Duration(1));
  EXPECT_EQ(reassembler_->datagrams(), 2u);
  reassembler_->OnTimer(now_ - seconds(1) + timeout);
  EXPECT_EQ(reassembler_->datagrams(), 1u);
  reassembler_->OnTimer(now_ + timeout);
  EXPECT_EQ(reassembler_->datagrams(), 0u);
  // Only the one whose first fragment came is told of, with its headers.
  const PacketBuf first = reassembler_->PollTimedOut();
  ASSERT_TRUE(first);
  IpIngress ip;
  ASSERT_EQ(Parse(first, ip), DropReason::kNone);
  EXPECT_TRUE(ip.fragment);
  EXPECT_EQ(ip.identification, 1u);
  EXPECT_EQ(ip.packet_length(), first.packet_size());
  EXPECT_FALSE(reassembler_->PollTimedOut());
  EXPECT_EQ(reassembler_->stats().timed_out, 2u);
}

TEST_P(BothVersions, AFloodStaysInsideItsBounds) {
  ReassemblyConfig config;
  config.max_datagrams = 32;
  config.max_bytes = 100 << 10;
  config.max_datagrams_per_source = 8;
  Reset(config);
  for (uint32_t i = 0; i < 20000; ++i) {
    Piece piece{0, 16, true, i};
    piece.source = i % 100;
    ASSERT_EQ(Input(Make(piece)), DropReason::kNone);
    ASSERT_LE(reassembler_->datagrams(), 32u);
    ASSERT_LE(reassembler_->bytes(), config.max_bytes);
    ASSERT_LE(pool_.in_use(), 64u);
  }
  // An honest datagram whose fragments come one behind the other gets through.
  ASSERT_EQ(Input(Make({0, 16, true, 70000 % 65536})), DropReason::kNone);
  ASSERT_EQ(Input(Make({16, 8, false, 70000 % 65536})), DropReason::kNone);
  ExpectWhole(24);
}

TEST_P(BothVersions, OneSourceCannotTakeTheOthersPlace) {
  ReassemblyConfig config;
  config.max_datagrams = 32;
  config.max_datagrams_per_source = 8;
  Reset(config);
  Piece honest{0, 16, true, 1};
  honest.source = 1;
  ASSERT_EQ(Input(Make(honest)), DropReason::kNone);
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(Input(Make({0, 16, true, i})), DropReason::kNone);
  EXPECT_EQ(reassembler_->datagrams(), 9u);
  honest = {16, 8, false, 1};
  honest.source = 1;
  ASSERT_EQ(Input(Make(honest)), DropReason::kNone);
  ExpectWhole(24);
}

TEST_P(BothVersions, FragmentsOfOneDatagramAreBounded) {
  ReassemblyConfig config;
  config.max_fragments = 10;
  Reset(config);
  for (uint32_t i = 0; i < 10; ++i)
    ASSERT_EQ(Input(Make({i * 8, 8, true})), DropReason::kNone) << i;
  EXPECT_EQ(Input(Make({80, 8, true})), DropReason::kFragmentLimit);
  EXPECT_EQ(reassembler_->datagrams(), 0u);
}

TEST_P(BothVersions, EcnFollowsRfc3168) {
  struct Case {
    uint8_t first, second;
    std::optional<uint8_t> whole;
  };
  for (const Case& c : {Case{2, 2, 2}, Case{2, 3, 3}, Case{3, 1, 3}, Case{0, 0, 0}, Case{0, 2, 0},
                        Case{2, 0, 0}, Case{0, 3, std::nullopt}, Case{3, 0, std::nullopt}}) {
    static uint32_t id = 100;
    ++id;
    ASSERT_EQ(Input(Make({0, 16, true, id, c.first})), DropReason::kNone);
    const DropReason drop = Input(Make({16, 8, false, id, c.second}));
    if (!c.whole) {
      EXPECT_EQ(drop, DropReason::kFragmentBadEcn);
      continue;
    }
    ASSERT_EQ(drop, DropReason::kNone);
    ExpectWhole(24);
    IpIngress ip;
    Parse(packet_, ip);
    EXPECT_EQ(ip.ecn, *c.whole) << int{c.first} << " " << int{c.second};
  }
}

TEST_P(BothVersions, SharedHeaderBytesAreNotWritten) {
  BlockPool blocks(4);
  PacketBuf original = Make({0, 16, true});
  BlockRef block = BlockRef::Adopt(blocks.Allocate());
  uint8_t* bytes = block.get()->bytes();
  const auto length = static_cast<uint32_t>(original.size());
  std::memcpy(bytes, original.data(), length);
  const std::vector<uint8_t> before(bytes, bytes + length);
  BlockRef keep = block;
  PacketBuf shared = pool_.AllocateReference(std::move(block), bytes, length);
  ASSERT_EQ(Input(std::move(shared)), DropReason::kNone);
  ASSERT_EQ(Input(Make({16, 8, false})), DropReason::kNone);
  ExpectWhole(24);
  EXPECT_EQ(std::vector<uint8_t>(bytes, bytes + length), before);
  packet_.Reset();
}

TEST_P(BothVersions, FragmentsOfOurOwnReassemble) {
  PacketPool big(16, 16384);
  const auto payload = Pattern(8000);
  const PacketBuf whole = MakePacket(
      big, GetParam() ? Ipv6Bytes({.src = kHostB6, .dst = kHostA6, .next_header = 17}, payload)
                      : Ipv4Bytes({.src = kHostB4, .dst = kHostA4, .protocol = 17}, payload));
  PacketQueue fragments;
  ASSERT_TRUE(GetParam() ? FragmentIpv6(whole, 1500, 9, pool_, fragments)
                         : FragmentIpv4(whole, 1500, 9, pool_, fragments));
  while (!fragments.empty()) ASSERT_EQ(Input(fragments.PopFront()), DropReason::kNone);
  ExpectWhole(8000);
}

TEST_F(ReassemblyTest, TinyIpv4FragmentsAreDropped) {
  // RFC 1858: no TCP flags outside the first fragment.
  EXPECT_EQ(Input(V4({0, 8, true, 1, 0, protocol::kTcp})), DropReason::kFragmentTooSmall);
  EXPECT_EQ(Input(V4({0, 16, true, 1, 0, protocol::kTcp})), DropReason::kFragmentTooSmall);
  EXPECT_EQ(Input(V4({8, 16, false, 1, 0, protocol::kTcp})), DropReason::kFragmentTooSmall);
  EXPECT_EQ(Input(V4({0, 24, true, 1, 0, protocol::kTcp})), DropReason::kNone);
  EXPECT_EQ(Input(V4({0, 8, true, 2, 0, protocol::kUdp})), DropReason::kNone);
}

TEST_F(ReassemblyTest, Ipv6FirstFragmentsHoldTheWholeHeaderChain) {
  // RFC 7112 §5.
  EXPECT_EQ(Input(V6({0, 16, true, 1, 0, protocol::kTcp})), DropReason::kFragmentTooSmall);
  EXPECT_TRUE(reassembler_->ReportsProblem());
  EXPECT_EQ(ip_.problem_code, icmpv6_parameter_problem::kIncompleteHeaderChain);
  EXPECT_EQ(Input(V6({0, 24, true, 1, 0, protocol::kTcp})), DropReason::kNone);
  // Pattern bytes as destination options: their length (7 * 8) passes the fragment.
  EXPECT_EQ(Input(V6({0, 24, true, 2, 0, protocol::kDestinationOptions})),
            DropReason::kFragmentTooSmall);
  EXPECT_EQ(reassembler_->datagrams(), 1u);
}

TEST_F(ReassemblyTest, Ipv4ProtocolsAreApartIpv6OnesAreNot) {
  ASSERT_EQ(Input(V4({0, 16, true, 1, 0, 17})), DropReason::kNone);
  ASSERT_EQ(Input(V4({16, 8, false, 1, 0, 99})), DropReason::kNone);
  EXPECT_FALSE(Complete());
  // RFC 8200 §4.5: the first fragment's next header counts.
  ASSERT_EQ(Input(V6({0, 16, true, 1, 0, 17})), DropReason::kNone);
  ASSERT_EQ(Input(V6({16, 8, false, 1, 0, 99})), DropReason::kNone);
  ExpectWhole(24);
}

TEST_F(ReassemblyTest, Ipv6KeepsTheHeadersInFrontOfTheFragmentHeader) {
  const auto piece = [&](uint32_t offset, size_t length, bool more) {
    std::vector<uint8_t> payload = {44, 0, 1, 4, 0, 0, 0, 0};  // destination options
    payload.resize(16);
    Ipv6FragmentHeader{17, offset, more, 5}.Emit(payload.data() + 8);
    const auto data = Pattern(length, offset);
    payload.insert(payload.end(), data.begin(), data.end());
    return MakePacket(pool_,
                      Ipv6Bytes({.src = kHostB6, .dst = kHostA6, .next_header = 60}, payload));
  };
  ASSERT_EQ(Input(piece(0, 32, true)), DropReason::kNone);
  ASSERT_EQ(Input(piece(32, 3, false)), DropReason::kNone);
  IpIngress ip;
  ASSERT_EQ(Parse(packet_, ip), DropReason::kNone);
  EXPECT_EQ(ip.header_length, 48);
  EXPECT_EQ(packet_.data()[6], 60);
  ExpectWhole(35);
}

}  // namespace
}  // namespace corelane::ip
