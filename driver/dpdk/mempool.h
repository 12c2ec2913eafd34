// Mempool: an rte_mempool of mbufs that are PacketBufs at the same time.
//
//   +----------+------------+----------+----------+--------------------+
//   | rte_mbuf | PacketHead | headroom | data     | tailroom           |
//   +----------+------------+----------+----------+--------------------+
//    128 bytes  private area  ------------ buf_addr[] -----------------
//
// The head lies in the mbuf's private area, so that either is found from the other by adding a
// constant. All pools of ours have the same private size.
//
// A Mempool belongs to DPDK's memory: it may be shared by threads (rte_mempool is multi-producer,
// multi-consumer); a PacketPool over it belongs to one. Every mbuf must have come back before the
// destructor runs.

#ifndef CORELANE_DRIVER_DPDK_MEMPOOL_H_
#define CORELANE_DRIVER_DPDK_MEMPOOL_H_

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "core/packet.h"

namespace corelane::driver::dpdk {

struct MempoolConfig {
  std::string name;  // at most 25 characters, unique in the process; empty: one is made up
  uint32_t mbufs = 8191;
  uint32_t cache = 256;                               // mbufs of each lcore's cache
  uint32_t data_room = PacketPool::kDefaultDataRoom;  // bytes of a room, headroom included
  int socket = SOCKET_ID_ANY;                         // NUMA node
};

class Mempool final : public PacketSource {
 public:
  // Errors name the setting, the value and what would be right. An EAL is running.
  static absl::StatusOr<std::unique_ptr<Mempool>> Create(const MempoolConfig& config);
  ~Mempool();
  // Keeps the pool until FreeRetired() finds that its last mbuf has come back: what a port has
  // handed to another one in this process may outlive it. What never comes back stays until DPDK's
  // memory goes.
  static void Retire(std::unique_ptr<Mempool> pool);
  // Call while no other thread uses a mempool: one that moves its cache's mbufs to the pool counts
  // them twice for a moment, and the pool looks full although some are still out.
  static void FreeRetired();
  Mempool(const Mempool&) = delete;
  Mempool& operator=(const Mempool&) = delete;

  size_t Take(std::span<PacketHead*> out) override;
  void Give(std::span<PacketHead* const> heads) override;

  // Gives what the calling thread's cache holds to the pool, where every thread can have it.
  void FlushCache();

  rte_mempool* get() const { return pool_; }
  uint32_t mbufs() const { return pool_->size; }
  uint32_t data_room() const { return rte_pktmbuf_data_room_size(pool_); }
  // Counts over all lcores' caches: for metrics, not for the data path.
  uint32_t available() const { return rte_mempool_avail_count(pool_); }

  static constexpr size_t kHeadroom = RTE_PKTMBUF_HEADROOM;

 private:
  explicit Mempool(rte_mempool* pool) : pool_(pool) {}

  rte_mempool* pool_;
};
static_assert(Mempool::kHeadroom == PacketPool::kDefaultHeadroom);

inline constexpr size_t kHeadOffset = sizeof(rte_mbuf);
inline constexpr uint16_t kPrivateSize = (sizeof(PacketHead) + 63) / 64 * 64;

inline PacketHead* HeadOf(rte_mbuf* mbuf) {
  return reinterpret_cast<PacketHead*>(reinterpret_cast<uint8_t*>(mbuf) + kHeadOffset);
}
inline rte_mbuf* MbufOf(PacketHead* head) {
  return reinterpret_cast<rte_mbuf*>(reinterpret_cast<uint8_t*>(head) - kHeadOffset);
}

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_MEMPOOL_H_
