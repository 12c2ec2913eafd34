#include "examples/loadgen/tally.h"

#include <numeric>

namespace corelane::load {

void Tally::Merge(const Tally& other) {
  in_window += other.in_window;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  answered += other.answered;
  body_bytes += other.body_bytes;
  unsent += other.unsent;
  connections += other.connections;
  for (size_t i = 0; i < kMaxStatus; ++i) by_status[i] += other.by_status[i];
  for (size_t i = 0; i < kFailures; ++i) {
    if (failures[i] == 0) reasons[i] = other.reasons[i];
    failures[i] += other.failures[i];
  }
  service.Merge(other.service);
  response.Merge(other.response);
  connect.Merge(other.connect);
}

uint64_t Tally::failed() const {
  return std::accumulate(failures.begin(), failures.end(), uint64_t{0});
}

}  // namespace corelane::load
