// net_ring: rte_rings in place of a wire, between two ports of one process or from a port to
// itself.
//
//   dpdk:net_ring,wire=a      the first two that are opened get the two ends of a wire
//   dpdk:net_ring             the same; the wire's name is net_ring
//   dpdk:net_ring0            what it sends comes back
//
// A packet crosses without being copied: it stays one of the sender's pool, and goes back there
// from wherever it is freed.

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

constexpr uint16_t kMaxQueues = 16;
constexpr uint64_t kDepth = 256;
constexpr uint64_t kMaxDepth = 65536;

struct Wire {
  std::vector<rte_ring*> towards[2];  // one ring a queue, to either end
  std::optional<uint16_t> taken[2];   // by this port
};

// Looked at while devices are opened and closed only.
std::mutex mutex;
std::map<std::string, Wire>& Wires() {
  static auto* const wires = new std::map<std::string, Wire>;
  return *wires;
}

void FreeRings(Wire& wire) {
  for (auto& rings : wire.towards) {
    for (rte_ring* const ring : rings) rte_ring_free(ring);
    rings.clear();
  }
}

// Frees what nobody will receive any more.
void Drain(std::vector<rte_ring*>& rings) {
  for (rte_ring* const ring : rings) {
    void* mbuf = nullptr;
    while (rte_ring_dequeue(ring, &mbuf) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  }
}

// "dpdk:net_ring: wire: value 'a': " and what is wrong with it.
std::string About(const PmdRequest& request, const std::string& wire, std::string_view what) {
  return Cat("dpdk:", request.name, ": wire: value '", wire, "': ", what);
}

absl::Status MakeRings(const PmdRequest& request, const std::string& name, uint64_t depth,
                       Wire& wire) {
  for (const size_t end : {0u, 1u}) {
    for (uint16_t i = 0; i < request.queues; ++i) {
      const std::string ring_name = Cat("clw-", name, "-", end, "-", i);
      // A queue belongs to one thread at each end.
      rte_ring* const ring =
          rte_ring_create(ring_name.c_str(), static_cast<unsigned>(depth), SOCKET_ID_ANY,
                          RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
      if (ring == nullptr) {
        const std::string why = rte_strerror(rte_errno);
        FreeRings(wire);
        return absl::ResourceExhaustedError(
            About(request, name, Cat("its rings of ", depth, " mbufs: ", why)));
      }
      wire.towards[end].push_back(ring);
    }
  }
  return absl::OkStatus();
}

struct RingOptions {
  std::string wire;
  uint64_t depth = kDepth;
  bool loops = false;
};

absl::StatusOr<RingOptions> ReadOptions(const PmdRequest& request) {
  OptionReader reader(Cat("dpdk:", request.name), request.options);
  RingOptions out;
  out.wire = reader.String("wire", "");
  const bool numbered = std::isdigit(static_cast<unsigned char>(request.name.back())) != 0;
  out.loops = out.wire.empty() && numbered;
  if (out.wire.empty()) out.wire = request.name;
  if (out.wire.size() > 12) reader.Refuse("wire", out.wire, "at most 12 characters");
  out.depth = reader.Unsigned("depth", kDepth, 2, kMaxDepth);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  return out;
}

absl::StatusOr<uint16_t> Create(const PmdRequest& request) {
  const absl::StatusOr<RingOptions> options = ReadOptions(request);
  if (!options.ok()) return options.status();
  const std::lock_guard lock(mutex);
  const bool fresh = !Wires().contains(options->wire);
  Wire& wire = Wires()[options->wire];
  if (fresh) {
    absl::Status status = MakeRings(request, options->wire, options->depth, wire);
    if (!status.ok()) {
      Wires().erase(options->wire);
      return status;
    }
  }
  const size_t end = wire.taken[0] ? 1 : 0;
  if (wire.taken[end] || (options->loops && !fresh)) {
    return absl::AlreadyExistsError(About(request, options->wire, "both ends are open already"));
  }
  if (wire.towards[0].size() != request.queues) {
    return absl::InvalidArgumentError(Cat("dpdk:", request.name, ": queues: value '",
                                          request.queues, "': expected ", wire.towards[0].size(),
                                          ", as the other end of wire '", options->wire, "' has"));
  }
  std::vector<rte_ring*>& rx = wire.towards[end];
  std::vector<rte_ring*>& tx = options->loops ? rx : wire.towards[1 - end];
  const std::string name = Cat(options->wire, "-", end);
  const int port =
      rte_eth_from_rings(name.c_str(), rx.data(), request.queues, tx.data(), request.queues, 0);
  if (port < 0) {
    const std::string why = rte_strerror(rte_errno);
    if (fresh) {
      FreeRings(wire);
      Wires().erase(options->wire);
    }
    return absl::InternalError(About(request, options->wire, why));
  }
  wire.taken[end] = static_cast<uint16_t>(port);
  return static_cast<uint16_t>(port);
}

void Destroyed(uint16_t port) {
  const std::lock_guard lock(mutex);
  const auto found = std::find_if(Wires().begin(), Wires().end(), [&](const auto& wire) {
    return wire.second.taken[0] == port || wire.second.taken[1] == port;
  });
  if (found == Wires().end()) return;
  Wire& wire = found->second;
  const size_t end = wire.taken[0] == port ? 0 : 1;
  wire.taken[end].reset();
  Drain(wire.towards[end]);
  if (wire.taken[1 - end]) return;
  Drain(wire.towards[1 - end]);
  FreeRings(wire);
  Wires().erase(found);
}

const RegisterPmd kRegister({.driver = "net_ring",
                             .usage = "net_ring[,wire=NAME][,depth=256]",
                             .create = &Create,
                             .destroyed = &Destroyed,
                             .max_queues = kMaxQueues,
                             // Nothing is computed on the way, whatever the driver announces.
                             .rx_offloads = 0,
                             .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS});

}  // namespace
}  // namespace corelane::driver::dpdk
