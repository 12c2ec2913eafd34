#include "testing/sim_capture.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "driver/pcap_file.h"

namespace corelane::testing {

void SimCapture::Add(Instant at, std::span<const uint8_t> frame) {
  if (records_.empty()) return;
  Record& record = records_[next_];
  record.at = at;
  record.frame.assign(frame.begin(), frame.end());
  next_ = (next_ + 1) % records_.size();
  count_ = std::min(count_ + 1, records_.size());
}

absl::Status SimCapture::Write(const std::string& path) const {
  auto file = driver::PcapFile::Create(path);
  if (!file.ok()) return file.status();
  for (size_t i = 0; i < count_; ++i) {
    const Record& record = records_[(next_ + records_.size() - count_ + i) % records_.size()];
    const auto nanoseconds = static_cast<uint64_t>(record.at.time_since_epoch().count());
    const auto length = static_cast<uint32_t>(record.frame.size());
    const uint32_t header[4] = {static_cast<uint32_t>(nanoseconds / 1'000'000'000),
                                static_cast<uint32_t>(nanoseconds % 1'000'000'000), length, length};
    Bytes bytes(sizeof header);
    std::memcpy(bytes.data(), header, sizeof header);
    bytes.insert(bytes.end(), record.frame.begin(), record.frame.end());
    if (!(*file)->Append(bytes)) return absl::UnavailableError("cannot write to " + path);
  }
  return absl::OkStatus();
}

std::string TestOutputPath(const std::string& name) {
  for (const char* variable : {"TEST_UNDECLARED_OUTPUTS_DIR", "TEST_TMPDIR", "TMPDIR"}) {
    const char* const directory = std::getenv(variable);
    if (directory != nullptr) return std::string(directory) + "/" + name;
  }
  return "/tmp/" + name;
}

}  // namespace corelane::testing
