#include "http/client/h2_client_connection.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/client/engine_test_fixture.h"

namespace corelane::http {
namespace {

using h2::ErrorCode;
using std::chrono::seconds;
using testing::EventLog;
using testing::GetRequest;
using testing::kNow;
using testing::PieceSource;
using testing::TakeBody;
using Status = BodyRead::Status;

// The other side, on the same session.
class TestServer final : public h2::Handler {
 public:
  explicit TestServer(const h2::SessionOptions& options = {})
      : options_(options), session(h2::Session::Server(options_, *this, stats_)) {}

  void OnRequest(h2::Stream& stream, const h2::RequestHead& head, bool end) override {
    last = &stream;
    ++requests;
    text = std::string(head.method) + " " + std::string(head.scheme) + " " +
           std::string(head.authority) + " " + std::string(head.path);
    for (const Field field : head.fields) {
      text.append(" ").append(field.name).append("=").append(field.value);
    }
    ended = end;
    if (on_request) on_request(stream);
  }
  void OnData(h2::Stream& stream, std::string_view data, bool end) override {
    body += data;
    ended = end;
    session->Consume(stream, data.size());
  }
  void OnTrailers(h2::Stream&, const Fields& fields) override {
    trailers = std::string(fields.Find("sum").value_or(""));
    ended = true;
  }
  void OnClosed(h2::Stream&, ErrorCode code, bool) override { closed.push_back(code); }

  void Answer(std::string_view content, bool end = true) {
    const h2::HeaderField fields[] = {{"x", "y"}};
    static_cast<void>(session->SubmitResponse(*last, 200, fields, h2::Body::Pushed()));
    session->Write(*last, content, end);
  }

 private:
  const h2::SessionOptions options_;
  h2::SessionStats stats_;

 public:
  std::unique_ptr<h2::Session> session;
  h2::Stream* last = nullptr;
  int requests = 0;
  bool ended = false;
  std::string text;
  std::string body;
  std::string trailers;
  std::vector<ErrorCode> closed;
  std::function<void(h2::Stream&)> on_request;
};

class H2ClientTest : public ::testing::Test {
 protected:
  void Make(H2ClientOptions options = {}, h2::SessionOptions server_options = {}) {
    server_ = std::make_unique<TestServer>(server_options);
    client_ = std::make_unique<H2ClientConnection>(options, stats_, kNow);
  }
  // Moves bytes until both are silent.
  void Run(Instant now = kNow) {
    for (bool moved = true; moved;) {
      moved = false;
      const auto out = client_->Output(now);
      if (!out[0].empty()) {
        const std::string bytes(out[0]);
        client_->OnWritten(bytes.size(), now);
        server_->session->Receive(bytes, now);
        moved = true;
      }
      const std::string_view back = server_->session->Output();
      if (!back.empty()) {
        const std::string bytes(back);
        server_->session->OnWritten(bytes.size());
        if (client_->wants_read()) client_->OnReceived(bytes, now);
        moved = true;
      }
    }
  }
  Exchange& Start(const ExchangeRequest& request = GetRequest()) {
    exchange_ = client_->Start(request, log_, kNow);
    EXPECT_NE(exchange_, nullptr);
    return *exchange_;
  }
  std::string Body() { return TakeBody(*exchange_, last_); }

  h2::SessionStats stats_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<H2ClientConnection> client_;
  EventLog log_;
  Exchange* exchange_ = nullptr;
  Status last_ = Status::kPending;
};

TEST_F(H2ClientTest, AsksAndReads) {
  Make();
  FieldList fields;
  fields.Add("Accept", "*/*");
  ExchangeRequest request = GetRequest();
  request.fields = &fields;
  Start(request);
  Run();
  EXPECT_EQ(server_->text, "GET http example.com /x accept=*/*");
  EXPECT_TRUE(server_->ended);
  EXPECT_TRUE(log_.sent);
  server_->Answer("hello");
  Run();
  EXPECT_EQ(log_.status, 200);
  EXPECT_EQ(log_.fields, "x=y;");
  EXPECT_EQ(Body(), "hello");
  EXPECT_EQ(last_, Status::kEnd);
  exchange_->Release();
  EXPECT_EQ(client_->active(), 0u);
  EXPECT_TRUE(client_->reusable());
  EXPECT_EQ(server_->closed, std::vector<ErrorCode>{ErrorCode::kNoError});
}

TEST_F(H2ClientTest, CarriesManyAtOnceUpToTheServersLimit) {
  h2::SessionOptions server_options;
  server_options.max_concurrent_streams = 3;
  Make({}, server_options);
  Run();
  EXPECT_EQ(client_->capacity(), 3u);
  EventLog logs[3];
  Exchange* exchanges[3];
  for (int i = 0; i < 3; ++i) exchanges[i] = client_->Start(GetRequest(), logs[i], kNow);
  EXPECT_EQ(client_->capacity(), 0u);
  EXPECT_EQ(client_->Start(GetRequest(), log_, kNow), nullptr);
  Run();
  EXPECT_EQ(server_->requests, 3);
  exchanges[1]->Release();
  Run();
  EXPECT_EQ(client_->capacity(), 1u);
  exchanges[0]->Release();
  exchanges[2]->Release();
}

TEST_F(H2ClientTest, SendsWholeBodies) {
  Make();
  ExchangeRequest request = GetRequest("POST");
  const std::string body(300'000, 'b');
  request.has_body = true;
  request.body = body;
  Start(request);
  Run();
  EXPECT_EQ(server_->body, body);
  EXPECT_TRUE(server_->ended);
  EXPECT_NE(server_->text.find("content-length=300000"), std::string::npos);
}

TEST_F(H2ClientTest, StreamsBodiesAndTrailers) {
  Make();
  PieceSource source({"hello", "", " world"});
  source.mutable_trailers().Add("Sum", "42");
  ExchangeRequest request = GetRequest("PUT");
  request.has_body = true;
  request.source = &source;
  Start(request);
  Run();
  EXPECT_EQ(server_->body, "hello");
  EXPECT_FALSE(log_.sent);
  source.NotifyMore();
  Run();
  EXPECT_EQ(server_->body, "hello world");
  EXPECT_EQ(server_->trailers, "42");
  EXPECT_TRUE(log_.sent);
}

TEST_F(H2ClientTest, ASourceThatFailsResetsTheStream) {
  Make();
  PieceSource source({"hello"});
  source.FailAtEnd();
  ExchangeRequest request = GetRequest("PUT");
  request.has_body = true;
  request.source = &source;
  Start(request);
  Run();
  EXPECT_EQ(log_.failure.error, ClientError::kUpload);
  EXPECT_EQ(server_->closed.size(), 1u);
  exchange_->Release();
  EXPECT_EQ(client_->active(), 0u);
}

TEST_F(H2ClientTest, WindowsOpenOnlyAsTheUserReads) {
  H2ClientOptions options;
  options.session.initial_window_size = 65535;
  Make(options);
  Start();
  Run();
  std::string content(500'000, 'c');
  server_->Answer("", false);
  size_t taken = 0;
  const auto push = [&] {
    for (size_t size = 1; size > 0;) {
      size = server_->session->Write(*server_->last, std::string_view(content).substr(taken), true);
      taken += size;
      Run();
    }
  };
  push();
  EXPECT_LT(taken, 200'000u);
  std::string body;
  while (last_ != Status::kEnd) {
    body += Body();
    Run();
    if (taken < content.size()) push();
  }
  EXPECT_EQ(body, content);
}

TEST_F(H2ClientTest, AReleaseCancelsTheStream) {
  Make();
  Start();
  Run();
  server_->Answer("some", false);
  Run();
  exchange_->Release();
  Run();
  EXPECT_EQ(server_->closed, std::vector<ErrorCode>{ErrorCode::kCancel});
  EXPECT_TRUE(client_->reusable());
  EXPECT_EQ(client_->active(), 0u);
}

TEST_F(H2ClientTest, ARefusedStreamWasNotProcessed) {
  Make();
  server_->on_request = [this](h2::Stream& stream) {
    server_->session->Reset(stream, ErrorCode::kRefusedStream);
  };
  Start();
  Run();
  EXPECT_EQ(log_.failure.error, ClientError::kRefused);
  EXPECT_TRUE(log_.failure.unprocessed);
  exchange_->Release();
}

TEST_F(H2ClientTest, AResetIsReportedWithItsName) {
  Make();
  server_->on_request = [this](h2::Stream& stream) {
    server_->session->Reset(stream, ErrorCode::kInternalError);
  };
  Start();
  Run();
  EXPECT_EQ(log_.failure.error, ClientError::kReset);
  EXPECT_STREQ(log_.failure.detail, "INTERNAL_ERROR");
  EXPECT_FALSE(log_.failure.unprocessed);
}

TEST_F(H2ClientTest, AResetInMidBodyComesBehindWhatArrived) {
  Make();
  Start();
  Run();
  server_->Answer("some", false);
  Run();
  server_->session->Reset(*server_->last, ErrorCode::kInternalError);
  Run();
  EXPECT_EQ(Body(), "some");
  EXPECT_EQ(last_, Status::kFailed);
  EXPECT_EQ(exchange_->failure().error, ClientError::kReset);
}

TEST_F(H2ClientTest, GoAwayEndsTheCapacityButNotTheRequest) {
  Make();
  Start();
  Run();
  server_->session->Drain();
  Run();
  EXPECT_EQ(client_->capacity(), 0u);
  EXPECT_FALSE(client_->finished());
  server_->Answer("late");
  Run();
  EXPECT_EQ(Body(), "late");
  exchange_->Release();
  EXPECT_TRUE(client_->finished());
}

TEST_F(H2ClientTest, TheTransportsEndFailsWhatIsOpen) {
  Make();
  Start();
  Run();
  client_->OnTransportEnd({}, kNow);
  EXPECT_EQ(log_.failure.error, ClientError::kClosed);
  EXPECT_FALSE(log_.failure.unprocessed);
  EXPECT_TRUE(client_->finished());
  exchange_->Release();
}

TEST_F(H2ClientTest, RubbishIsAConnectionError) {
  Make();
  Start();
  static_cast<void>(testing::TakeOutput(*client_));
  client_->OnReceived("HTTP/1.1 400 Bad Request\r\n\r\n and some more bytes", kNow);
  static_cast<void>(testing::TakeOutput(*client_));
  EXPECT_TRUE(log_.failed);
  EXPECT_EQ(log_.failure.error, ClientError::kConnectionError);
  EXPECT_FALSE(client_->reusable());
}

TEST_F(H2ClientTest, WaitsForContinue) {
  for (const bool answered : {true, false}) {
    Make();
    log_ = EventLog();
    ExchangeRequest request = GetRequest("PUT");
    request.has_body = true;
    request.body = "body";
    request.expect_timeout = seconds(1);
    Start(request);
    Run();
    EXPECT_EQ(server_->body, "");
    EXPECT_NE(server_->text.find("expect=100-continue"), std::string::npos);
    EXPECT_EQ(client_->deadline(), kNow + seconds(1));
    if (answered) {
      static_cast<void>(server_->session->SubmitInformational(*server_->last, 100, {}));
    } else {
      client_->OnDeadline(kNow + seconds(1));
    }
    Run();
    EXPECT_EQ(server_->body, "body");
    EXPECT_EQ(client_->deadline(), kNever);
    exchange_->Release();
  }
}

TEST_F(H2ClientTest, PingsASilentServer) {
  H2ClientOptions options;
  options.ping_interval = seconds(10);
  options.ping_timeout = seconds(5);
  Make(options);
  Run();
  EXPECT_EQ(client_->deadline(), kNever);  // Nothing is open.
  Start();
  Run();
  EXPECT_EQ(client_->deadline(), kNow + seconds(10));
  client_->OnDeadline(kNow + seconds(10));
  EXPECT_EQ(client_->deadline(), kNow + seconds(15));
  Run(kNow + seconds(11));
  EXPECT_EQ(client_->deadline(), kNow + seconds(21));  // It has answered.
  client_->OnDeadline(kNow + seconds(21));
  client_->OnDeadline(kNow + seconds(26));
  EXPECT_EQ(log_.failure.error, ClientError::kPingTimeout);
  EXPECT_TRUE(client_->finished());
}

TEST_F(H2ClientTest, RefusesFieldsThatMustNotBeSent) {
  Make();
  FieldList::Entry bad[] = {{"x", "a\r\nb"}};
  ExchangeRequest request = GetRequest();
  request.more_fields = bad;
  EXPECT_EQ(client_->Start(request, log_, kNow), nullptr);
  EXPECT_EQ(client_->active(), 0u);
}

}  // namespace
}  // namespace corelane::http
