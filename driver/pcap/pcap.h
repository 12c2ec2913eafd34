// pcap: replays a capture file into the stack and writes what the stack sends to another.
//
// URI: `pcap:IN[,out=FILE][,speed=X][,loop=N][,mtu=N][,pool=N][,mac=MAC]`. IN may be empty: nothing
// is received. speed=0 (the default) replays as fast as the stack reads; 1 keeps the original
// timing, 2 is twice as fast. loop=N replays the file N times, 0 for ever. The file is read into
// memory once; time begins with the first ReceiveBurst.
//
// Frames that were captured only in part, that are shorter than an Ethernet header or longer than
// the MTU allows, are dropped and counted in rx_dropped; so is the place where a file is truncated
// or corrupt, and the replay (this round of it) ends there. What is sent goes to `out`, or nowhere.

#ifndef CORELANE_DRIVER_PCAP_PCAP_H_
#define CORELANE_DRIVER_PCAP_PCAP_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "driver/device.h"
#include "driver/registry.h"
#include "driver/uri.h"

namespace corelane::driver {

struct PcapOptions {
  std::string in;   // empty: receives nothing
  std::string out;  // empty: what is sent is discarded
  double speed = 0;
  uint64_t loop = 1;  // 0: for ever
  uint16_t mtu = 1500;
  uint32_t pool_packets = 8192;
  MacAddress mac{0x02, 'p', 'c', 'a', 'p', 0x00};
  // Added to an Instant's time gives the time since 1970, for `out`.
  Duration wall_offset{0};
};

absl::StatusOr<std::unique_ptr<Device>> MakePcapDevice(const PcapOptions& options);

// What `pcap:` URIs call.
absl::StatusOr<std::unique_ptr<Device>> OpenPcap(const DeviceUri& uri, const OpenOptions& options);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_PCAP_PCAP_H_
