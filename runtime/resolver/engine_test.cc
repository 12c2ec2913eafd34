// The engine in virtual time, against name servers that the tests play.

#include "runtime/resolver/engine.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/resolver/test_answers.h"

namespace corelane::dns {
namespace {

using std::chrono::seconds;

class EngineTest : public testing::Test {
 protected:
  // Of tests that look up IPv4 only, so that there is one query.
  ResolverEngine& Make(std::string_view conf, EngineOptions options = {}) {
    options.conf = ResolvConf::Parse(conf);
    EXPECT_EQ(options.conf.bad.count(), 0u);
    options.secret = {1, 2};
    return engine_.emplace(std::move(options));
  }
  void Lookup(std::string_view host, uint64_t id = 1) {
    LookupRequest request{std::string(host)};
    request.want_v6 = false;
    engine_->Start(id, request, now_);
  }
  // The next question; there must be one.
  ReadQuery Sent() {
    auto transmit = engine_->PollTransmit();
    EXPECT_TRUE(transmit.has_value());
    if (!transmit) return ReadQuery(EncodeQuery({}, 0, Edns::kNo));
    sent_ = *transmit;
    return ReadQuery(sent_.bytes);
  }
  void Answer(const MessageBuilder& message) {
    engine_->OnResponse(sent_.exchange, sent_.server, message.bytes(), now_);
  }
  // A response to the last question, up to the records.
  MessageBuilder Response(uint16_t flags = kAnswerFlags) {
    const ReadQuery query(sent_.bytes);
    return MessageBuilder(query.id, flags).Question(query.question);
  }
  MessageBuilder Found(std::string_view address = "192.0.2.1", uint32_t ttl = 60) {
    return Response().Address(ReadQuery(sent_.bytes).question.name.ToString(), address, ttl);
  }
  void ExpectResult(LookupStatus status, const std::string& addresses = "", uint64_t id = 1) {
    const auto result = engine_->PollResult();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->lookup, id);
    EXPECT_EQ(result->status, status);
    std::string all;
    for (const IpAddress& a : result->addresses) all += (all.empty() ? "" : " ") + a.ToString();
    EXPECT_EQ(all, addresses);
  }
  void ExpectQuiet() {
    EXPECT_FALSE(engine_->PollTransmit().has_value());
    EXPECT_FALSE(engine_->PollResult().has_value());
  }
  // To the next deadline.
  void TimeOut() {
    ASSERT_NE(engine_->NextDeadline(), kNever);
    now_ = engine_->NextDeadline();
    engine_->OnTimer(now_);
  }

  std::optional<ResolverEngine> engine_;
  Instant now_{seconds(100)};
  Transmit sent_;
};

constexpr const char* kTwo = "nameserver 10.0.0.1\nnameserver 10.0.0.2\n";
constexpr const char* kOne = "nameserver 10.0.0.1\n";

TEST_F(EngineTest, AsksForBothFamiliesAtOnce) {
  Make(kOne).Start(1, {"www.example.com"}, now_);
  const ReadQuery first = Sent();
  EXPECT_EQ(first.question, (Question{N("www.example.com"), RecordType::kAaaa}));
  EXPECT_TRUE(first.edns);
  const Transmit v6 = sent_;
  EXPECT_EQ(v6.server, Endpoint::Parse("10.0.0.1:53"));
  EXPECT_EQ(Sent().question.type, RecordType::kA);
  EXPECT_NE(v6.exchange, sent_.exchange);
  Answer(Found());
  ExpectQuiet();
  sent_ = v6;
  Answer(Found("2001:db8::1"));
  ExpectResult(LookupStatus::kOk, "2001:db8::1 192.0.2.1");
  EXPECT_EQ(engine_->NextDeadline(), kNever);
  EXPECT_EQ(engine_->PollEnded().value_or(0), 2u);
  EXPECT_EQ(engine_->PollEnded().value_or(0), 1u);
}

TEST_F(EngineTest, OneFamilyIsEnough) {
  Make("nameserver 10.0.0.1\noptions attempts:1\n").Start(1, {"www.example.com"}, now_);
  Sent();
  Sent();
  Answer(Found());
  TimeOut();
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
}

TEST_F(EngineTest, NumericAddressesAreThereAtOnce) {
  Make("").Start(1, {"192.0.2.9"}, now_);
  ExpectResult(LookupStatus::kOk, "192.0.2.9");
  engine_->Start(2, {"2001:db8::9"}, now_);
  ExpectResult(LookupStatus::kOk, "2001:db8::9", 2);
  LookupRequest request{"www.example.com"};
  request.numeric_only = true;
  engine_->Start(3, request, now_);
  ExpectResult(LookupStatus::kNotFound, "", 3);
  Lookup("2001:db8::9", 4);
  ExpectResult(LookupStatus::kNoData, "", 4);
}

TEST_F(EngineTest, SpecialNamesNeverLeave) {
  Make(kOne).Start(1, {"LocalHost."}, now_);
  ExpectResult(LookupStatus::kOk, "::1 127.0.0.1");
  Lookup("a.localhost");
  ExpectResult(LookupStatus::kOk, "127.0.0.1");
  for (const char* host : {"x.invalid", "abc.onion", "10.0.0.256", "1", "", ".", "a..b"}) {
    Lookup(host);
    ExpectResult(LookupStatus::kNotFound);
  }
  ExpectQuiet();
}

TEST_F(EngineTest, HostsComeFirst) {
  EngineOptions options;
  options.hosts = HostsFile::Parse("10.9.9.9 box.lan box\n");
  Make(kOne, std::move(options));
  Lookup("BOX");
  ExpectResult(LookupStatus::kOk, "10.9.9.9");
  ExpectQuiet();
}

TEST_F(EngineTest, WithoutServersThereIsNobodyToAsk) {
  Make("");
  Lookup("www.example.com");
  ExpectResult(LookupStatus::kNoServers);
}

TEST_F(EngineTest, AfterTheTimeOutTheNextServerIsAsked) {
  Make(kTwo);
  Lookup("www.example.com");
  std::vector<std::string> asked;
  for (int i = 0; i < 4; ++i) {
    Sent();
    asked.push_back(sent_.server.address.ToString());
    const Instant sent_at = now_;
    TimeOut();
    EXPECT_EQ(now_ - sent_at, seconds(5));
  }
  const std::vector<std::string> expected = {"10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"};
  EXPECT_EQ(asked, expected);
  ExpectResult(LookupStatus::kTryAgain);
  ExpectQuiet();
  EXPECT_EQ(engine_->counters().timeouts, 4u);
  EXPECT_EQ(engine_->queries(), 0u);
}

TEST_F(EngineTest, EachTryHasAnIdOfItsOwn) {
  Make("nameserver 10.0.0.1\noptions attempts:5\n");
  Lookup("www.example.com");
  std::vector<uint16_t> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(Sent().id);
    TimeOut();
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
}

TEST_F(EngineTest, LateAnswersAreNobodys) {
  Make(kTwo);
  Lookup("www.example.com");
  Sent();
  const Transmit first = sent_;
  const MessageBuilder late = Found("192.0.2.66");
  TimeOut();
  engine_->OnResponse(first.exchange, first.server, late.bytes(), now_);
  Sent();
  ExpectQuiet();
  Answer(Found());
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
}

TEST_F(EngineTest, SpoofedAnswersChangeNothing) {
  Make(kOne);
  Lookup("www.example.com");
  const ReadQuery query = Sent();
  const auto forged = [&](uint16_t id, const Question& question, const char* from) {
    MessageBuilder message(id, kAnswerFlags);
    message.Question(question).Address(question.name.ToString(), "192.0.2.66");
    engine_->OnResponse(sent_.exchange, *Endpoint::Parse(from), message.bytes(), now_);
  };
  forged(static_cast<uint16_t>(query.id + 1), query.question, "10.0.0.1:53");
  forged(query.id, {N("www.example.net"), RecordType::kA}, "10.0.0.1:53");
  forged(query.id, query.question, "10.0.0.2:53");
  forged(query.id, query.question, "10.0.0.1:54");
  engine_->OnResponse(sent_.exchange, sent_.server, std::vector<uint8_t>(5), now_);
  engine_->OnResponse(sent_.exchange + 1, sent_.server, Found().bytes(), now_);
  ExpectQuiet();
  EXPECT_EQ(engine_->counters().ignored, 6u);
  Answer(Found());
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
}

TEST_F(EngineTest, RandomCaseMustComeBack) {
  EngineOptions options;
  options.randomize_case = true;
  Make(kOne, std::move(options));
  Lookup("www.a-long-name-of-many-letters.example.com");
  const ReadQuery query = Sent();
  EXPECT_FALSE(query.question.name.IsSpelledLike(N("www.a-long-name-of-many-letters.example.com")));
  const Question lower{N("www.a-long-name-of-many-letters.example.com"), RecordType::kA};
  MessageBuilder wrong(query.id, kAnswerFlags);
  wrong.Question(lower).Address(lower.name.ToString(), "192.0.2.66");
  Answer(wrong);
  ExpectQuiet();
  Answer(Found());
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
}

TEST_F(EngineTest, TruncationLeadsToTcpAtTheSameServer) {
  Make(kTwo);
  Lookup("www.example.com");
  const uint16_t id = Sent().id;
  EXPECT_FALSE(sent_.tcp);
  Answer(Response(kAnswerFlags | 0x0200));
  EXPECT_NE(Sent().id, id);
  EXPECT_TRUE(sent_.tcp);
  EXPECT_EQ(sent_.server, Endpoint::Parse("10.0.0.1:53"));
  Answer(Found());
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
}

TEST_F(EngineTest, NonsenseOverTcpIsTheServersFault) {
  Make(std::string(kTwo) + "options use-vc\n");
  Lookup("www.example.com");
  Sent();
  EXPECT_TRUE(sent_.tcp);
  engine_->OnResponse(sent_.exchange, sent_.server, std::vector<uint8_t>(5), now_);
  Sent();
  EXPECT_EQ(sent_.server, Endpoint::Parse("10.0.0.2:53"));
  EXPECT_TRUE(sent_.tcp);
}

TEST_F(EngineTest, FailureLeadsToTheNextServer) {
  for (const uint16_t flags : {0x8182, 0x8185, 0x8100}) {  // SERVFAIL, REFUSED, lame
    Make(kTwo);
    Lookup("www.example.com");
    Sent();
    Answer(Response(flags));
    Sent();
    EXPECT_EQ(sent_.server, Endpoint::Parse("10.0.0.2:53"));
    Answer(Found());
    ExpectResult(LookupStatus::kOk, "192.0.2.1");
  }
}

TEST_F(EngineTest, UnreachableServersAreLeftAtOnce) {
  Make(kTwo);
  Lookup("www.example.com");
  Sent();
  engine_->OnFailed(sent_.exchange, now_);
  Sent();
  EXPECT_EQ(sent_.server, Endpoint::Parse("10.0.0.2:53"));
}

TEST_F(EngineTest, TheServerThatAnsweredIsAskedFirst) {
  Make(kTwo);
  Lookup("a.example.com");
  Sent();
  TimeOut();
  Sent();
  Answer(Found());
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
  Lookup("b.example.com");
  Sent();
  EXPECT_EQ(sent_.server, Endpoint::Parse("10.0.0.2:53"));
}

TEST_F(EngineTest, RotationAsksInTurn) {
  Make(std::string(kTwo) + "options rotate\n");
  for (uint64_t i = 0; i < 4; ++i) {
    Lookup("n" + std::to_string(i) + ".example.com");
    Sent();
    EXPECT_EQ(sent_.server.address.ToString(), i % 2 == 0 ? "10.0.0.1" : "10.0.0.2");
    Answer(Found());
    ExpectResult(LookupStatus::kOk, "192.0.2.1");
  }
}

TEST_F(EngineTest, FormErrIsAnsweredWithoutEdns) {
  Make(kTwo);
  Lookup("www.example.com");
  EXPECT_TRUE(Sent().edns);
  Answer(MessageBuilder(ReadQuery(sent_.bytes).id, 0x8181));  // without the question
  EXPECT_FALSE(Sent().edns);
  EXPECT_EQ(sent_.server, Endpoint::Parse("10.0.0.1:53"));
  Answer(Response(0x8181));
  EXPECT_TRUE(Sent().edns);
  EXPECT_EQ(sent_.server, Endpoint::Parse("10.0.0.2:53"));
}

TEST_F(EngineTest, AnswersAreRememberedForTheirTtl) {
  Make(kOne);
  Lookup("www.example.com");
  Sent();
  Answer(Found("192.0.2.1", 60));
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
  now_ += seconds(59);
  Lookup("WWW.example.com");
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
  EXPECT_EQ(engine_->counters().cache_hits, 1u);
  now_ += seconds(1);
  Lookup("www.example.com");
  Sent();
}

TEST_F(EngineTest, AbsenceIsRememberedForTheSoasTtl) {
  Make(kOne);
  Lookup("www.example.com");
  Sent();
  Answer(Response(0x8183).Soa("example.com", 100, 30));
  ExpectResult(LookupStatus::kNotFound);
  now_ += seconds(29);
  Lookup("www.example.com");
  ExpectResult(LookupStatus::kNotFound);
  now_ += seconds(1);
  Lookup("www.example.com");
  Sent();
  Answer(Response().Soa("example.com", 100, 30));
  ExpectResult(LookupStatus::kNoData);
  Lookup("www.example.com");
  ExpectResult(LookupStatus::kNoData);
}

TEST_F(EngineTest, AbsenceWithoutSoaIsNotRemembered) {
  Make(kOne);
  for (int i = 0; i < 2; ++i) {
    Lookup("www.example.com");
    Sent();
    Answer(Response(0x8183));
    ExpectResult(LookupStatus::kNotFound);
  }
}

TEST_F(EngineTest, FewDotsMeanTheSearchListFirst) {
  Make(std::string(kOne) + "search a.example b.example\n");
  Lookup("www");
  EXPECT_EQ(Sent().question.name, N("www.a.example"));
  Answer(Response(0x8183));
  EXPECT_EQ(Sent().question.name, N("www.b.example"));
  Answer(Response());
  EXPECT_EQ(Sent().question.name, N("www"));
  Answer(Response(0x8183));
  ExpectResult(LookupStatus::kNoData);  // www.b.example exists
}

TEST_F(EngineTest, DotsEnoughMeanTheNameItselfFirst) {
  Make(std::string(kOne) + "search a.example\n");
  Lookup("www.host");
  EXPECT_EQ(Sent().question.name, N("www.host"));
  Answer(Response(0x8183));
  EXPECT_EQ(Sent().question.name, N("www.host.a.example"));
  Answer(Found());
  ExpectResult(LookupStatus::kOk, "192.0.2.1");
}

TEST_F(EngineTest, NdotsIsHowManyAreEnough) {
  Make(std::string(kOne) + "search a.example\noptions ndots:2\n");
  Lookup("www.host");
  EXPECT_EQ(Sent().question.name, N("www.host.a.example"));
}

TEST_F(EngineTest, AbsoluteNamesAreNotSearched) {
  Make(std::string(kOne) + "search a.example\n");
  Lookup("www.");
  EXPECT_EQ(Sent().question.name, N("www"));
  Answer(Response(0x8183));
  ExpectResult(LookupStatus::kNotFound);
  Lookup("www\\.");  // a dot inside the label
  EXPECT_EQ(Sent().question.name, N("www\\..a.example"));
}

TEST_F(EngineTest, AFailureEndsTheSearch) {
  Make(std::string(kOne) + "search a.example b.example\noptions attempts:1\n");
  Lookup("www");
  Sent();
  Answer(Response(0x8182));
  ExpectResult(LookupStatus::kTryAgain);
  ExpectQuiet();
}

TEST_F(EngineTest, AQuestionOfManyIsSentOnce) {
  Make(kOne);
  Lookup("www.example.com", 1);
  Lookup("www.EXAMPLE.com", 2);
  Lookup("www.example.com", 3);
  Sent();
  ExpectQuiet();
  engine_->Cancel(2);
  Answer(Found("192.0.2.1", 0));
  ExpectResult(LookupStatus::kOk, "192.0.2.1", 1);
  ExpectResult(LookupStatus::kOk, "192.0.2.1", 3);
  ExpectQuiet();
}

TEST_F(EngineTest, TheLastToCancelEndsTheQuery) {
  Make(kOne);
  Lookup("www.example.com", 1);
  Lookup("www.example.com", 2);
  Sent();
  engine_->Cancel(1);
  EXPECT_EQ(engine_->queries(), 1u);
  engine_->Cancel(2);
  EXPECT_EQ(engine_->queries(), 0u);
  EXPECT_EQ(engine_->lookups(), 0u);
  EXPECT_EQ(engine_->PollEnded(), sent_.exchange);
  EXPECT_EQ(engine_->NextDeadline(), kNever);
  Answer(Found());
  ExpectQuiet();
}

TEST_F(EngineTest, ATimerTooEarlyDoesNothing) {
  Make(kOne);
  Lookup("www.example.com");
  Sent();
  engine_->OnTimer(now_ + seconds(4));
  ExpectQuiet();
  EXPECT_EQ(engine_->counters().timeouts, 0u);
}

}  // namespace
}  // namespace corelane::dns
