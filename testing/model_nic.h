// The model NIC: two network cards on one wire that do exactly what their capability bits say.
//
//   stack A -> [checks, VLAN insert, checksums, TSO] -> frames -> [VLAN strip, checks, RSS, LRO] ->
//   B
//
// Whole frames of bytes cross the wire, as they would between machines, so a stack that leaves work
// to a device that does not offer it, or describes it wrongly, is found out: such packets are
// dropped and counted as violations. A test turns the bits on one by one and expects the same
// conversation with each.
//
//   ModelNicPair pair = MakeModelNicPair({.a = {.tx_checksum_l4 = true, .max_tx_segments = 4}});
//   ...
//   EXPECT_EQ(pair.a->nic_stats().violations, 0u);
//
// Both ends live on one thread. Frames reach the receiver's queue that the RSS hash picks.

#ifndef CORELANE_TESTING_MODEL_NIC_H_
#define CORELANE_TESTING_MODEL_NIC_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/toeplitz.h"
#include "driver/device.h"

namespace corelane::testing {

struct ModelNicOptions {
  std::string name = "model";
  driver::Capabilities a;
  driver::Capabilities b;
  uint16_t mtu = 1500;
  uint16_t queues = 1;
  uint32_t depth = 1024;  // frames that wait for each receiving queue
  uint32_t pool_packets = 4096;
  Toeplitz::Key rss_key = Toeplitz::kSymmetricKey;
  driver::RssPorts rss_ports;
  // Sees each frame as it is on the wire; `from`: 0 for a, 1 for b.
  std::function<void(size_t from, std::span<const uint8_t> frame)> observer;
};

// What one card did, all its queues together.
struct ModelNicStats {
  uint64_t violations = 0;  // packets that its capabilities forbid, or that were described wrongly
  uint64_t completed_checksums = 0;
  uint64_t cut_packets = 0;  // into cut_frames by TSO
  uint64_t cut_frames = 0;
  uint64_t merged_frames = 0;  // into packets by LRO, the first ones included
  uint64_t bad_checksums = 0;  // received
  uint64_t inserted_tags = 0;
  uint64_t stripped_tags = 0;
};

class ModelNic : public driver::Device {
 public:
  virtual const ModelNicStats& nic_stats() const = 0;
};

struct ModelNicPair {
  std::unique_ptr<ModelNic> a;
  std::unique_ptr<ModelNic> b;
};

ModelNicPair MakeModelNicPair(const ModelNicOptions& options = {});

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_MODEL_NIC_H_
