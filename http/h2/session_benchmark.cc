// Requests per second of a server session that is fed with prepared frames, without a network.

#include <benchmark/benchmark.h>

#include <string>

#include "core/check.h"
#include "http/h2/session_test_fixture.h"

namespace corelane::h2 {
namespace {

// A client's HEADERS as it sends them from its second request on: all from the dynamic table.
std::string PreparedRequests(uint32_t count, std::string& first) {
  testing::Recorder handler;
  SessionStats stats;
  SessionOptions options;
  options.connection_window_size = 0x7fffffff;  // The prepared frames open it no further.
  const auto client = Session::Client(options, handler, stats);
  client->Receive(
      testing::Frame(testing::kSettings, 0, 0, testing::Be(3, 2) + testing::Be(0x7fffffff, 4)),
      testing::kStart);
  const HeaderField fields[] = {{"user-agent", "benchmark"}, {"accept", "*/*"}};
  const RequestLine line{"GET", "http", "127.0.0.1:8080", "/hello"};
  CL_CHECK(client->SubmitRequest(line, fields, Body::None()) != nullptr);
  first = testing::TakeOutput(*client);
  for (uint32_t i = 1; i < count; ++i) {
    CL_CHECK(client->SubmitRequest(line, fields, Body::None()) != nullptr);
  }
  return testing::TakeOutput(*client);
}

class Answerer final : public Handler {
 public:
  std::unique_ptr<Session> session;
  uint64_t requests = 0;

  void OnRequest(Stream& stream, const RequestHead&, bool) override {
    ++requests;
    static const std::string kBody(64, 'x');
    const HeaderField fields[] = {{"content-type", "text/plain"}, {"content-length", "64"}};
    static_cast<void>(session->SubmitResponse(stream, 200, fields, Body::Pushed()));
    session->Write(stream, kBody, true);
  }
};

// Arg: streams that arrive in one read.
void BM_ServerRequests(benchmark::State& state) {
  constexpr uint32_t kRequests = 100000;
  std::string first;
  const std::string frames = PreparedRequests(kRequests, first);
  const size_t frame_size = frames.size() / (kRequests - 1);
  const size_t batch = frame_size * static_cast<size_t>(state.range(0));
  const SessionOptions options;
  SessionStats stats;
  Answerer handler;
  const auto start = [&] {
    handler.session = Session::Server(options, handler, stats);
    handler.session->Receive(first, testing::kStart);
    static_cast<void>(testing::TakeOutput(*handler.session));
  };
  start();
  handler.requests = 0;
  size_t at = 0;
  for (auto _ : state) {
    if (at + batch > frames.size()) {
      state.PauseTiming();
      start();
      --handler.requests;
      at = 0;
      state.ResumeTiming();
    }
    handler.session->Receive(std::string_view(frames).substr(at, batch), testing::kStart);
    at += batch;
    for (std::string_view out = handler.session->Output(); !out.empty();
         out = handler.session->Output()) {
      benchmark::DoNotOptimize(out.data());
      handler.session->OnWritten(out.size());
    }
  }
  CL_CHECK(handler.requests ==
           static_cast<uint64_t>(state.iterations()) * static_cast<uint64_t>(state.range(0)));
  state.SetItemsProcessed(static_cast<int64_t>(handler.requests));
}
BENCHMARK(BM_ServerRequests)->Arg(1)->Arg(10)->Arg(50);

}  // namespace
}  // namespace corelane::h2
