#include "http/middleware/trace_context.h"

#include <vector>

#include "http/middleware/middleware_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceParent, IsReadStrictly) {
  const std::optional<TraceContext> trace = ParseTraceParent(kParent);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->TraceId(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(trace->parent_id, 0xb7ad6b7169203331u);
  EXPECT_TRUE(trace->sampled);
  const std::string base(kParent);
  EXPECT_FALSE(ParseTraceParent(base.substr(0, 53) + "02")->sampled);
  EXPECT_TRUE(ParseTraceParent("cc" + base.substr(2)).has_value());
  EXPECT_TRUE(ParseTraceParent("cc" + base.substr(2) + "-more").has_value());
  for (const std::string& wrong :
       {"ff" + base.substr(2), base + "-", base + "0", "cc" + base.substr(2) + "more",
        "00-" + std::string(32, '0') + base.substr(35),
        base.substr(0, 36) + std::string(16, '0') + "-01",
        "00-0AF7651916cd43dd8448eb211c80319c" + base.substr(35), "0g" + base.substr(2),
        base.substr(0, 35) + "_" + base.substr(36), base.substr(0, 53) + "0x", " " + base}) {
    EXPECT_FALSE(ParseTraceParent(wrong).has_value()) << wrong;
  }
}

TEST(TraceParent, TruncatedAtEveryLength) {
  for (size_t n = 0; n < kParent.size(); ++n) {
    EXPECT_FALSE(ParseTraceParent(kParent.substr(0, n)).has_value()) << n;
  }
}

TEST(TraceState, IsReadStrictly) {
  EXPECT_EQ(ParseTraceState("rojo=00f067, ,congo=t61 rc"), "rojo=00f067,congo=t61 rc");
  EXPECT_EQ(ParseTraceState("1a-_*/@s=v"), "1a-_*/@s=v");
  EXPECT_EQ(ParseTraceState(""), "");
  EXPECT_TRUE(ParseTraceState(std::string(256, 'a') + "=" + std::string(256, 'v')).has_value());
  for (const std::string& wrong :
       {std::string("a"), std::string("=1"), std::string("a="), std::string("A=1"),
        std::string("1=1"), std::string("a=1,a=2"), std::string("a=b=c"), std::string("a@=1"),
        std::string("@a=1"), std::string("a@1=1"), std::string("a =1"), std::string("a=\x7f"),
        std::string(257, 'a') + "=1", "a=" + std::string(257, 'v'),
        "a@" + std::string(15, 's') + "=1"}) {
    EXPECT_EQ(ParseTraceState(wrong), std::nullopt) << wrong;
  }
  std::string many;
  for (int i = 0; i < 32; ++i) many += "k" + std::to_string(i) + "=1,";
  EXPECT_TRUE(ParseTraceState(many).has_value());
  EXPECT_FALSE(ParseTraceState(many + "k32=1").has_value());
}

class TraceContextTest : public MadeMiddlewareTest {
 protected:
  TraceContextTest() {
    router_.Get("/trace", [](TraceContext trace) {
      return Response::Text(trace.TraceParent() + " parent " + std::to_string(trace.parent_id) +
                            " state [" + trace.tracestate + "]");
    });
  }
  ManualClock clock_;
  uint64_t next_ = 0;
};

TEST_F(TraceContextTest, ATraceGoesOnWithANewSpan) {
  router_.Use(TraceContexts([this] { return ++next_; }));
  const std::string parent = "traceparent: " + std::string(kParent) + "\r\n";
  const std::string mine = "00-0af7651916cd43dd8448eb211c80319c-000000000000000";
  EXPECT_THAT(Get("/trace", parent), HasSubstr(mine + "1-01 parent 13235353014750950193 state []"));
  EXPECT_THAT(Get("/trace", parent + "tracestate: a=1\r\nTraceState: b=2\r\n"),
              HasSubstr(mine + "2-01 parent 13235353014750950193 state [a=1,b=2]"));
  EXPECT_THAT(Get("/trace", parent + "tracestate: a=1,A=2\r\n"), HasSubstr("state []"));
}

TEST_F(TraceContextTest, WithoutAParentATraceBegins) {
  router_.Use(TraceContexts([this] { return ++next_; }, true));
  const std::string parent = "traceparent: " + std::string(kParent) + "\r\n";
  EXPECT_THAT(Get("/trace"),
              HasSubstr("00-00000000000000010000000000000002-0000000000000003-01 parent 0"));
  EXPECT_THAT(Get("/trace", parent + parent), HasSubstr("00-00000000000000040000000000000005"));
  EXPECT_THAT(Get("/trace", "traceparent: 00-x\r\ntracestate: a=1\r\n"),
              HasSubstr("parent 0 state []"));
}

TEST_F(TraceContextTest, TheAccessLogSeesIt) {
  std::vector<std::string> log;
  router_.Use(TraceContexts([this] { return ++next_; }));
  router_.Use(AccessLog(clock_, [&](const AccessRecord& record) {
    log.push_back(record.request->Attached<TraceContext>()->SpanId());
  }));
  Get("/hello", "traceparent: " + std::string(kParent) + "\r\n");
  EXPECT_THAT(log, ElementsAre("0000000000000001"));
}

TEST_F(TraceContextTest, WithoutTheMiddlewareItSaysSo) {
  EXPECT_THAT(Get("/trace"), HasSubstr("expected TraceContexts() around the handler"));
}

}  // namespace
}  // namespace corelane::http
