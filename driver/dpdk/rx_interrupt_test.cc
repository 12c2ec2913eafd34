// The queue's event of a driver that has one, net_virtio_user, whose other side is a vhost in this
// process. What every device shows of its wake-ups the conformance suite tests.

#include "driver/dpdk/rx_interrupt.h"

#include <poll.h>
#include <rte_ethdev.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "driver/dpdk/eal.h"
#include "driver/dpdk/mempool.h"
#include "driver/dpdk/port.h"
#include "driver/dpdk/test_eal.h"
#include "driver/dpdk/test_socket.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

// Never destroyed: the driver's alarms may fire when its port is gone.
struct Wire {
  Wire() {
    eal = EalBuilder().Memory(Hugepages::kNever).MemoryMegabytes(128).Start().value();
    const TestSocket socket;
    for (int i = 0; i < 2; ++i) pools.push_back(Mempool::Create({.mbufs = 2047}).value());
    vhost = Port::Open(TestVdev("net_vhost0", "iface=" + socket.path()).Release(), {},
                       std::span(pools).first(1))
                .value();
    virtio = Port::Open(TestVdev("net_virtio_user0", "path=" + socket.path()).Release(),
                        {.rx_interrupts = true}, std::span(pools).last(1))
                 .value();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!vhost->link().up && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(vhost->link().up);
  }
  // From the vhost to the other side.
  void Send() {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pools[0]->get());
    rte_pktmbuf_append(mbuf, 60);
    EXPECT_EQ(rte_eth_tx_burst(vhost->id(), 0, &mbuf, 1), 1);
  }
  size_t Receive() {
    std::array<rte_mbuf*, 8> mbufs{};
    const uint16_t n = rte_eth_rx_burst(virtio->id(), 0, mbufs.data(), mbufs.size());
    rte_pktmbuf_free_bulk(mbufs.data(), n);
    return n;
  }

  std::optional<Eal> eal;
  std::vector<std::unique_ptr<Mempool>> pools;
  std::optional<Port> vhost;
  std::optional<Port> virtio;
};

Wire& TheWire() {
  static auto* const wire = new Wire;
  return *wire;
}

bool IsReadable(const RxInterrupt& interrupt, int timeout_ms) {
  pollfd p{.fd = interrupt.fd(), .events = POLLIN, .revents = 0};
  return poll(&p, 1, timeout_ms) == 1;
}

TEST(RxInterrupt, FiresOnceForEachTimeItIsArmed) {
  Wire& wire = TheWire();
  ASSERT_TRUE(wire.virtio->config().rx_interrupts);
  auto interrupt = RxInterrupt::Open(wire.virtio->id(), 0);
  ASSERT_TRUE(interrupt.has_value());
  RxInterrupt moved = *std::move(interrupt);
  EXPECT_EQ(wire.Receive(), 0u);
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(moved.Arm());
    ASSERT_TRUE(moved.Arm());
    EXPECT_FALSE(IsReadable(moved, 0));
    wire.Send();
    EXPECT_TRUE(IsReadable(moved, 10000));
    moved.Disarm();
    EXPECT_FALSE(IsReadable(moved, 0));
    EXPECT_EQ(wire.Receive(), 1u);
  }
  // Who polls is not interrupted.
  wire.Send();
  EXPECT_FALSE(IsReadable(moved, 0));
  EXPECT_EQ(wire.Receive(), 1u);
}

TEST(RxInterrupt, APortWithoutInterruptsHasNone) {
  EXPECT_FALSE(RxInterrupt::Open(TheWire().vhost->id(), 0).has_value());
}

}  // namespace
}  // namespace corelane::driver::dpdk

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int status = RUN_ALL_TESTS();
  std::_Exit(status);  // with the wire as it is
}
