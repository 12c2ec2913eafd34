#include "driver/dpdk/port.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "driver/dpdk/test_eal.h"
#include "driver/dpdk/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

[[maybe_unused]] const auto* const kEal = StartTestEal();

using Pools = std::vector<std::unique_ptr<Mempool>>;

// A virtual device of the test's own, with mempools for its queues.
class PortTest : public ::testing::Test {
 protected:
  uint16_t Add(const std::string& device, const std::string& arguments = "") {
    devices_.emplace_back(device, arguments);
    return devices_.back().id();
  }
  Pools& PoolsFor(size_t queues) {
    while (pools_.size() < queues) {
      auto pool = Mempool::Create({.mbufs = 1023});
      EXPECT_TRUE(pool.ok()) << pool.status();
      pools_.push_back(*std::move(pool));
    }
    pools_.resize(queues);
    return pools_;
  }
  absl::StatusOr<Port> TryOpen(uint16_t id, const PortConfig& config) {
    return Port::Open(id, config, PoolsFor(std::min<size_t>(config.queues, 16)));
  }
  Port Open(uint16_t id, const PortConfig& config = {}) {
    auto port = TryOpen(id, config);
    EXPECT_TRUE(port.ok()) << port.status();
    return *std::move(port);
  }
  std::string ErrorOf(uint16_t id, const PortConfig& config) {
    const auto port = TryOpen(id, config);
    EXPECT_FALSE(port.ok());
    return std::string(port.status().message());
  }

  Pools pools_;
  std::vector<TestVdev> devices_;
};

TEST_F(PortTest, IsFoundByItsName) {
  EXPECT_FALSE(Port::Find("net_null0").has_value());
  const uint16_t id = Add("net_null0");
  EXPECT_EQ(Port::Find("net_null0"), id);
  const Port port = Open(id);
  EXPECT_EQ(port.id(), id);
  EXPECT_EQ(port.name(), "net_null0");
  EXPECT_EQ(port.driver(), "net_null");
  EXPECT_NE(port.mac(), MacAddress());
}

TEST_F(PortTest, ErrorsNameTheSetting) {
  const uint16_t id = Add("net_null0");
  EXPECT_EQ(ErrorOf(77, {}), "port 77: DPDK has no such port");
  EXPECT_EQ(ErrorOf(id, {.queues = 0}), "port net_null0: queues: value '0': expected 1 to 1024");
  EXPECT_EQ(ErrorOf(id, {.queues = 1025}),
            "port net_null0: queues: value '1025': expected 1 to 1024");
  EXPECT_EQ(ErrorOf(id, {.mtu = 20}), "port net_null0: mtu: value '20': expected 46 to 65535");
  EXPECT_EQ(ErrorOf(id, {.rss_key = {1, 2, 3}}),
            "port net_null0: RSS key: value '3 bytes': expected 40 bytes");
  EXPECT_EQ(Port::Open(id, {.queues = 2}, PoolsFor(1)).status().message(),
            "port net_null0: pools: value '1': expected one for each of 2 queues");
}

TEST_F(PortTest, HasOneOwner) {
  const uint16_t id = Add("net_ring0");
  const Port port = Open(id);
  const absl::Status status = TryOpen(id, {}).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(status.message(), "port net_ring0: is open already");
}

TEST_F(PortTest, MovesAndClosesOnce) {
  const uint16_t id = Add("net_null0");
  {
    Port a = Open(id, {.queues = 2});
    Port b = std::move(a);
    EXPECT_EQ(b.config().queues, 2);
    a = std::move(b);
    EXPECT_EQ(a.name(), "net_null0");
  }
  EXPECT_FALSE(rte_eth_dev_is_valid_port(id));
}

TEST_F(PortTest, DoesOfWhatIsWantedWhatItCan) {
  const Port port =
      Open(Add("net_null0"),
           {.rx_offloads = ~uint64_t{0}, .tx_offloads = ~uint64_t{0}, .rss_hash = ~uint64_t{0}});
  const rte_eth_dev_info info = port.info();
  EXPECT_EQ(port.config().rx_offloads, info.rx_offload_capa);
  EXPECT_EQ(port.config().tx_offloads, info.tx_offload_capa);
  EXPECT_EQ(port.config().rss_hash, info.flow_type_rss_offloads);
  EXPECT_NE(port.config().tx_offloads, ~uint64_t{0});
}

TEST_F(PortTest, InterruptsAreHadWhereThereAreSome) {
  EXPECT_FALSE(Open(Add("net_null0"), {.rx_interrupts = true}).config().rx_interrupts);
}

TEST_F(PortTest, EachQueueHasItsPool) {
  const uint16_t id = Add("net_null0");
  const Port port = Open(id, {.queues = 2});
  for (uint16_t queue = 0; queue < 2; ++queue) {
    std::array<rte_mbuf*, 4> mbufs{};
    ASSERT_EQ(rte_eth_rx_burst(id, queue, mbufs.data(), 4), 4);
    EXPECT_EQ(mbufs[0]->pool, pools_[queue]->get());
    rte_pktmbuf_free_bulk(mbufs.data(), 4);
    EXPECT_EQ(pools_[queue]->available(), pools_[queue]->mbufs());
  }
}

TEST_F(PortTest, TheIndirectionTableIsWrittenAndRead) {
  Port port = Open(Add("net_null0"), {.queues = 4, .rss_hash = RTE_ETH_RSS_IP});
  const size_t size = port.info().reta_size;
  ASSERT_EQ(size, 128u);
  std::vector<uint16_t> table(size);
  for (size_t i = 0; i < size; ++i) table[i] = static_cast<uint16_t>((i * i + 1) % 4);
  ASSERT_TRUE(port.SetReta(table).ok());
  EXPECT_EQ(port.Reta().value(), table);
  table[70] = 4;
  EXPECT_EQ(port.SetReta(table).message(),
            "port net_null0: indirection table, entry 70: value '4': expected a queue below 4");
  EXPECT_EQ(port.SetReta({}).message(),
            "port net_null0: indirection table: value '0 entries': expected 128 entries");
}

TEST_F(PortTest, NoIndirectionTable) {
  Port port = Open(Add("net_ring0"));
  EXPECT_TRUE(absl::IsNotFound(port.Reta().status()));
  EXPECT_TRUE(absl::IsNotFound(port.SetReta({})));
  EXPECT_THAT(std::string(port.Reta().status().message()),
              HasSubstr("port net_ring0: it has no indirection table"));
  EXPECT_TRUE(absl::IsNotFound(port.Rss().status())) << port.Rss().status();
}

TEST_F(PortTest, TheKeyAndFunctionsOfTheHash) {
  std::vector<uint8_t> key(40);
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i + 1);
  Port port = Open(Add("net_null0"), {.queues = 2, .rss_hash = RTE_ETH_RSS_TCP});
  const uint64_t can = port.info().flow_type_rss_offloads;
  const uint64_t functions = RTE_ETH_RSS_NONFRAG_IPV4_TCP & can;
  ASSERT_TRUE(port.SetRss({.functions = functions, .key = key}).ok());
  EXPECT_EQ(port.Rss()->key, key);
  EXPECT_EQ(port.Rss()->functions, functions);
  ASSERT_TRUE(port.SetRss({.functions = functions}).ok());
  EXPECT_EQ(port.Rss()->key, key);
  EXPECT_EQ(port.SetRss({.functions = functions, .key = {1}}).message(),
            "port net_null0: RSS key: value '1 bytes': expected 40 bytes");
  EXPECT_THAT(std::string(port.SetRss({.functions = ~can}).message()),
              HasSubstr("RSS functions: value '0x"));
}

TEST_F(PortTest, TheLinkGoesUpAndDown) {
  Port port = Open(Add("net_ring0"));
  EXPECT_TRUE(port.link().up);
  EXPECT_TRUE(port.link().full_duplex);
  EXPECT_EQ(port.link().megabits, 10000u);
  ASSERT_TRUE(port.SetLink(false).ok());
  EXPECT_FALSE(port.link().up);
  ASSERT_TRUE(port.SetLink(true).ok());
  EXPECT_TRUE(port.link().up);
}

TEST_F(PortTest, WhatADriverCannotDoIsUnimplemented) {
  Port port = Open(Add("net_null0"));
  const absl::Status status = port.SetLink(false);
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("port net_null0: link down: "));
  // As a wish at the opening it is none.
  EXPECT_TRUE(TryOpen(Add("net_null1"), {.promiscuous = true}).ok());
}

TEST_F(PortTest, Promiscuous) {
  const uint16_t id = Add("net_ring0");
  Port port = Open(id, {.promiscuous = true});
  EXPECT_EQ(rte_eth_promiscuous_get(id), 1);
  ASSERT_TRUE(port.SetPromiscuous(false).ok());
  EXPECT_EQ(rte_eth_promiscuous_get(id), 0);
}

// Both are on from the start with net_ring.
TEST_F(PortTest, GroupsAreHeardUnlessTheyAreNotWanted) {
  const auto deaf = [this](const std::string& name) {
    const uint16_t id = Add(name);
    EXPECT_EQ(rte_eth_promiscuous_disable(id), 0);
    EXPECT_EQ(rte_eth_allmulticast_disable(id), 0);
    return id;
  };
  const uint16_t id = deaf("net_ring0");
  Port port = Open(id);
  EXPECT_TRUE(port.config().all_multicast);
  EXPECT_EQ(rte_eth_allmulticast_get(id), 1);
  EXPECT_EQ(rte_eth_promiscuous_get(id), 0);
  ASSERT_TRUE(port.SetAllMulticast(false).ok());
  EXPECT_EQ(rte_eth_allmulticast_get(id), 0);
  const uint16_t other = deaf("net_ring1");
  const Port without = Open(other, {.all_multicast = false});
  EXPECT_EQ(rte_eth_allmulticast_get(other), 0);
  EXPECT_EQ(rte_eth_promiscuous_get(other), 0);
}

TEST_F(PortTest, MtuAndAddress) {
  Port port = Open(Add("net_null0"));
  ASSERT_TRUE(port.SetMtu(9000).ok());
  EXPECT_EQ(port.config().mtu, 9000);
  const MacAddress mac(2, 0, 0, 0, 0, 7);
  ASSERT_TRUE(port.SetMac(mac).ok());
  EXPECT_EQ(port.mac(), mac);
}

TEST_F(PortTest, Statistics) {
  const uint16_t id = Add("net_null0", "size=100");
  const Port port = Open(id);
  std::array<rte_mbuf*, 5> mbufs{};
  ASSERT_EQ(rte_eth_rx_burst(id, 0, mbufs.data(), 5), 5);
  ASSERT_EQ(rte_eth_tx_burst(id, 0, mbufs.data(), 5), 5);
  EXPECT_EQ(port.stats().ipackets, 5u);
  EXPECT_EQ(port.stats().opackets, 5u);
  EXPECT_THAT(port.xstats(), Contains(Pair("rx_good_packets", 5u)));
  EXPECT_THAT(port.xstats(), Contains(Pair("tx_good_packets", 5u)));
}

}  // namespace
}  // namespace corelane::driver::dpdk
