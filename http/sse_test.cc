#include "http/sse.h"

#include <deque>
#include <memory>

#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Format(const ServerEvent& event) {
  std::string text;
  return AppendEvent(event, text) ? text : "refused" + text;
}

TEST(ServerEvent, AsItIsSent) {
  EXPECT_EQ(Format({.data = "hello"}), "data: hello\n\n");
  EXPECT_EQ(
      Format({.event = "tick", .data = "x", .id = "7", .retry = std::chrono::milliseconds(9)}),
      "id: 7\nretry: 9\nevent: tick\ndata: x\n\n");
  EXPECT_EQ(Format({}), "data: \n\n");
  EXPECT_EQ(Format({.id = ""}), "id: \n\n");
  EXPECT_EQ(Format({.event = "e"}), "event: e\ndata: \n\n");
}

TEST(ServerEvent, DataOfManyLines) {
  EXPECT_EQ(Format({.data = "a\nb\r\nc\rd"}), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(Format({.data = "\n"}), "data: \ndata: \n\n");
  EXPECT_EQ(Format({.data = "a\n\nid: 5"}), "data: a\ndata: \ndata: id: 5\n\n");
  EXPECT_EQ(Format({.data = " a"}), "data:  a\n\n") << "a client takes one blank off";
}

TEST(ServerEvent, WhatWouldBreakOutIsRefused) {
  EXPECT_EQ(Format({.event = "a\nb"}), "refused");
  EXPECT_EQ(Format({.event = "a\r"}), "refused");
  EXPECT_EQ(Format({.data = "d", .id = "a\nb"}), "refused");
  EXPECT_EQ(Format({.data = "d", .id = std::string_view("a\0b", 3)}), "refused");
  std::string comment;
  AppendComment("a\nevent: b", comment);
  AppendComment("", comment);
  EXPECT_EQ(comment, ": a\n: event: b\n\n:\n\n");
}

class SseTest : public H1ServerTest {
 protected:
  void Serve(std::function<Task<void>(EventStream&)> write) {
    router_.Get("/events",
                [write](const Request& request) { return StreamEvents(request, write); });
    Give("GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 41\r\n\r\n");
  }
  // The events so far.
  std::string Body() {
    const auto answers = Answers();
    return answers.empty() ? "" : answers.back().body;
  }
  void PassTime(Duration time = seconds(1)) {
    now_ += time;
    Run();
  }
};

TEST_F(SseTest, EventsAreSentAsTheyCome) {
  Serve([](EventStream& events) -> Task<void> {
    const std::string last(events.last_event_id());
    co_await events.Send({.data = last});
    for (int i = 0; i < 2; ++i) {
      co_await events.Sleep(seconds(1));
      co_await events.Send({.event = "tick", .data = "x"});
    }
  });
  EXPECT_THAT(sent_, AllOf(HasSubstr("Content-Type: text/event-stream\r\n"),
                           HasSubstr("Cache-Control: no-store\r\n")));
  EXPECT_EQ(Body(), "data: 41\n\n");
  PassTime();
  EXPECT_EQ(Body(), "data: 41\n\nevent: tick\ndata: x\n\n");
  PassTime();
  EXPECT_EQ(Body(), "data: 41\n\nevent: tick\ndata: x\n\nevent: tick\ndata: x\n\n");
  EXPECT_TRUE(Answers().back().complete);
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("hello"));
}

TEST_F(SseTest, WhatIsAddedGoesWithTheNext) {
  Serve([](EventStream& events) -> Task<void> {
    EXPECT_TRUE(events.Add({.data = "1"}));
    EXPECT_FALSE(events.Add({.event = "\n"}));
    EXPECT_FALSE(co_await events.Send({.event = "\n"}));
    co_await events.Sleep(seconds(1));
    EXPECT_TRUE(co_await events.Send({.data = "2"}));
    events.Add({.data = "3"});
  });
  EXPECT_EQ(Body(), "");
  PassTime();
  EXPECT_EQ(Body(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  EXPECT_TRUE(Answers().back().complete);
}

TEST_F(SseTest, ASlowClientHoldsTheWriterUp) {
  int written = 0;
  taking_ = false;
  Serve([&](EventStream& events) -> Task<void> {
    const std::string large(1000, 'x');
    for (written = 0; written < 1000; ++written) co_await events.Send({.data = large});
  });
  EXPECT_LT(written, 100);
  const int before = written;
  Run();
  EXPECT_EQ(written, before);
  taking_ = true;
  Run();
  EXPECT_EQ(written, 1000);
  EXPECT_EQ(Body().size(), 1000u * 1008u);
}

TEST_F(SseTest, OneEventMayBeLargerThanAnyBuffer) {
  const std::string large(300000, 'x');
  Serve([&](EventStream& events) -> Task<void> { co_await events.Send({.data = large}); });
  EXPECT_EQ(Body(), "data: " + large + "\n\n");
}

TEST_F(SseTest, WaitingKeepsTheConnectionAlive) {
  std::deque<std::string> queue = {"a"};
  bool ended = false;
  Serve([&](EventStream& events) -> Task<void> {
    const auto news = [&] { return !queue.empty(); };
    while (co_await events.WaitUntil(news, seconds(10))) {
      events.Add({.data = queue.front()});
      queue.pop_front();
    }
    ended = true;
  });
  EXPECT_EQ(Body(), "data: a\n\n");
  PassTime(seconds(10));
  EXPECT_EQ(Body(), "data: a\n\n:\n\n");
  queue = {"b", "c"};
  PassTime(seconds(10));
  EXPECT_EQ(Body(), "data: a\n\n:\n\ndata: b\n\ndata: c\n\n");
  engine_->Stop();
  Run();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(Answers().back().complete);
}

TEST_F(SseTest, WhoHasNewsInterruptsTheWait) {
  std::deque<std::string> queue;
  const Request* waiting = nullptr;
  Serve([&](EventStream& events) -> Task<void> {
    waiting = &events.request();
    const auto news = [&] { return !queue.empty(); };
    while (co_await events.WaitUntil(news)) {
      events.Add({.data = queue.front()});
      queue.pop_front();
    }
  });
  EXPECT_EQ(Body(), "");
  queue = {"a", "b"};
  waiting->Interrupt();
  Run();
  EXPECT_EQ(Body(), "data: a\n\ndata: b\n\n");
}

TEST_F(SseTest, WhatTheWriterWaitsForIsCancelledWhenTheClientGoes) {
  struct Operation final : Cancellable {
    void Cancel() override { cancelled = true; }
    bool cancelled = false;
    internal::TaskPromiseBase* promise = nullptr;
    std::coroutine_handle<> waiter;
  } operation;
  struct Wait {
    Operation& operation;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<internal::TaskPromise<void>> waiter) const {
      operation.waiter = waiter;
      operation.promise = &waiter.promise();
      operation.promise->set_waits_for(&operation);
    }
    void await_resume() const { operation.promise->set_waits_for(nullptr); }
  };
  Serve([&](EventStream& events) -> Task<void> {
    co_await events.Send({.data = "x"});
    Wait wait{operation};
    co_await wait;
  });
  engine_->OnFailure();
  Run();
  EXPECT_TRUE(operation.cancelled);
  EXPECT_FALSE(closed_) << "it comes back first";
  operation.waiter.resume();
  Run();
  EXPECT_TRUE(closed_);
}

TEST_F(SseTest, AClientThatIsGoneEndsTheWriter) {
  const auto held = std::make_shared<int>(0);
  Serve([held](EventStream& events) -> Task<void> {
    const std::shared_ptr<int> mine = held;
    for (;;) {
      co_await events.Send({.data = "x"});
      co_await events.Sleep(seconds(1));
    }
  });
  router_ = Router();
  EXPECT_EQ(held.use_count(), 3);
  engine_->OnFailure();
  Run();
  EXPECT_TRUE(closed_);
  engine_.reset();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(SseTest, AnExceptionBreaksOffBehindWhatWasSent) {
  Serve([](EventStream& events) -> Task<void> {
    co_await events.Send({.data = "x"});
    throw std::runtime_error("no");
  });
  EXPECT_TRUE(closed_);
  EXPECT_EQ(Body(), "data: x\n\n");
  EXPECT_FALSE(Answers().back().complete);
}

TEST_F(SseTest, AWriterThatWaitsOutsideIsResumedThere) {
  Serve([this](EventStream& events) -> Task<void> {
    Outside outside{outside_};
    co_await outside;
    co_await events.Send({.data = "back"});
  });
  EXPECT_EQ(action_, IoAction::kWait);
  outside_.resume();
  Run();
  EXPECT_EQ(Body(), "data: back\n\n");
}

}  // namespace
}  // namespace corelane::http
