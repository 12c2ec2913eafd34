// What a request costs the generator itself: engine, pacer and histogram, without a network.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "examples/loadgen/engine.h"
#include "http/h2/session.h"

namespace corelane::load {
namespace {

constexpr Instant kStart{std::chrono::seconds(100)};
constexpr size_t kBodySize = 128;

Request NewRequest() {
  Request request;
  request.url = *Url::Parse("http://127.0.0.1:8080/hello");
  return request;
}

Plan NewPlan(size_t depth) {
  Plan plan;
  plan.depth = depth;
  plan.seconds = std::chrono::hours(1);
  return plan;
}

// Sends all that there is room for; returns the bytes where they are wanted.
void Send(Pacer& pacer, Engine& engine, std::string* sent) {
  Ticket ticket;
  while (engine.room() > 0 && pacer.Take(kStart, ticket)) engine.Send(ticket);
  for (auto bytes = engine.Output(); !bytes.empty(); bytes = engine.Output()) {
    if (sent != nullptr) *sent += bytes;
    benchmark::DoNotOptimize(bytes.data());
    engine.OnWritten(bytes.size());
  }
}

void Give(Engine& engine, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> room = engine.ReadBuffer();
    const size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    engine.OnRead(size, kStart + std::chrono::microseconds(50));
    bytes.remove_prefix(size);
  }
}

// Arg: requests in flight.
void BM_Http1(benchmark::State& state) {
  const auto depth = static_cast<size_t>(state.range(0));
  const Request request = NewRequest();
  const std::string serialized = request.Http1();
  Pacer pacer(NewPlan(depth));
  pacer.Begin(kStart);
  const auto engine = NewHttp1Engine(pacer, request, serialized);
  std::string answers;
  for (size_t i = 0; i < depth; ++i) {
    answers +=
        "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\nServer: corelane\r\n"
        "Content-Type: text/plain\r\nContent-Length: 128\r\n\r\n";
    answers.append(kBodySize, 'x');
  }
  for (auto _ : state) {
    Send(pacer, *engine, nullptr);
    Give(*engine, answers);
  }
  CL_CHECK(pacer.tally().failed() == 0);
  state.SetItemsProcessed(static_cast<int64_t>(pacer.tally().answered));
}
BENCHMARK(BM_Http1)->Arg(1)->Arg(16)->Arg(64);

class Answerer final : public h2::Handler {
 public:
  std::unique_ptr<h2::Session> session;

  void OnRequest(h2::Stream& stream, const h2::RequestHead&, bool) override {
    static const std::string kBody(kBodySize, 'x');
    const h2::HeaderField fields[] = {{"date", "Mon, 23 Nov 2026 00:00:00 GMT"},
                                      {"server", "corelane"},
                                      {"content-type", "text/plain"},
                                      {"content-length", "128"}};
    static_cast<void>(session->SubmitResponse(stream, 200, fields, h2::Body::Pushed()));
    session->Write(stream, kBody, true);
  }
};

// What a server sends upon each batch of a new connection's requests.
std::vector<std::string> PreparedAnswers(const Request& request, size_t depth, size_t batches) {
  Pacer pacer(NewPlan(depth));
  pacer.Begin(kStart);
  const auto engine = NewHttp2Engine(pacer, request);
  h2::SessionOptions options;
  options.max_concurrent_streams = 1000;
  h2::SessionStats stats;
  Answerer server;
  server.session = h2::Session::Server(options, server, stats);
  std::vector<std::string> answers;
  for (size_t i = 0; i < batches; ++i) {
    std::string sent;
    Send(pacer, *engine, &sent);
    server.session->Receive(sent, kStart);
    answers.emplace_back();
    for (auto out = server.session->Output(); !out.empty(); out = server.session->Output()) {
      answers.back() += out;
      server.session->OnWritten(out.size());
    }
    Give(*engine, answers.back());
  }
  return answers;
}

// Arg: streams.
void BM_Http2(benchmark::State& state) {
  const auto depth = static_cast<size_t>(state.range(0));
  const Request request = NewRequest();
  const std::vector<std::string> answers = PreparedAnswers(request, depth, 100'000 / depth);
  Pacer pacer(NewPlan(depth));
  pacer.Begin(kStart);
  std::unique_ptr<Engine> engine;
  size_t at = answers.size();
  for (auto _ : state) {
    if (at == answers.size()) {
      state.PauseTiming();
      engine = NewHttp2Engine(pacer, request);
      at = 0;
      state.ResumeTiming();
    }
    Send(pacer, *engine, nullptr);
    Give(*engine, answers[at++]);
  }
  CL_CHECK(pacer.tally().failed() == 0);
  state.SetItemsProcessed(static_cast<int64_t>(pacer.tally().answered));
}
BENCHMARK(BM_Http2)->Arg(1)->Arg(10)->Arg(50);

}  // namespace
}  // namespace corelane::load
