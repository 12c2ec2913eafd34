// From snapshots to the families of metrics that Prometheus knows. Private to the folder.

#ifndef CORELANE_RUNTIME_METRICS_FAMILIES_H_
#define CORELANE_RUNTIME_METRICS_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "driver/device.h"
#include "runtime/metrics/snapshot.h"

namespace corelane::runtime {

// A port, as it describes itself.
struct PortSnapshot {
  std::string name;
  std::optional<driver::LinkStatus> link;
  std::vector<std::pair<std::string, uint64_t>> counters;
};

// A family for every metric, with samples or without.
std::vector<prometheus::MetricFamily> ToFamilies(std::span<const LaneSnapshot> lanes,
                                                 std::span<const PortSnapshot> ports);

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_METRICS_FAMILIES_H_
