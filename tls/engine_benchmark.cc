// What TLS costs without a network: a client's engine and a server's, in one thread. Both sides'
// work is counted.

#include <benchmark/benchmark.h>

#include <string>

#include "tls/engine_pair.h"

namespace corelane::tls {
namespace {

// Bytes of plaintext in one direction.
void BM_OneWay(benchmark::State& state, const char* suite) {
  TestSettings settings;
  settings.server.cipher_suites = suite;
  EnginePair pair(settings.Server(), settings.Client());
  if (!pair.Connected()) return state.SkipWithError("no handshake");
  const std::string text(static_cast<size_t>(state.range(0)), 'x');
  std::string buffer(64 * 1024, '\0');
  for (auto _ : state) {
    size_t received = 0;
    pair.client.Write(text);
    while (received < text.size()) {
      const Engine::Result result = pair.server.Read(buffer);
      received += result.bytes;
      if (result.status == Engine::Status::kWantInput) EnginePair::Carry(pair.client, pair.server);
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK_CAPTURE(BM_OneWay, Aes128Gcm, "TLS_AES_128_GCM_SHA256")->Arg(100)->Arg(16384)->Arg(65536);
BENCHMARK_CAPTURE(BM_OneWay, ChaCha20, "TLS_CHACHA20_POLY1305_SHA256")->Arg(16384);

void BM_Handshake(benchmark::State& state, bool resumes) {
  TestSettings settings;
  if (!resumes) settings.client.remembered_servers = 0;
  const ServerContext server = settings.Server();
  const ClientContext client = settings.Client();
  for (auto _ : state) {
    EnginePair pair(server, client);
    if (!pair.Connected()) return state.SkipWithError("no handshake");
    pair.Pass(pair.server, pair.client, "x");  // Brings the tickets too.
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(BM_Handshake, FullP256, false);
BENCHMARK_CAPTURE(BM_Handshake, Resumed, true);

}  // namespace
}  // namespace corelane::tls
