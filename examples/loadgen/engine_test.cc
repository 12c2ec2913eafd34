// Both engines with bytes from the test, in virtual time.

#include "examples/loadgen/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "core/allocation_counter.h"
#include "http/h2/session.h"

namespace corelane::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(100)};
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

Plan PlanFor(size_t depth) {
  Plan plan;
  plan.depth = depth;
  plan.seconds = seconds(1000);
  plan.timeout = seconds(1);
  return plan;
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { request_.url = *Url::Parse("http://h/x"); }

  void Make(size_t depth, bool http2 = false) {
    pacer_ = std::make_unique<Pacer>(PlanFor(depth));
    pacer_->Begin(kStart);
    serialized_ = request_.Http1();
    engine_ =
        http2 ? NewHttp2Engine(*pacer_, request_) : NewHttp1Engine(*pacer_, request_, serialized_);
  }
  void SendAll() {
    Ticket ticket;
    while (engine_->room() > 0 && pacer_->Take(now_, ticket)) engine_->Send(ticket);
  }
  std::string TakeOutput() {
    std::string all;
    for (auto bytes = engine_->Output(); !bytes.empty(); bytes = engine_->Output()) {
      all += bytes;
      engine_->OnWritten(bytes.size());
    }
    return all;
  }
  void Give(std::string_view bytes) {
    while (!bytes.empty() && !engine_->finished()) {
      const std::span<char> room = engine_->ReadBuffer();
      const size_t size = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), size);
      engine_->OnRead(size, now_);
      bytes.remove_prefix(size);
    }
  }
  uint64_t failures(Failure failure) const {
    return pacer_->tally().failures[static_cast<size_t>(failure)];
  }
  std::string reason(Failure failure) const {
    return pacer_->tally().reasons[static_cast<size_t>(failure)];
  }
  const Tally& tally() const { return pacer_->tally(); }

  Request request_;
  std::string serialized_;
  std::unique_ptr<Pacer> pacer_;
  std::unique_ptr<Engine> engine_;
  Instant now_ = kStart;
};

// --- HTTP/1.1 ---

TEST_F(EngineTest, AsksAndIsAnswered) {
  Make(1);
  EXPECT_EQ(engine_->room(), 1u);
  SendAll();
  EXPECT_EQ(engine_->room(), 0u);
  EXPECT_EQ(TakeOutput(), serialized_);
  now_ += milliseconds(3);
  Give(kAnswer);
  EXPECT_EQ(engine_->room(), 1u);
  EXPECT_EQ(tally().answered, 1u);
  EXPECT_EQ(tally().body_bytes, 5u);
  EXPECT_EQ(tally().bytes_in, kAnswer.size());
  EXPECT_EQ(tally().service.max(), milliseconds(3));
  EXPECT_TRUE(engine_->has_answered());
  EXPECT_FALSE(engine_->finished());
}

TEST_F(EngineTest, PipelinesInOnePiece) {
  Make(3);
  SendAll();
  EXPECT_EQ(engine_->Output(), serialized_ + serialized_ + serialized_);
  TakeOutput();
  Give(std::string(kAnswer) + "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(engine_->in_flight(), 1u);
  EXPECT_EQ(tally().by_status[200], 1u);
  EXPECT_EQ(tally().by_status[404], 1u);
  EXPECT_EQ(failures(Failure::kStatus), 1u);
}

// What waits for the write to end goes out after it; the bytes that are lent stay where they are.
TEST_F(EngineTest, SendsWhileItWrites) {
  Make(2);
  Ticket ticket;
  ASSERT_TRUE(pacer_->Take(now_, ticket));
  engine_->Send(ticket);
  const std::string_view lent = engine_->Output();
  engine_->Send(ticket);
  EXPECT_EQ(lent, serialized_);
  engine_->OnWritten(10);
  EXPECT_EQ(TakeOutput(), serialized_.substr(10) + serialized_);
}

TEST_F(EngineTest, EveryFraming) {
  const std::string_view answers[] = {
      kAnswer, "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nt: "
      "v\r\n\r\n"};
  std::string all;
  for (const std::string_view answer : answers) all += answer;
  // In pieces of every size.
  for (size_t piece = 1; piece <= all.size(); ++piece) {
    Make(4);
    SendAll();
    TakeOutput();
    for (size_t at = 0; at < all.size(); at += piece) {
      Give(std::string_view(all).substr(at, piece));
    }
    EXPECT_EQ(tally().answered, 4u) << piece;
    EXPECT_EQ(tally().body_bytes, 11u) << piece;
    EXPECT_EQ(tally().failed(), 0u) << piece;
    EXPECT_EQ(engine_->in_flight(), 0u) << piece;
  }
}

TEST_F(EngineTest, TruncatedAnywhere) {
  const std::string_view answers[] = {
      kAnswer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"};
  for (const std::string_view answer : answers) {
    for (size_t size = 0; size < answer.size(); ++size) {
      Make(1);
      SendAll();
      TakeOutput();
      Give(answer.substr(0, size));
      engine_->OnEnd(now_);
      EXPECT_TRUE(engine_->finished());
      EXPECT_EQ(failures(Failure::kClosed), 1u) << size;
      EXPECT_EQ(tally().answered, 0u) << size;
      EXPECT_EQ(pacer_->outstanding(), 0u) << size;
    }
  }
}

TEST_F(EngineTest, ABodyMayEndWithTheConnection) {
  Make(1);
  SendAll();
  TakeOutput();
  Give("HTTP/1.1 200 OK\r\n\r\nbody");
  EXPECT_EQ(tally().answered, 0u);
  engine_->OnEnd(now_);
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(tally().answered, 1u);
  EXPECT_EQ(tally().body_bytes, 4u);
  EXPECT_EQ(tally().failed(), 0u);
}

TEST_F(EngineTest, HeadHasNoBody) {
  request_.method = "HEAD";
  Make(1);
  SendAll();
  TakeOutput();
  Give("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(tally().answered, 1u);
}

TEST_F(EngineTest, AfterConnectionCloseTheRestGoesElsewhere) {
  Make(3);
  SendAll();
  TakeOutput();
  Give("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(engine_->room(), 0u);
  EXPECT_EQ(tally().answered, 1u);
  EXPECT_EQ(tally().failed(), 0u);
  EXPECT_EQ(pacer_->outstanding(), 2u);
}

TEST_F(EngineTest, RefusesWhatIsNoHttp) {
  Make(2);
  SendAll();
  TakeOutput();
  Give("SSH-2.0-x\r\n");
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(failures(Failure::kProtocol), 2u);
  EXPECT_FALSE(reason(Failure::kProtocol).empty());
}

TEST_F(EngineTest, RefusesWhatNobodyAskedFor) {
  Make(1);
  Give(kAnswer);
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(failures(Failure::kProtocol), 1u);
  EXPECT_EQ(tally().answered, 0u);
}

TEST_F(EngineTest, TimesOut) {
  Make(2);
  Ticket ticket;
  ASSERT_TRUE(pacer_->Take(now_, ticket));
  engine_->Send(ticket);
  now_ += milliseconds(900);
  SendAll();
  now_ += milliseconds(99);
  engine_->Expire(now_);
  EXPECT_FALSE(engine_->finished());
  now_ += milliseconds(1);
  engine_->Expire(now_);
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(failures(Failure::kTimeout), 1u);
  EXPECT_EQ(pacer_->outstanding(), 1u);  // The other goes elsewhere.
}

TEST_F(EngineTest, FinishesAfterTheLastAnswer) {
  Make(2);
  SendAll();
  TakeOutput();
  engine_->Finish();
  EXPECT_FALSE(engine_->finished());
  EXPECT_EQ(engine_->room(), 0u);
  Give(std::string(kAnswer) + std::string(kAnswer));
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(tally().answered, 2u);
}

TEST_F(EngineTest, Http1AllocatesNothing) {
  Make(16);
  std::string answers;
  for (int i = 0; i < 16; ++i) answers += kAnswer;
  const auto round = [&] {
    SendAll();
    for (auto bytes = engine_->Output(); !bytes.empty(); bytes = engine_->Output()) {
      engine_->OnWritten(bytes.size());
    }
    Give(answers);
  };
  for (int i = 0; i < 10; ++i) round();
  const uint64_t before = AllocationsOnThisThread();
  for (int i = 0; i < 1000; ++i) round();
  EXPECT_EQ(AllocationsOnThisThread(), before);
  EXPECT_EQ(tally().answered, 1010u * 16);
}

// --- HTTP/2 ---

// A server's session that answers at once, or as told.
class Http2Server final : public h2::Handler {
 public:
  enum class Does : uint8_t { kAnswer, kNothing, kReset, kRefuse };

  explicit Http2Server(uint32_t max_streams = 100) {
    options_.max_concurrent_streams = max_streams;
    session = h2::Session::Server(options_, *this, stats_);
  }

  void OnRequest(h2::Stream& stream, const h2::RequestHead& head, bool end) override {
    path = head.path;
    authority = head.authority;
    ++requests;
    if (end) Act(stream);
  }
  void OnData(h2::Stream& stream, std::string_view data, bool end) override {
    body += data;
    session->Consume(stream, data.size());
    if (end) Act(stream);
  }

  std::unique_ptr<h2::Session> session;
  Does does = Does::kAnswer;
  std::string path;
  std::string authority;
  std::string body;
  size_t requests = 0;

 private:
  void Act(h2::Stream& stream) {
    if (does == Does::kReset) session->Reset(stream, h2::ErrorCode::kInternalError);
    if (does == Does::kRefuse) session->Reset(stream, h2::ErrorCode::kRefusedStream);
    if (does != Does::kAnswer) return;
    static_cast<void>(session->SubmitResponse(stream, 200, {}, h2::Body::Pushed()));
    session->Write(stream, "hello", true);
  }

  h2::SessionOptions options_;
  h2::SessionStats stats_;
};

class Http2EngineTest : public EngineTest {
 protected:
  // Until neither side has anything to say.
  void Exchange(Http2Server& server) {
    for (;;) {
      std::string there;
      for (auto bytes = engine_->Output(); !bytes.empty(); bytes = engine_->Output()) {
        there += bytes;
        engine_->OnWritten(bytes.size());
      }
      if (!there.empty()) server.session->Receive(there, now_);
      std::string back;
      for (auto bytes = server.session->Output(); !bytes.empty();
           bytes = server.session->Output()) {
        back += bytes;
        server.session->OnWritten(bytes.size());
      }
      if (back.empty() && there.empty()) return;
      Give(back);
    }
  }
};

TEST_F(Http2EngineTest, AsksAndIsAnswered) {
  Make(10, true);
  Http2Server server;
  SendAll();
  EXPECT_EQ(engine_->in_flight(), 10u);
  now_ += milliseconds(2);
  Exchange(server);
  EXPECT_EQ(engine_->in_flight(), 0u);
  EXPECT_EQ(server.path, "/x");
  EXPECT_EQ(server.authority, "h");
  EXPECT_EQ(tally().answered, 10u);
  EXPECT_EQ(tally().body_bytes, 50u);
  EXPECT_EQ(tally().service.max(), milliseconds(2));
}

TEST_F(Http2EngineTest, SendsTheBody) {
  request_.method = "POST";
  request_.body = std::string(100000, 'b');
  Make(2, true);
  Http2Server server;
  SendAll();
  Exchange(server);
  EXPECT_EQ(server.body.size(), 200000u);
  EXPECT_EQ(tally().answered, 2u);
}

TEST_F(Http2EngineTest, KeepsToTheServersStreams) {
  Make(1000, true);
  Http2Server server(7);
  server.does = Http2Server::Does::kNothing;
  EXPECT_EQ(engine_->room(), 100u);  // Before the SETTINGS.
  Exchange(server);
  EXPECT_EQ(engine_->room(), 7u);
  SendAll();
  Exchange(server);
  EXPECT_EQ(server.requests, 7u);
  EXPECT_EQ(engine_->room(), 0u);
}

TEST_F(Http2EngineTest, AResetIsAFailure) {
  Make(2, true);
  Http2Server server;
  server.does = Http2Server::Does::kReset;
  SendAll();
  Exchange(server);
  EXPECT_EQ(failures(Failure::kStream), 2u);
  EXPECT_EQ(reason(Failure::kStream), "INTERNAL_ERROR");
  EXPECT_EQ(engine_->room(), 2u);
}

TEST_F(Http2EngineTest, ARefusedStreamGoesAgain) {
  Make(2, true);
  Http2Server server;
  server.does = Http2Server::Does::kRefuse;
  SendAll();
  Exchange(server);
  EXPECT_EQ(tally().failed(), 0u);
  EXPECT_EQ(pacer_->outstanding(), 2u);
  server.does = Http2Server::Does::kAnswer;
  SendAll();
  Exchange(server);
  EXPECT_EQ(tally().answered, 2u);
}

TEST_F(Http2EngineTest, GoAwayEndsTheConnectionAfterItsAnswers) {
  Make(3, true);
  Http2Server server;
  SendAll();
  Exchange(server);
  server.session->Drain();
  Exchange(server);
  EXPECT_EQ(engine_->room(), 0u);
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(tally().answered, 3u);
  EXPECT_EQ(tally().failed(), 0u);
}

TEST_F(Http2EngineTest, Finishes) {
  Make(3, true);
  Http2Server server;
  SendAll();
  engine_->Finish();
  EXPECT_FALSE(engine_->finished());
  Exchange(server);
  EXPECT_EQ(tally().answered, 3u);
  EXPECT_TRUE(engine_->finished());
  EXPECT_TRUE(server.session->finished());
}

TEST_F(Http2EngineTest, TimesOutWithoutTheOthers) {
  Make(2, true);
  Http2Server server;
  server.does = Http2Server::Does::kNothing;
  Ticket ticket;
  ASSERT_TRUE(pacer_->Take(now_, ticket));
  engine_->Send(ticket);
  Exchange(server);
  now_ += milliseconds(1000);
  server.does = Http2Server::Does::kAnswer;
  engine_->Expire(now_);
  Exchange(server);
  EXPECT_EQ(failures(Failure::kTimeout), 1u);
  EXPECT_EQ(engine_->room(), 2u);
  SendAll();
  Exchange(server);
  EXPECT_EQ(tally().answered, 2u);
}

TEST_F(Http2EngineTest, TheEndOfTheConnectionFailsWhatIsInFlight) {
  Make(2, true);
  Http2Server server;
  server.does = Http2Server::Does::kNothing;
  SendAll();
  Exchange(server);
  engine_->OnEnd(now_);
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(failures(Failure::kClosed), 2u);
  EXPECT_EQ(pacer_->outstanding(), 0u);
}

TEST_F(Http2EngineTest, RefusesWhatIsNoHttp2) {
  Make(2, true);
  SendAll();
  TakeOutput();
  Give("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
  TakeOutput();
  EXPECT_TRUE(engine_->finished());
  EXPECT_EQ(failures(Failure::kProtocol), 2u);
}

}  // namespace
}  // namespace corelane::load
