// For tests: a client's engine and a server's with a wire between them that the test can cut.

#ifndef CORELANE_TLS_ENGINE_PAIR_H_
#define CORELANE_TLS_ENGINE_PAIR_H_

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "tls/engine.h"
#include "tls/test_certificates.h"

namespace corelane::tls {

// Contexts that fit together, to be changed before Make.
struct TestSettings {
  TestSettings() {
    server.identities.push_back(ca.Issue({.names = {"server.test"}, .addresses = {"10.0.0.2"}}));
    client.ca = ca.pem();
  }
  ServerContext Server() const { return *ServerContext::Create(server); }
  ClientContext Client() const { return *ClientContext::Create(client); }

  TestCa ca;
  ServerOptions server;
  ClientOptions client;
};

class EnginePair {
 public:
  EnginePair(const ServerContext& server_context, const ClientContext& client_context,
             std::string_view name = "server.test")
      : client(client_context, name), server(server_context) {}

  // Both to the end of their handshakes, or an error.
  void Shake() {
    for (int i = 0; i < 20; ++i) {
      const auto a = client.Handshake().status;
      Carry(client, server);
      const auto b = server.Handshake().status;
      Carry(server, client);
      if (a != Engine::Status::kWantInput && b != Engine::Status::kWantInput) return;
    }
  }
  bool Connected() {
    Shake();
    return client.handshake_done() && server.handshake_done();
  }

  // Reads until `from` gives no more; what it waits for or why it failed is in `last`.
  std::string ReadAll(Engine& to, Engine& from) {
    std::string all;
    std::string buffer(50'000, '\0');
    for (;;) {
      last = to.Read(buffer);
      if (last.status == Engine::Status::kOk) {
        all.append(buffer, 0, last.bytes);
      } else if (last.status != Engine::Status::kWantInput || Carry(from, to) == 0) {
        return all;
      }
    }
  }
  // Writes all of it while the other side reads, and returns what it has read.
  std::string Pass(Engine& from, Engine& to, std::string_view text) {
    std::string received;
    while (!text.empty()) {
      const Engine::Result result = from.Write(text);
      if (result.status == Engine::Status::kOk) {
        text.remove_prefix(result.bytes);
      } else if (result.status != Engine::Status::kWantOutput) {
        last = result;
        return received;
      }
      received += ReadAll(to, from);
    }
    return received;
  }

  // As many bytes as fit; how many those were.
  static size_t Carry(Engine& from, Engine& to) {
    const std::string_view out = from.Output();
    if (out.empty()) return 0;
    const std::span<char> in = to.InputBuffer();
    const size_t size = std::min(in.size(), out.size());
    std::copy_n(out.begin(), size, in.begin());
    to.OnInput(size);
    from.OnSent(size);
    return size;
  }

  Engine client;
  Engine server;
  Engine::Result last{Engine::Status::kOk};
};

}  // namespace corelane::tls

#endif  // CORELANE_TLS_ENGINE_PAIR_H_
