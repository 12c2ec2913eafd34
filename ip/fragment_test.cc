#include "ip/fragment.h"

#include <set>

#include "gtest/gtest.h"
#include "ip/test_packets.h"

namespace corelane::ip {
namespace {

// Fragments' payloads put side by side by their offsets.
std::vector<uint8_t> Join(PacketQueue& fragments, size_t mtu) {
  std::vector<uint8_t> payload;
  while (!fragments.empty()) {
    const PacketBuf fragment = fragments.PopFront();
    EXPECT_LE(fragment.packet_size(), mtu);
    IpIngress ip;
    EXPECT_EQ(Parse(fragment, ip), DropReason::kNone);
    EXPECT_TRUE(ip.fragment);
    EXPECT_EQ(ip.fragment_offset, payload.size());
    EXPECT_EQ(ip.more_fragments, !fragments.empty());
    EXPECT_EQ(ip.packet_length(), fragment.packet_size());
    if (ip.more_fragments) {
      EXPECT_EQ(ip.payload_length % 8, 0u);
    }
    const auto bytes = Bytes(fragment);
    payload.insert(payload.end(), bytes.begin() + ip.header_length, bytes.end());
  }
  return payload;
}

PacketBuf Big(PacketPool& pool, std::vector<uint8_t> bytes) {
  PacketBuf packet = MakePacket(pool, std::span(bytes).first(std::min<size_t>(bytes.size(), 1000)));
  for (size_t at = 1000; at < bytes.size(); at += 1000)
    packet.AppendChain(
        MakePacket(pool, std::span(bytes).subspan(at, std::min<size_t>(1000, bytes.size() - at))));
  return packet;
}

TEST(FragmentTest, Ipv4) {
  PacketPool pool(256);
  const auto payload = Pattern(5000);
  for (const size_t mtu : {28u, 68u, 576u, 1499u, 1500u, 4000u}) {
    PacketPool many(2048);
    const PacketBuf packet =
        Big(pool, Ipv4Bytes({.src = kHostA4, .dst = kHostB4, .protocol = 17, .dont_fragment = true},
                            payload));
    PacketQueue out;
    ASSERT_TRUE(FragmentIpv4(packet, mtu, 77, many, out)) << mtu;
    EXPECT_EQ(out.size(), (5000 + (mtu - 20) / 8 * 8 - 1) / ((mtu - 20) / 8 * 8));
    EXPECT_EQ(LoadBe16(out.front()->data + 4), 77);
    EXPECT_EQ(Join(out, mtu), payload);
  }
}

TEST(FragmentTest, Ipv6) {
  PacketPool pool(256);
  const auto payload = Pattern(5001);
  const PacketBuf packet =
      Big(pool, Ipv6Bytes({.src = kHostA6, .dst = kHostB6, .next_header = 17}, payload));
  for (const size_t mtu : {1280u, 1500u, 9000u}) {
    PacketQueue out;
    ASSERT_TRUE(FragmentIpv6(packet, mtu, 0x12345678, pool, out));
    if (mtu == 9000u) {
      EXPECT_EQ(out.size(), 1u);
      continue;
    }
    EXPECT_EQ(Join(out, mtu), payload);
  }
  PacketQueue out;
  EXPECT_FALSE(FragmentIpv6(packet, 1279, 1, pool, out));
}

TEST(FragmentTest, APoolThatRunsDryLeavesNothingBehind) {
  PacketPool pool(16);
  const PacketBuf packet =
      Big(pool, Ipv4Bytes({.src = kHostA4, .dst = kHostB4, .protocol = 17}, Pattern(3000)));
  const size_t before = pool.in_use();
  PacketQueue out;
  EXPECT_FALSE(FragmentIpv4(packet, 100, 1, pool, out));
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(pool.in_use(), before);
}

TEST(FragmentTest, OnlyWholePlainPacketsAreCut) {
  PacketPool pool(16);
  PacketQueue out;
  auto bytes = Ipv4Bytes({.src = kHostA4, .dst = kHostB4, .more_fragments = true}, Pattern(100));
  EXPECT_FALSE(FragmentIpv4(MakePacket(pool, bytes), 68, 1, pool, out));
  bytes = Ipv6Bytes({.src = kHostA6, .dst = kHostB6, .next_header = 44}, Pattern(100));
  EXPECT_FALSE(FragmentIpv6(MakePacket(pool, bytes), 1280, 1, pool, out));
  bytes = Ipv4Bytes({.src = kHostA4, .dst = kHostB4}, Pattern(100));
  EXPECT_FALSE(FragmentIpv4(MakePacket(pool, bytes), 27, 1, pool, out));
}

TEST(FragmentTest, IdentificationsDifferPerDestination) {
  IdentificationSource source(Random(5));
  std::set<uint16_t> seen;
  for (int i = 0; i < 65536; ++i)
    seen.insert(static_cast<uint16_t>(source.Next(kHostA4, kHostB4, 17)));
  EXPECT_EQ(seen.size(), 65536u);  // RFC 6864: none comes twice before all have come.
  // What one destination sees does not tell what another one will see.
  IdentificationSource one(Random(5));
  IdentificationSource two(Random(6));
  EXPECT_NE(one.Next(kHostA4, kHostB4, 17), two.Next(kHostA4, kHostB4, 17));
}

}  // namespace
}  // namespace corelane::ip
