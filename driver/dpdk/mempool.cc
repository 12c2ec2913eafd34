#include "driver/dpdk/mempool.h"

#include <rte_errno.h>
#include <rte_lcore.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "driver/dpdk/eal.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

std::string FreshName() {
  static std::atomic<uint32_t> counter{0};
  return Cat("corelane-", counter++);
}

absl::Status BadSetting(std::string_view name, std::string_view value, std::string_view right) {
  return absl::InvalidArgumentError(
      Cat("mempool: ", name, ": value '", value, "': expected ", right));
}

absl::Status Check(const MempoolConfig& config) {
  if (!Eal::IsRunning()) return absl::FailedPreconditionError("mempool: no EAL is running");
  if (config.mbufs < 2) return BadSetting("mbufs", Cat(config.mbufs), "at least 2");
  if (config.name.size() > 25) return BadSetting("name", config.name, "at most 25 characters");
  if (config.data_room <= Mempool::kHeadroom || config.data_room > UINT16_MAX) {
    return BadSetting("data room", Cat(config.data_room),
                      Cat("more than the headroom, ", Mempool::kHeadroom, ", and at most 65535"));
  }
  return absl::OkStatus();
}

// What a head says of its mbuf for good.
void TellRoom(rte_mempool*, void*, void* object, unsigned) {
  auto* const mbuf = static_cast<rte_mbuf*>(object);
  PacketHead* const head = HeadOf(mbuf);
  head->room = static_cast<uint8_t*>(mbuf->buf_addr);
  head->room_size = mbuf->buf_len;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mempool>> Mempool::Create(const MempoolConfig& config) {
  if (absl::Status status = Check(config); !status.ok()) return status;
  const std::string name = config.name.empty() ? FreshName() : config.name;
  // DPDK's bounds of a cache: its own, and two thirds of the pool.
  const uint32_t cache =
      std::min<uint32_t>({config.cache, RTE_MEMPOOL_CACHE_MAX_SIZE, config.mbufs * 2 / 3});
  rte_mempool* const pool =
      rte_pktmbuf_pool_create(name.c_str(), config.mbufs, cache, kPrivateSize,
                              static_cast<uint16_t>(config.data_room), config.socket);
  if (pool == nullptr) {
    return absl::ResourceExhaustedError(Cat("mempool ", name, ": ", config.mbufs, " mbufs of ",
                                            config.data_room, " bytes: ", rte_strerror(rte_errno)));
  }
  rte_mempool_obj_iter(pool, &TellRoom, nullptr);
  return std::unique_ptr<Mempool>(new Mempool(pool));
}

Mempool::~Mempool() { rte_mempool_free(pool_); }

namespace {

struct Retired {
  std::mutex mutex;
  std::vector<std::unique_ptr<Mempool>> pools;
};
Retired& RetiredPools() {
  static auto* const retired = new Retired;
  return *retired;
}

}  // namespace

void Mempool::Retire(std::unique_ptr<Mempool> pool) {
  Retired& retired = RetiredPools();
  const std::lock_guard lock(retired.mutex);
  retired.pools.push_back(std::move(pool));
}

void Mempool::FreeRetired() {
  Retired& retired = RetiredPools();
  const std::lock_guard lock(retired.mutex);
  std::erase_if(retired.pools, [](const auto& p) { return rte_mempool_full(p->get()) != 0; });
}

size_t Mempool::Take(std::span<PacketHead*> out) {
  constexpr size_t kMost = 64;
  void* mbufs[kMost];
  const auto take = [&](size_t n) {
    return rte_mempool_get_bulk(pool_, mbufs, static_cast<unsigned>(n)) == 0;
  };
  size_t done = 0;
  for (size_t most = kMost; done < out.size();) {
    const size_t n = std::min(out.size() - done, most);
    if (!take(n)) {  // all or nothing, each time
      if (n == 1) break;
      most = n / 2;
      continue;
    }
    for (size_t i = 0; i < n; ++i) out[done++] = HeadOf(static_cast<rte_mbuf*>(mbufs[i]));
  }
  return done;
}

void Mempool::FlushCache() {
  rte_mempool_cache_flush(rte_mempool_default_cache(pool_, rte_lcore_id()), pool_);
}

void Mempool::Give(std::span<PacketHead* const> heads) {
  constexpr size_t kMost = 64;
  void* mbufs[kMost];
  size_t n = 0;
  rte_mempool* home = nullptr;
  const auto flush = [&] {
    if (n > 0) rte_mempool_put_bulk(home, mbufs, static_cast<unsigned>(n));
    n = 0;
  };
  for (PacketHead* const head : heads) {
    rte_mbuf* const mbuf = MbufOf(head);
    if (!RTE_MBUF_DIRECT(mbuf) || rte_mbuf_refcnt_read(mbuf) != 1) [[unlikely]] {
      // Its bytes are somebody else's as well: DPDK knows whose.
      rte_pktmbuf_free_seg(mbuf);
      continue;
    }
    if (mbuf->pool != home || n == kMost) {
      flush();
      home = mbuf->pool;
    }
    mbufs[n++] = mbuf;
  }
  flush();
}

}  // namespace corelane::driver::dpdk
