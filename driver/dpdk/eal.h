// Eal: DPDK's environment abstraction layer, which a process starts once.
//
//   absl::StatusOr<Eal> eal = EalBuilder().Lcores("0-3").Allow("0000:41:00.0").Start();
//
// What the builder is not told it chooses so that the program starts on any machine: no PCI device
// is touched unless it is allowed or opened later, no files shared with other processes or left
// over after them, hugepages only where they are mounted. Every argument of DPDK can be passed
// through with Raw().
//
// One process has one EAL, and DPDK cannot start it a second time, not even after an attempt that
// failed: Start() is called once, by the main program or by the first device URI that needs it.
// Start and destruction happen on one thread, after all ports are closed. The calling thread
// becomes the main lcore; its CPU affinity stays what it was.
//
// DPDK's log of the start goes into the error, where there is one. What it thinks of arguments that
// it does not know it writes to stdout and stderr, past its log: where the caller has worded some
// (Raw, Lcores, MainLcore), both are the builder's for as long as Start() takes, and what other
// threads write to them meanwhile is lost.

#ifndef CORELANE_DRIVER_DPDK_EAL_H_
#define CORELANE_DRIVER_DPDK_EAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace corelane::driver::dpdk {

enum class Hugepages : uint8_t {
  kAuto,    // where MountedHugepageBytes() is 256 MB or more
  kNever,   // --no-huge: ordinary memory, which no NIC can reach without an IOMMU
  kAlways,  // or Start() fails
};

// In free pages of all sizes together.
uint64_t FreeHugepageBytes();
// In free pages of those sizes that have a mount which we may write to: what an EAL without
// --in-memory can use. The arguments are where the kernel shows mounts and pages.
uint64_t MountedHugepageBytes(const std::string& mounts = "/proc/mounts",
                              const std::string& pages = "/sys/kernel/mm/hugepages");

class Eal {
 public:
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&& other) noexcept;
  // rte_eal_cleanup(). Every port must have been closed.
  ~Eal();

  // Whether this process runs an EAL at present, whoever started it.
  static bool IsRunning();
  // "22.11.4"
  static std::string Version();

 private:
  friend class EalBuilder;
  explicit Eal(bool owns) : owns_(owns) {}

  bool owns_;
};

class EalBuilder {
 public:
  // A list such as "0-3,8" (one lcore on each of these CPUs), or DPDK's own "(0-3)@(0-1)". Default:
  // one lcore, which may run on every CPU that the calling thread may.
  EalBuilder& Lcores(std::string_view list);
  EalBuilder& MainLcore(unsigned lcore);
  EalBuilder& Memory(Hugepages pages) {
    hugepages_ = pages;
    return *this;
  }
  // Megabytes to reserve: of all sockets together. Default: 512 without hugepages; with them DPDK
  // takes what it needs.
  EalBuilder& MemoryMegabytes(unsigned megabytes);
  // No file of this process outlives it (--in-memory). Only with hugepages.
  EalBuilder& InMemory();
  // A virtual device, e.g. "net_tap0,iface=x".
  EalBuilder& Vdev(std::string_view device);
  // A PCI (or VMBus) address with its options, e.g. "0000:41:00.0"; no other of PCI is probed.
  EalBuilder& Allow(std::string_view device);
  // Files of processes that share memory begin with this. Default: of this process only, and those
  // in hugepages are unlinked at once (--huge-unlink), so that none stays of a process that dies.
  EalBuilder& FilePrefix(std::string_view prefix);
  // RTE_LOG_..., from 1 (emergency) to 8 (debug). Default: 4 (errors).
  EalBuilder& LogLevel(unsigned level);
  // Arguments as they are, behind all others.
  EalBuilder& Raw(std::vector<std::string> arguments);

  // The command line that Start() would hand to DPDK, without the program's name. Errors name the
  // setting, the value and what would be right.
  absl::StatusOr<std::vector<std::string>> Arguments() const;
  // FailedPrecondition: an EAL is running, or has been. The error of a start that DPDK refuses
  // holds what DPDK said about it.
  absl::StatusOr<Eal> Start() const;

 private:
  absl::Status Check() const;

  std::optional<std::string> lcores_;
  std::optional<unsigned> main_lcore_;
  Hugepages hugepages_ = Hugepages::kAuto;
  std::optional<unsigned> megabytes_;
  bool in_memory_ = false;
  std::vector<std::string> vdevs_;
  std::vector<std::string> allowed_;
  std::optional<std::string> file_prefix_;
  unsigned log_level_ = 4;
  std::vector<std::string> raw_;
};

// Splits "-l 0 --no-huge --vdev 'net_tap0,iface=x'" at spaces, as a shell would; quotes keep what
// is between them together.
absl::StatusOr<std::vector<std::string>> SplitArguments(std::string_view text);

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_EAL_H_
