// Any bytes into a server's engine, before its handshake and after it: no crash, and what waits to
// be sent stays bounded. The first byte says which, and how the rest is cut into pieces.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "tls/engine_pair.h"

namespace corelane::tls {
namespace {

const ServerContext& Server() {
  static const ServerContext context = TestSettings().Server();
  return context;
}

// Reads whatever there is; false at an end.
bool Drain(Engine& engine) {
  char buffer[1000];
  for (;;) {
    const Engine::Result result = engine.Read(buffer);
    CL_CHECK(engine.output_size() < 300'000);
    if (result.status == Engine::Status::kWantInput) return true;
    if (result.status != Engine::Status::kOk) return false;
    CL_CHECK(result.bytes > 0);
  }
}

void Feed(Engine& engine, std::string_view bytes, size_t piece) {
  while (!bytes.empty() && Drain(engine)) {
    const std::span<char> room = engine.InputBuffer();
    const size_t size = std::min({room.size(), bytes.size(), piece});
    std::copy_n(bytes.data(), size, room.begin());
    engine.OnInput(size);
    bytes.remove_prefix(size);
  }
  Drain(engine);
  engine.OnInputEnd();
  CL_CHECK(!Drain(engine));
}

}  // namespace
}  // namespace corelane::tls

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::tls;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece = (data[0] & 0x7e) == 0 ? 100'000 : data[0] & 0x7e;
  if ((data[0] & 1) == 0) {
    Engine engine(Server());
    Feed(engine, bytes, piece);
    return 0;
  }
  static const TestSettings settings;
  static const ServerContext server = settings.Server();
  static const ClientContext client = settings.Client();
  EnginePair pair(server, client);
  CL_CHECK(pair.Connected());
  if ((data[0] & 0x80) == 0) {
    Feed(pair.server, bytes, piece);
  } else {
    Feed(pair.client, bytes, piece);
  }
  return 0;
}
