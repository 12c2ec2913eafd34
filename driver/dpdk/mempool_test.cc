#include "driver/dpdk/mempool.h"

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "driver/dpdk/test_eal.h"
#include "driver/dpdk/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const absl::Status kBeforeTheEal = Mempool::Create({}).status();
[[maybe_unused]] const auto* const kEal = StartTestEal();

std::unique_ptr<Mempool> Make(const MempoolConfig& config) {
  auto pool = Mempool::Create(config);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return pool.ok() ? *std::move(pool) : nullptr;
}

std::string ErrorOf(const MempoolConfig& config) {
  const auto pool = Mempool::Create(config);
  EXPECT_FALSE(pool.ok());
  return std::string(pool.status().message());
}

std::vector<PacketHead*> Take(Mempool& pool, size_t n) {
  std::vector<PacketHead*> heads(n);
  heads.resize(pool.Take(heads));
  return heads;
}

TEST(Mempool, NeedsAnEal) {
  EXPECT_TRUE(absl::IsFailedPrecondition(kBeforeTheEal)) << kBeforeTheEal;
}

TEST(Mempool, ErrorsNameTheSetting) {
  EXPECT_EQ(ErrorOf({.mbufs = 1}), "mempool: mbufs: value '1': expected at least 2");
  EXPECT_EQ(
      ErrorOf({.name = std::string(26, 'x')}),
      Cat("mempool: name: value '", std::string(26, 'x'), "': expected at most 25 characters"));
  EXPECT_EQ(ErrorOf({.data_room = 128}),
            "mempool: data room: value '128': expected more than the headroom, 128, and at most "
            "65535");
  EXPECT_THAT(ErrorOf({.data_room = 65536}), HasSubstr("value '65536'"));
}

TEST(Mempool, WhatDpdkRefusesIsNamed) {
  const auto first = Make({.name = "twice", .mbufs = 63});
  EXPECT_THAT(ErrorOf({.name = "twice", .mbufs = 63}),
              AllOf(HasSubstr("mempool twice: 63 mbufs of 2176 bytes"), HasSubstr("exists")));
  const absl::Status huge = Mempool::Create({.mbufs = 10'000'000}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(huge)) << huge;
  EXPECT_THAT(std::string(huge.message()), HasSubstr("10000000 mbufs"));
}

TEST(Mempool, IsAsItWasAsked) {
  const auto pool = Make({.name = "asked", .mbufs = 100, .cache = 8, .data_room = 4096});
  EXPECT_STREQ(pool->get()->name, "asked");
  EXPECT_EQ(pool->mbufs(), 100u);
  EXPECT_EQ(pool->data_room(), 4096u);
  EXPECT_EQ(pool->available(), 100u);
  EXPECT_EQ(pool->get()->cache_size, 8u);
}

TEST(Mempool, LiesOnTheNodeThatItWasAskedFor) {
  const auto pool = Make({.mbufs = 63, .socket = static_cast<int>(rte_socket_id_by_idx(0))});
  EXPECT_EQ(pool->get()->socket_id, rte_socket_id_by_idx(0));
  EXPECT_THAT(ErrorOf({.mbufs = 63, .socket = 31}), HasSubstr("63 mbufs"));
}

TEST(Mempool, ACacheIsBoundedByItsPool) {
  EXPECT_EQ(Make({.mbufs = 3, .cache = 256})->get()->cache_size, 2u);
  EXPECT_EQ(Make({.mbufs = 8191, .cache = 100000})->get()->cache_size,
            uint32_t{RTE_MEMPOOL_CACHE_MAX_SIZE});
}

TEST(Mempool, NamesAreMadeUp) {
  const auto a = Make({.mbufs = 63});
  const auto b = Make({.mbufs = 63});
  EXPECT_STRNE(a->get()->name, b->get()->name);
}

TEST(Mempool, HeadsLieInThePrivateAreas) {
  const auto pool = Make({.mbufs = 63});
  const auto heads = Take(*pool, 4);
  ASSERT_EQ(heads.size(), 4u);
  for (PacketHead* const head : heads) {
    rte_mbuf* const mbuf = MbufOf(head);
    EXPECT_EQ(HeadOf(mbuf), head);
    EXPECT_EQ(rte_mbuf_to_priv(mbuf), head);
    EXPECT_EQ(mbuf->pool, pool->get());
    EXPECT_GE(mbuf->priv_size, sizeof(PacketHead));
    EXPECT_EQ(head->room, mbuf->buf_addr);
    EXPECT_EQ(head->room_size, 2176u);
    EXPECT_GE(head->room, reinterpret_cast<uint8_t*>(head) + sizeof(PacketHead));
  }
  pool->Give(heads);
}

TEST(Mempool, GivesWhatThereIs) {
  const auto pool = Make({.mbufs = 40, .cache = 0});
  std::vector<PacketHead*> all;
  while (true) {
    const auto some = Take(*pool, 64);
    if (some.empty()) break;
    all.insert(all.end(), some.begin(), some.end());
  }
  EXPECT_EQ(all.size(), 40u);
  EXPECT_EQ(pool->available(), 0u);
  pool->Give(all);
  EXPECT_EQ(pool->available(), 40u);
}

TEST(Mempool, GivesAsManyAsItIsAskedFor) {
  const auto pool = Make({.mbufs = 250, .cache = 0});
  const auto many = Take(*pool, 200);
  EXPECT_EQ(many.size(), 200u);
  const auto rest = Take(*pool, 64);
  EXPECT_EQ(rest.size(), 50u);
  EXPECT_EQ(std::set<PacketHead*>(many.begin(), many.end()).size(), 200u);
  pool->Give(many);
  pool->Give(rest);
  EXPECT_EQ(pool->available(), 250u);
}

TEST(Mempool, TakesNothingForNobody) {
  const auto pool = Make({.mbufs = 63});
  EXPECT_EQ(pool->Take({}), 0u);
  pool->Give({});
  EXPECT_EQ(pool->available(), 63u);
}

TEST(Mempool, EveryMbufGoesHome) {
  const auto a = Make({.mbufs = 100});
  const auto b = Make({.mbufs = 100});
  std::vector<PacketHead*> mixed;
  for (int i = 0; i < 50; ++i) {
    mixed.push_back(Take(*a, 1).at(0));
    mixed.push_back(Take(*b, 1).at(0));
  }
  a->Give(mixed);
  EXPECT_EQ(a->available(), 100u);
  EXPECT_EQ(b->available(), 100u);
}

// The bytes of an mbuf that others refer to go home with the last of them.
TEST(Mempool, SharedBytesStayUntilTheLastLetsGo) {
  const auto pool = Make({.mbufs = 63, .cache = 0});
  const auto heads = Take(*pool, 2);
  rte_mbuf* const direct = MbufOf(heads[0]);
  rte_mbuf* const indirect = MbufOf(heads[1]);
  rte_pktmbuf_attach(indirect, direct);
  pool->Give(std::span(heads).first(1));
  EXPECT_EQ(pool->available(), 61u);
  pool->Give(std::span(heads).subspan(1));
  EXPECT_EQ(pool->available(), 63u);
  const auto again = Take(*pool, 63);
  for (PacketHead* const head : again) EXPECT_EQ(head->room_size, 2176u);
  pool->Give(again);
}

TEST(Mempool, APacketPoolTakesItsPacketsFromIt) {
  const auto pool = Make({.mbufs = 255, .cache = 0});
  {
    PacketPool packets(*pool, 64, pool->data_room(), Mempool::kHeadroom);
    PacketBuf packet = packets.Allocate();
    EXPECT_EQ(packet.headroom(), Mempool::kHeadroom);
    EXPECT_EQ(packet.tailroom(), 2176 - Mempool::kHeadroom);
    EXPECT_LT(pool->available(), 255u);
    std::vector<PacketBuf> burst(100);
    EXPECT_EQ(packets.AllocateBurst(burst), 63u);
  }
  EXPECT_EQ(pool->available(), 255u);
}

TEST(Mempool, ARetiredOneWaitsForItsLastMbuf) {
  auto pool = Make({.name = "retiring", .mbufs = 63});
  rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool->get());
  Mempool::Retire(std::move(pool));
  Mempool::FreeRetired();
  EXPECT_NE(rte_mempool_lookup("retiring"), nullptr);
  rte_pktmbuf_free(mbuf);
  // Others may be using theirs while one is made.
  Make({.mbufs = 63});
  EXPECT_NE(rte_mempool_lookup("retiring"), nullptr);
  Mempool::FreeRetired();
  EXPECT_EQ(rte_mempool_lookup("retiring"), nullptr);
}

}  // namespace
}  // namespace corelane::driver::dpdk
