// Any way of cutting the bytes into pieces gives the same messages and the same end; no message
// passes the limit. The first byte chooses the compression.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "grpc/wire/frame.h"

namespace {

using namespace corelane::grpc;

constexpr size_t kLimit = 4096;

std::string Read(Compression compression, std::string_view bytes, size_t piece) {
  MessageReader reader(kLimit);
  reader.set_compression(compression);
  std::string got;
  while (!bytes.empty()) {
    std::string_view input = bytes.substr(0, piece);
    bytes.remove_prefix(input.size());
    for (;;) {
      const MessageReader::Event event = reader.Next(input);
      if (event == MessageReader::Event::kNeedMore) break;
      if (event == MessageReader::Event::kError) return got + reader.status().ToString();
      CL_CHECK(reader.message().size() <= kLimit);
      got.append("[").append(reader.message()).append("]");
    }
    CL_CHECK(input.empty());
  }
  return got + reader.Finish().ToString();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto compression = static_cast<Compression>(data[0] % 3);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string expected = Read(compression, bytes, bytes.size());
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{100}}) {
    CL_CHECK(Read(compression, bytes, piece) == expected);
  }
  return 0;
}
