// One exchange of the HTTP/1.1 engine, and one of the HTTP/2 engine against a server session.

#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "http/client/engine_test_fixture.h"
#include "http/client/h1_client_connection.h"
#include "http/client/h2_client_connection.h"

namespace corelane::http {
namespace {

class Quiet final : public ExchangeEvents {
 public:
  void OnHead(const IncomingHead&) override {}
  void OnReadable() override {}
  void OnFailed(const ExchangeFailure&) override {}
};

void Drain(Exchange& exchange) {
  std::array<char, 16384> body;
  while (exchange.Read(body).status == BodyRead::Status::kData) {
  }
  exchange.Release();
}

void Http1Exchange(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(size) +
      "\r\n\r\n" + std::string(size, 'x');
  H1ClientConnection connection{H1ClientOptions()};
  Quiet events;
  FieldList fields;
  fields.Add("Accept", "*/*");
  fields.Add("User-Agent", "benchmark");
  ExchangeRequest request = testing::GetRequest();
  request.fields = &fields;
  for (auto _ : state) {
    Exchange* const exchange = connection.Start(request, events, testing::kNow);
    connection.OnWritten(connection.Output(testing::kNow)[0].size(), testing::kNow);
    connection.OnReceived(answer, testing::kNow);
    Drain(*exchange);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(answer.size()));
}
BENCHMARK(Http1Exchange)->Arg(128)->Arg(32768);

class Answerer final : public h2::Handler {
 public:
  void OnRequest(h2::Stream& stream, const h2::RequestHead&, bool) override {
    static_cast<void>(session->SubmitResponse(stream, 200, {}, h2::Body::Pushed()));
    session->Write(stream, "hello", true);
  }
  h2::SessionOptions options;
  h2::SessionStats stats;
  std::unique_ptr<h2::Session> session = h2::Session::Server(options, *this, stats);
};

void Http2Exchange(benchmark::State& state) {
  Answerer server;
  h2::SessionStats stats;
  H2ClientConnection connection(H2ClientOptions(), stats, testing::kNow);
  Quiet events;
  const ExchangeRequest request = testing::GetRequest();
  for (auto _ : state) {
    Exchange* const exchange = connection.Start(request, events, testing::kNow);
    const std::string_view out = connection.Output(testing::kNow)[0];
    server.session->Receive(out, testing::kNow);
    connection.OnWritten(out.size(), testing::kNow);
    for (std::string_view back = server.session->Output(); !back.empty();
         back = server.session->Output()) {
      connection.OnReceived(back, testing::kNow);
      server.session->OnWritten(back.size());
    }
    Drain(*exchange);
  }
}
BENCHMARK(Http2Exchange);

}  // namespace
}  // namespace corelane::http
