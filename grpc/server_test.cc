// Calls of a mounted service, as an HTTP/2 client sees them.

#include "grpc/server.h"

#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/h2_server_test_fixture.h"

namespace corelane::grpc {
namespace {

using google::protobuf::StringValue;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Method kSay{"/test.Echo/Say", MethodKind::kUnary};
constexpr Method kMany{"/test.Echo/Many", MethodKind::kServerStreaming};
constexpr Method kJoin{"/test.Echo/Join", MethodKind::kClientStreaming};
constexpr Method kChat{"/test.Echo/Chat", MethodKind::kBidiStreaming};

// Leaves its coroutine for the test to resume.
struct Outside {
  std::coroutine_handle<>& waiter;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { waiter = handle; }
  void await_resume() const {}
};

class EchoService final : public Service {
 public:
  http::Task<Result<StringValue>> Say(ServerContext& context, const StringValue& request) {
    const std::string& what = request.value();
    if (what == "fail") co_return Status(StatusCode::kNotFound, "no \"fail\" here, 100%");
    if (what == "absl") co_return absl::AbortedError("absl");
    if (what == "throw") throw std::runtime_error("secret");
    if (what == "sleep") co_await context.request().Sleep(seconds(60));
    if (what == "outside") {
      Outside outside{waiter};
      co_await outside;
    }
    if (what == "metadata") {
      context.initial_metadata().Add("x-first", "1");
      context.trailing_metadata().Add("x-last-bin", "\x01\x02");
    }
    if (what == "bad metadata") context.trailing_metadata().Add("Not So", "x");
    if (what == "greeting") {
      StringValue reply;
      reply.set_value(std::string(context.metadata().Get("x-greeting-bin").value_or("none")));
      co_return reply;
    }
    if (what == "gzip") {
      StringValue reply;
      reply.set_value(context.set_compression(Compression::kGzip) ? std::string(500, 'z')
                                                                  : "plain");
      co_return reply;
    }
    if (what == "arena") {
      auto reply = context.New<StringValue>();
      reply->set_value("on the arena");
      co_return reply;
    }
    StringValue reply;
    reply.set_value(what + "!");
    co_return reply;
  }
  http::Task<Status> Many(ServerContext&, const StringValue& request, Writer<StringValue>& writer) {
    const int n = std::atoi(request.value().c_str());
    StringValue reply;
    for (int i = 0; i < n; ++i) {
      reply.set_value(std::to_string(i));
      const bool more = co_await writer.Write(reply);
      if (!more) co_return Status(StatusCode::kCancelled);
      ++written;
    }
    co_return Status();
  }
  http::Task<Result<StringValue>> Join(ServerContext&, Reader<StringValue>& reader) {
    StringValue all, one;
    for (;;) {
      const bool more = co_await reader.Read(one);
      if (!more) break;
      all.mutable_value()->append(one.value());
    }
    co_return all;
  }
  http::Task<Status> Chat(ServerContext&, Reader<StringValue>& reader,
                          Writer<StringValue>& writer) {
    writer_ = &writer;
    for (;;) {
      std::optional<StringValue> message = co_await reader.Next();
      if (!message.has_value()) break;
      if (message->value() == "bye") co_return Status(StatusCode::kOutOfRange, "bye");
      co_await writer.Write(*message);
    }
    co_return Status();
  }

  std::coroutine_handle<> waiter;
  Writer<StringValue>* writer_ = nullptr;
  int written = 0;

 private:
  void corelane_bind(Binder& binder) override {
    binder.Unary<StringValue, StringValue>(
        kSay, [this](ServerContext& c, const StringValue& r) { return Say(c, r); });
    binder.ServerStreaming<StringValue, StringValue>(
        kMany, [this](ServerContext& c, const StringValue& r, Writer<StringValue>& w) {
          return Many(c, r, w);
        });
    binder.ClientStreaming<StringValue, StringValue>(
        kJoin, [this](ServerContext& c, Reader<StringValue>& r) { return Join(c, r); });
    binder.BidiStreaming<StringValue, StringValue>(
        kChat, [this](ServerContext& c, Reader<StringValue>& r, Writer<StringValue>& w) {
          return Chat(c, r, w);
        });
  }
};

std::string Frame(std::string_view bytes, char flag = 0) {
  const auto n = static_cast<uint32_t>(bytes.size());
  std::string frame = {flag, static_cast<char>(n >> 24), static_cast<char>(n >> 16),
                       static_cast<char>(n >> 8), static_cast<char>(n)};
  return frame += bytes;
}
std::string Message(std::string_view text) {
  StringValue message;
  message.set_value(std::string(text));
  return Frame(message.SerializeAsString());
}

class Routes : public ::testing::Test {
 protected:
  Routes() { Mount(router_, service_, grpc_options_); }

  ServerOptions grpc_options_;
  EchoService service_;
  http::Router router_;
  http::ServerOptions options_;
  http::ServerStats stats_;
  http::ConnectionInfo connection_;
};

class ServerTest : public http::H2ServerPeer<Routes> {
 protected:
  ServerTest() { Restart(); }

  h2::Stream* Call(std::string_view path, std::vector<h2::HeaderField> more = {},
                   std::string_view type = "application/grpc") {
    std::vector<h2::HeaderField> fields = {{"content-type", type}, {"te", "trailers"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return client_->SubmitRequest({"POST", "http", "a", path, {}}, fields, h2::Body::Pushed());
  }
  // What came back of a call with these messages and an end.
  std::vector<std::string> Ask(std::string_view path, std::string_view bytes,
                               std::vector<h2::HeaderField> more = {}) {
    h2::Stream* const stream = Call(path, std::move(more));
    client_->Write(*stream, bytes, true);
    return Exchange();
  }
};

TEST_F(ServerTest, AUnaryCallIsAnswered) {
  EXPECT_THAT(Ask("/test.Echo/Say", Message("hi")),
              ElementsAre("response 200 date=Sun, 06 Nov 1994 08:49:37 GMT "
                          "content-type=application/grpc",
                          "data 10", "trailers grpc-status=0", "closed 1 NO_ERROR"));
  EXPECT_EQ(got_.body, Message("hi!"));
  Ask("/test.Echo/Say", Message("arena"));
  EXPECT_EQ(got_.body, Message("on the arena"));
}

TEST_F(ServerTest, AStatusComesAlone) {
  EXPECT_THAT(Ask("/test.Echo/Say", Message("fail"))[0],
              HasSubstr("grpc-status=5 grpc-message=no \"fail\" here, 100%25"));
  EXPECT_THAT(Ask("/test.Echo/Say", Message("absl"))[0], HasSubstr("grpc-status=10 "));
  const auto events = Ask("/test.Echo/Say", Message("throw"));
  EXPECT_THAT(events[0], HasSubstr("grpc-status=13 grpc-message=internal error"));
}

TEST_F(ServerTest, MetadataGoesBothWays) {
  const auto events = Ask("/test.Echo/Say", Message("metadata"));
  EXPECT_THAT(events[0], HasSubstr("x-first=1"));
  EXPECT_THAT(events, Contains("trailers grpc-status=0 x-last-bin=AQI"));
}

TEST_F(ServerTest, MetadataOfTheClientAndWhatCannotBeSent) {
  Ask("/test.Echo/Say", Message("greeting"), {{"x-greeting-bin", "aGk="}});
  EXPECT_EQ(got_.body, Message("hi"));
  EXPECT_THAT(Ask("/test.Echo/Say", Message("greeting"), {{"x-greeting-bin", "?"}})[0],
              HasSubstr("grpc-status=13"));
  EXPECT_THAT(Ask("/test.Echo/Say", Message("bad metadata"))[0],
              HasSubstr("grpc-status=13 grpc-message=metadata 'Not So': "));
}

TEST_F(ServerTest, CompressesWhatTheClientUnderstands) {
  Ask("/test.Echo/Say", Message("gzip"));
  EXPECT_EQ(got_.body, Message("plain"));
  const auto events = Ask("/test.Echo/Say", Message("gzip"), {{"grpc-accept-encoding", "gzip"}});
  EXPECT_THAT(events[0], HasSubstr("grpc-encoding=gzip"));
  MessageReader reader(1000);
  reader.set_compression(Compression::kGzip);
  std::string_view input = got_.body;
  ASSERT_EQ(reader.Next(input), MessageReader::Event::kMessage);
  StringValue reply;
  ASSERT_TRUE(reply.ParseFromString(std::string(reader.message())));
  EXPECT_EQ(reply.value(), std::string(500, 'z'));
  EXPECT_LT(got_.body.size(), 100u);
}

TEST_F(ServerTest, ADeadlineBeyondAllTimeIsNone) {
  Ask("/test.Echo/Say", Message("hi"), {{"grpc-timeout", "2562047H"}});
  EXPECT_EQ(got_.body, Message("hi!"));
}

TEST_F(ServerTest, EveryMethodTakesItsNumberOfRequests) {
  EXPECT_THAT(Ask("/test.Echo/Say", "")[0], HasSubstr("grpc-status=12"));
  EXPECT_THAT(Ask("/test.Echo/Say", Message("a") + Message("b"))[0], HasSubstr("grpc-status=12"));
  EXPECT_THAT(Ask("/test.Echo/Many", "")[0], HasSubstr("grpc-status=12"));
}

TEST_F(ServerTest, StreamsOfAllKinds) {
  Ask("/test.Echo/Many", Message("3"));
  EXPECT_EQ(got_.body, Message("0") + Message("1") + Message("2"));
  Ask("/test.Echo/Join", Message("a") + Message("b") + Message("c"));
  EXPECT_EQ(got_.body, Message("abc"));
  Ask("/test.Echo/Join", "");
  EXPECT_EQ(got_.body, Message(""));
  EXPECT_THAT(Ask("/test.Echo/Chat", Message("a") + Message("b")),
              Contains("trailers grpc-status=0"));
  EXPECT_EQ(got_.body, Message("a") + Message("b"));
}

TEST_F(ServerTest, AChatTakesTurns) {
  h2::Stream* const stream = Call("/test.Echo/Chat");
  EXPECT_THAT(Exchange(), ElementsAre());
  for (const char* word : {"one", "two"}) {
    client_->Write(*stream, Message(word), false);
    Exchange();
    EXPECT_EQ(got_.body, Message(word));
  }
  StringValue news;
  news.set_value("news");
  EXPECT_TRUE(service_.writer_->TryWrite(news));
  Exchange();
  EXPECT_EQ(got_.body, Message("news"));
  client_->Write(*stream, Message("bye"), false);
  EXPECT_THAT(Exchange(),
              ElementsAre("trailers grpc-status=11 grpc-message=bye", "closed 1 NO_ERROR"));
}

TEST_F(ServerTest, NewsBeforeTheFirstAnswerGoOut) {
  Call("/test.Echo/Chat");
  Exchange();
  StringValue news;
  news.set_value("news");
  EXPECT_TRUE(service_.writer_->TryWrite(news));
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200"));
  EXPECT_EQ(got_.body, Message("news"));
}

TEST_F(ServerTest, AMessageInPieces) {
  h2::Stream* const stream = Call("/test.Echo/Say");
  for (const char c : Message("pieces")) {
    EXPECT_THAT(Exchange(), ElementsAre());
    client_->Write(*stream, {&c, 1}, false);
  }
  client_->Write(*stream, "", true);
  Exchange();
  EXPECT_EQ(got_.body, Message("pieces!"));
}

TEST_F(ServerTest, ASlowClientHoldsTheWriterUp) {
  client_options_.initial_window_size = 1000;
  Restart();
  h2::Stream* const stream = Call("/test.Echo/Many");
  client_->Write(*stream, Message("1000000"), true);
  Exchange();
  const int first = service_.written;
  EXPECT_LT(first, 20000);
  Exchange();
  EXPECT_EQ(service_.written, first);
  client_->Consume(*stream, stream->unconsumed());
  Exchange();
  EXPECT_EQ(got_.body.size(), 1000u);
  client_->Reset(*stream, h2::ErrorCode::kCancel);
  Exchange();
  Ask("/test.Echo/Say", Message("hi"));
  EXPECT_EQ(got_.body, Message("hi!"));
}

TEST_F(ServerTest, ADeadlineEndsTheCall) {
  const auto events = Ask("/test.Echo/Say", Message("sleep"), {{"grpc-timeout", "500m"}});
  EXPECT_THAT(events, ElementsAre());
  EXPECT_EQ(server_->deadline(), now_ + std::chrono::milliseconds(500));
  now_ = server_->deadline();
  server_->OnDeadline(now_);
  EXPECT_THAT(Exchange()[0], HasSubstr("grpc-status=4"));
  EXPECT_THAT(Ask("/test.Echo/Say", Message("x"), {{"grpc-timeout", "5x"}})[0],
              HasSubstr("grpc-status=13 grpc-message=grpc-timeout: '5x' is not"));
}

TEST_F(ServerTest, WhatWaitsOutsideComesBackFirst) {
  h2::Stream* const stream = Call("/test.Echo/Say");
  client_->Write(*stream, Message("outside"), true);
  Exchange();
  client_->Reset(*stream, h2::ErrorCode::kCancel);
  Exchange();
  ASSERT_TRUE(service_.waiter);
  service_.waiter.resume();
  Exchange();
  Ask("/test.Echo/Say", Message("hi"));
  EXPECT_EQ(got_.body, Message("hi!"));
}

TEST_F(ServerTest, WhatIsNotServedIsToldSo) {
  EXPECT_THAT(Ask("/test.Echo/None", Message(""))[0], HasSubstr("grpc-status=12"));
  EXPECT_THAT(Ask("/test.None/Say", Message(""))[0], HasSubstr("grpc-status=12"));
  Call("/test.Echo/None");  // A stream without an end.
  EXPECT_THAT(Exchange()[0], HasSubstr("grpc-status=12"));
  h2::Stream* stream = Call("/test.Echo/Say", {}, "application/json");
  client_->Write(*stream, "{}", true);
  EXPECT_THAT(Exchange()[0], HasSubstr("response 415 "));
  stream = Call("/none", {}, "application/json");
  client_->Write(*stream, "{}", true);
  EXPECT_THAT(Exchange()[0], HasSubstr("response 404 "));
}

TEST_F(ServerTest, BadBytesEndInAStatus) {
  EXPECT_THAT(Ask("/test.Echo/Say", Frame("\xff\xff\xff"))[0],
              HasSubstr("grpc-status=13 grpc-message=the request is no valid "
                        "google.protobuf.StringValue"));
  EXPECT_THAT(Ask("/test.Echo/Say", Frame("", 2))[0], HasSubstr("grpc-status=13"));
  EXPECT_THAT(Ask("/test.Echo/Say", std::string_view("\0\x7f\xff\xff\xff", 5))[0],
              HasSubstr("grpc-status=8"));
  EXPECT_THAT(Ask("/test.Echo/Say", Message("hello").substr(0, 8))[0], HasSubstr("grpc-status=13"));
  EXPECT_THAT(Ask("/test.Echo/Chat", Message("a") + "\0")[0], HasSubstr("response 200"));
  EXPECT_THAT(Ask("/test.Echo/Say", Message("hi"), {{"grpc-encoding", "br"}})[0],
              HasSubstr("grpc-accept-encoding=identity,deflate,gzip grpc-status=12"));
}

}  // namespace
}  // namespace corelane::grpc
