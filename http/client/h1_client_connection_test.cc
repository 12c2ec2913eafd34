#include "http/client/h1_client_connection.h"

#include <gtest/gtest.h>

#include <boost/system/errc.hpp>
#include <memory>
#include <string>
#include <utility>

#include "http/client/engine_test_fixture.h"

namespace corelane::http {
namespace {

using std::chrono::seconds;
using testing::EventLog;
using testing::GetRequest;
using testing::kNow;
using testing::PieceSource;
using testing::TakeBody;
using testing::TakeOutput;
using Status = BodyRead::Status;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const boost::system::error_code kReset = make_error_code(boost::system::errc::connection_reset);

class H1ClientTest : public ::testing::Test {
 protected:
  Exchange& Start(const ExchangeRequest& request) {
    exchange_ = connection_.Start(request, log_, kNow);
    EXPECT_NE(exchange_, nullptr);
    return *exchange_;
  }
  void Receive(std::string_view bytes, size_t piece = SIZE_MAX) {
    while (!bytes.empty()) {
      const size_t size = std::min(piece, bytes.size());
      connection_.OnReceived(bytes.substr(0, size), kNow);
      bytes.remove_prefix(size);
    }
  }
  std::string Body(size_t piece = 4096) { return TakeBody(*exchange_, last_, piece); }
  // A GET is answered with `bytes`, then the end of the stream where `end`.
  void Ask(std::string_view bytes, bool end = false, std::string_view method = "GET") {
    Start(GetRequest(method));
    TakeOutput(connection_);
    Receive(bytes);
    if (end) connection_.OnTransportEnd({}, kNow);
  }
  bool ReusableAfter(std::string_view bytes, std::string_view method = "GET") {
    H1ClientConnection connection{H1ClientOptions()};
    EventLog log;
    Exchange* const exchange = connection.Start(GetRequest(method), log, kNow);
    TakeOutput(connection);
    connection.OnReceived(bytes, kNow);
    Status last;
    if (!log.failed) TakeBody(*exchange, last);
    exchange->Release();
    EXPECT_EQ(connection.finished(), !connection.reusable());
    return connection.reusable();
  }

  H1ClientConnection connection_{H1ClientOptions()};
  EventLog log_;
  Exchange* exchange_ = nullptr;
  Status last_ = Status::kPending;
};

TEST_F(H1ClientTest, SendsAHeadAndReadsAnswers) {
  FieldList fields;
  fields.Add("Accept", "*/*");
  ExchangeRequest request = GetRequest();
  request.fields = &fields;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(connection_.capacity(), 1u);
    Start(request);
    EXPECT_EQ(connection_.capacity(), 0u);
    EXPECT_EQ(TakeOutput(connection_, 7),
              "GET /x HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n");
    EXPECT_TRUE(log_.sent);
    Receive(kOk);
    EXPECT_EQ(log_.status, 200);
    EXPECT_EQ(log_.length, 5u);
    EXPECT_EQ(Body(), "hello");
    EXPECT_EQ(last_, Status::kEnd);
    exchange_->Release();
    EXPECT_TRUE(connection_.reusable());
  }
}

TEST_F(H1ClientTest, PiecesChangeNothing) {
  const std::string all =
      "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n"
      "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nSum: 42\r\n\r\n";
  for (size_t piece = 1; piece < all.size(); ++piece) {
    for (const size_t read : {size_t{1}, size_t{3}, size_t{4096}}) {
      log_ = EventLog();
      Start(GetRequest());
      TakeOutput(connection_);
      std::string body;
      std::string_view rest = all;
      while (!rest.empty()) {
        const std::string_view part = rest.substr(0, piece);
        rest.remove_prefix(part.size());
        Receive(part);
        if (log_.status != 0) body += Body(read);
      }
      EXPECT_EQ(body, "hello world");
      EXPECT_EQ(last_, Status::kEnd);
      EXPECT_EQ(exchange_->trailers().Find("sum"), "42");
      EXPECT_EQ(log_.events, (std::vector<std::string>{"103", "200"}));
      exchange_->Release();
      ASSERT_TRUE(connection_.reusable()) << piece;
    }
  }
}

TEST_F(H1ClientTest, ATruncationAnywhereIsReported) {
  for (const std::string& all :
       {std::string(kOk),
        std::string(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")}) {
    for (size_t size = 0; size < all.size(); ++size) {
      H1ClientConnection connection{H1ClientOptions()};
      EventLog log;
      Exchange* const exchange = connection.Start(GetRequest(), log, kNow);
      TakeOutput(connection);
      connection.OnReceived(std::string_view(all).substr(0, size), kNow);
      connection.OnTransportEnd({}, kNow);
      if (log.failed) {
        EXPECT_EQ(log.failure.error, size == 0 ? ClientError::kClosed : ClientError::kTruncated);
      } else {
        Status last;
        EXPECT_TRUE(std::string_view("hello").starts_with(TakeBody(*exchange, last)));
        EXPECT_EQ(last, Status::kFailed) << size;
        EXPECT_EQ(exchange->failure().error, ClientError::kTruncated);
      }
      exchange->Release();
      EXPECT_TRUE(connection.finished());
    }
  }
}

TEST_F(H1ClientTest, IsUsedAgainOnlyWithoutAFlaw) {
  EXPECT_TRUE(ReusableAfter(kOk));
  EXPECT_TRUE(ReusableAfter("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_TRUE(ReusableAfter("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"));
  EXPECT_TRUE(ReusableAfter("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD"));
  EXPECT_TRUE(
      ReusableAfter("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"));
  EXPECT_FALSE(ReusableAfter("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"));
  EXPECT_FALSE(ReusableAfter("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"));
  EXPECT_FALSE(ReusableAfter(std::string(kOk) + "HTTP/1.1 200 OK"));             // Too much.
  EXPECT_FALSE(ReusableAfter("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"));  // Too little.
  EXPECT_FALSE(ReusableAfter("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
  EXPECT_FALSE(ReusableAfter("rubbish\r\n\r\n"));
}

TEST_F(H1ClientTest, ABodyThatNobodyReadsButIsThereDoesNoHarm) {
  Ask(kOk);
  exchange_->Release();
  EXPECT_TRUE(connection_.reusable());
}

TEST_F(H1ClientTest, AReleaseBeforeTheEndClosesTheConnection) {
  Ask("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  exchange_->Release();
  EXPECT_TRUE(connection_.finished());
}

TEST_F(H1ClientTest, BytesThatAnswerNothingEndAnIdleConnection) {
  Ask(kOk);
  Body();
  exchange_->Release();
  Receive("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(connection_.capacity(), 0u);
  EXPECT_TRUE(connection_.finished());
}

TEST_F(H1ClientTest, TheServersCloseEndsAnIdleConnection) {
  EXPECT_TRUE(connection_.wants_read());
  connection_.OnTransportEnd({}, kNow);
  EXPECT_FALSE(connection_.wants_read());
  EXPECT_TRUE(connection_.finished());
}

TEST_F(H1ClientTest, ABodyUntilTheEnd) {
  Ask("HTTP/1.1 200 OK\r\n\r\nhello", true);
  EXPECT_EQ(Body(), "hello");
  EXPECT_EQ(last_, Status::kEnd);
}

TEST_F(H1ClientTest, ABodyUntilTheEndThatIsReset) {
  Ask("HTTP/1.1 200 OK\r\n\r\nhello");
  connection_.OnTransportEnd(kReset, kNow);
  EXPECT_EQ(Body(), "hello");
  EXPECT_EQ(last_, Status::kFailed);
  EXPECT_EQ(exchange_->failure().cause, kReset);
}

TEST_F(H1ClientTest, WhatWasNeverSentWasNotProcessed) {
  Start(GetRequest());
  connection_.OnTransportEnd(kReset, kNow);
  EXPECT_TRUE(log_.failure.unprocessed);
  EXPECT_EQ(log_.failure.error, ClientError::kTransport);
}

TEST_F(H1ClientTest, WhatWasSentMayHaveBeenProcessed) {
  Ask("", true);
  EXPECT_TRUE(log_.failed);
  EXPECT_FALSE(log_.failure.unprocessed);
  EXPECT_EQ(log_.failure.error, ClientError::kClosed);
}

TEST_F(H1ClientTest, RefusesBadResponses) {
  for (const std::string_view bytes :
       {"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\nX: y\n\n", "HTTP/1.1 200 OK\r\n X: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}) {
    H1ClientConnection connection{H1ClientOptions()};
    EventLog log;
    Exchange* const exchange = connection.Start(GetRequest(), log, kNow);
    TakeOutput(connection);
    connection.OnReceived(bytes, kNow);
    EXPECT_TRUE(log.failed) << bytes;
    EXPECT_EQ(log.failure.error, ClientError::kBadResponse) << bytes;
    exchange->Release();
    EXPECT_TRUE(connection.finished());
  }
}

TEST_F(H1ClientTest, AnEndlessHeadIsCutOff) {
  Start(GetRequest());
  TakeOutput(connection_);
  Receive("HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < 10'000 && !log_.failed; ++i) Receive("X-More: and more and more\r\n");
  EXPECT_EQ(log_.failure.error, ClientError::kHeadTooLarge);
}

TEST_F(H1ClientTest, EndlessInterimResponsesAreCutOff) {
  Start(GetRequest());
  TakeOutput(connection_);
  for (int i = 0; i < 100 && !log_.failed; ++i) Receive("HTTP/1.1 102 Processing\r\n\r\n");
  EXPECT_EQ(log_.failure.error, ClientError::kTooManyInformational);
}

TEST_F(H1ClientTest, ABrokenChunkIsReportedBehindWhatWasGood) {
  Ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX");
  EXPECT_EQ(Body(), "hello");
  EXPECT_EQ(last_, Status::kFailed);
  EXPECT_EQ(exchange_->failure().error, ClientError::kBadResponse);
}

TEST_F(H1ClientTest, StopsReadingWhenTheUserDoes) {
  Ask("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  const std::string piece(16384, 'x');
  size_t received = 0;
  while (connection_.wants_read()) {
    Receive(piece);
    received += piece.size();
  }
  EXPECT_LE(received, 128u << 10);
  Body();
  EXPECT_TRUE(connection_.wants_read());
}

// --- Request bodies ---

TEST_F(H1ClientTest, SendsAWholeBodyBesideItsHead) {
  ExchangeRequest request = GetRequest("POST");
  const std::string body(100'000, 'b');
  request.has_body = true;
  request.body = body;
  Start(request);
  EXPECT_EQ(connection_.Output(kNow)[1].data(), body.data());  // Not copied.
  EXPECT_EQ(TakeOutput(connection_, 9999),
            "POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100000\r\n\r\n" + body);
  EXPECT_TRUE(log_.sent);
}

TEST_F(H1ClientTest, APostWithoutABodySaysSo) {
  Start(GetRequest("POST"));
  EXPECT_EQ(TakeOutput(connection_),
            "POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(H1ClientTest, StreamsChunksAndTrailers) {
  PieceSource source({"hello", "", " world"});
  source.mutable_trailers().Add("Sum", "42");
  ExchangeRequest request = GetRequest("PUT");
  request.has_body = true;
  request.source = &source;
  int woken = 0;
  connection_.set_wake([](void* count) { ++*static_cast<int*>(count); }, &woken);
  Start(request);
  EXPECT_EQ(TakeOutput(connection_),
            "PUT /x HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
            "000005\r\nhello\r\n");
  EXPECT_FALSE(log_.sent);
  source.NotifyMore();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(TakeOutput(connection_), "000006\r\n world\r\n0\r\nSum: 42\r\n\r\n");
  EXPECT_TRUE(log_.sent);
}

TEST_F(H1ClientTest, StreamsASizedBodyWithoutChunks) {
  PieceSource source({"hello", " world"}, 11);
  ExchangeRequest request = GetRequest("PUT");
  request.has_body = true;
  request.source = &source;
  Start(request);
  EXPECT_EQ(TakeOutput(connection_),
            "PUT /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 11\r\n\r\nhello world");
}

TEST_F(H1ClientTest, ASourceMustKeepItsWord) {
  for (const uint64_t size : {uint64_t{3}, uint64_t{9}}) {
    H1ClientConnection connection{H1ClientOptions()};
    EventLog log;
    PieceSource source({"hello"}, size);
    ExchangeRequest request = GetRequest("PUT");
    request.has_body = true;
    request.source = &source;
    Exchange* const exchange = connection.Start(request, log, kNow);
    TakeOutput(connection);
    EXPECT_EQ(log.failure.error, ClientError::kUpload);
    exchange->Release();
    EXPECT_TRUE(connection.finished());
  }
}

TEST_F(H1ClientTest, ASourceThatFailsEndsTheRequest) {
  PieceSource source({"hello"});
  source.FailAtEnd();
  ExchangeRequest request = GetRequest("PUT");
  request.has_body = true;
  request.source = &source;
  Start(request);
  EXPECT_EQ(TakeOutput(connection_).find("0\r\n\r\n"), std::string::npos);
  EXPECT_EQ(log_.failure.error, ClientError::kUpload);
}

TEST_F(H1ClientTest, ASlowTransportHoldsTheSourceBack) {
  std::vector<std::string> pieces(1000, std::string(1000, 'x'));
  PieceSource source(pieces);
  ExchangeRequest request = GetRequest("PUT");
  request.has_body = true;
  request.source = &source;
  Start(request);
  EXPECT_LT(connection_.Output(kNow)[0].size(), 64u << 10);
  EXPECT_LT(connection_.Output(kNow)[0].size(), 64u << 10);
}

// --- Expect: 100-continue ---

class ExpectTest : public H1ClientTest {
 protected:
  ExpectTest() {
    request_ = GetRequest("PUT");
    request_.has_body = true;
    request_.body = "body";
    request_.expect_timeout = seconds(1);
    Start(request_);
    EXPECT_EQ(TakeOutput(connection_),
              "PUT /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n"
              "Expect: 100-continue\r\n\r\n");
  }
  ExchangeRequest request_;
};

TEST_F(ExpectTest, WaitsForTheServer) {
  EXPECT_FALSE(log_.sent);
  Receive("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(TakeOutput(connection_), "body");
  Receive(kOk);
  Body();
  exchange_->Release();
  EXPECT_TRUE(connection_.reusable());
}

TEST_F(ExpectTest, WaitsNoLongerThanItsTime) {
  EXPECT_EQ(connection_.deadline(), kNow + seconds(1));
  connection_.OnDeadline(kNow);
  EXPECT_EQ(TakeOutput(connection_), "");
  connection_.OnDeadline(kNow + seconds(1));
  EXPECT_EQ(TakeOutput(connection_), "body");
  EXPECT_EQ(connection_.deadline(), kNever);
}

TEST_F(ExpectTest, ARefusalSparesTheBody) {
  Receive("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(log_.status, 417);
  EXPECT_EQ(TakeOutput(connection_), "");
  EXPECT_EQ(connection_.deadline(), kNever);
  exchange_->Release();
  EXPECT_TRUE(connection_.finished());  // The server may still wait for the body.
}

TEST_F(H1ClientTest, AnErrorInMidUploadStopsIt) {
  PieceSource source(std::vector<std::string>(100, std::string(10'000, 'x')));
  ExchangeRequest request = GetRequest("PUT");
  request.has_body = true;
  request.source = &source;
  Start(request);
  const auto first = connection_.Output(kNow);
  connection_.OnWritten(first[0].size(), kNow);
  Receive("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(TakeOutput(connection_), "");
  Body();
  exchange_->Release();
  EXPECT_TRUE(connection_.finished());
}

// --- Rules of the interface ---

TEST_F(H1ClientTest, RefusesWhatCannotBeSent) {
  for (const std::string_view target : {"", "/a b", "/a\r\nX: y", "/\x80"}) {
    ExchangeRequest request = GetRequest();
    request.target = target;
    EXPECT_EQ(connection_.Start(request, log_, kNow), nullptr) << target;
  }
  ExchangeRequest request = GetRequest();
  request.authority = "a\r\nX: y";
  EXPECT_EQ(connection_.Start(request, log_, kNow), nullptr);
  EXPECT_EQ(connection_.capacity(), 1u);
}

TEST_F(H1ClientTest, MayBeReleasedFromWithinTheHead) {
  log_.on_head = [this] { exchange_->Release(); };
  Ask(kOk);
  EXPECT_EQ(connection_.capacity(), 1u);
}

TEST_F(H1ClientTest, DrainedItEndsWithTheExchange) {
  Start(GetRequest());
  TakeOutput(connection_);
  connection_.Drain();
  Receive(kOk);
  EXPECT_EQ(Body(), "hello");
  exchange_->Release();
  EXPECT_TRUE(connection_.finished());
}

}  // namespace
}  // namespace corelane::http
