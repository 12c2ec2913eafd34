// Any bytes are either refused with a reason or give records that lie inside of them.

#include <cstddef>
#include <cstdint>

#include "core/check.h"
#include "driver/pcap_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::driver::PcapReader;
  auto reader = PcapReader::Open({data, size}, "fuzz");
  if (!reader.ok()) {
    CL_CHECK(!reader.status().message().empty());
    return 0;
  }
  size_t used = 24;
  while (const auto record = reader->Next()) {
    used += 16 + record->bytes.size();
    CL_CHECK(record->bytes.data() >= data &&
             record->bytes.data() + record->bytes.size() <= data + size);
    CL_CHECK(record->time.count() >= 0);
  }
  CL_CHECK(reader->end() != PcapReader::End::kNone && used <= size);
  CL_CHECK((reader->end() == PcapReader::End::kEndOfFile) == (used == size));
  return 0;
}
