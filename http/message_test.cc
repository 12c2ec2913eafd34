#include "http/message.h"

#include <gtest/gtest.h>

#include <string>

namespace corelane::http {
namespace {

TEST(Response, RefusesWhatCouldSplitAMessage) {
  EXPECT_TRUE(Response().Add("X-A", "b").valid());
  EXPECT_FALSE(Response().Add("X-A", "b\r\nX-C: d").valid());
  EXPECT_FALSE(Response().Add("X A", "b").valid());
  EXPECT_FALSE(Response().Add("X-A", std::string_view("b\0c", 3)).valid());
}

TEST(Response, FramingBelongsToTheEngine) {
  for (const char* name : {"Content-Length", "transfer-encoding", "CONNECTION", "Date"}) {
    EXPECT_FALSE(Response().Add(name, "1").valid()) << name;
  }
}

TEST(Response, StaticBodiesAreNotCopied) {
  static constexpr std::string_view kBody = "a body of static storage, longer than a short string";
  const Response response = Response::Static("text/plain", kBody);
  EXPECT_EQ(response.body().data(), kBody.data());
}

TEST(Response, FieldsCanBeFoundReplacedAndRemoved) {
  Response response = Response::Text("x");
  response.Add("X-A", "1").Add("X-B", "2").Add("x-a", "3");
  EXPECT_EQ(response.Find("x-A"), "1");
  EXPECT_EQ(response.Find("X"), std::nullopt);
  EXPECT_EQ(response.Find("content-TYPE"), "text/plain; charset=utf-8");
  response.Set("x-a", "4");
  EXPECT_EQ(response.fields().text(), "X-B: 2\r\nx-a: 4\r\n");
  response.Set("Content-Type", "a/b").Remove("X-B");
  EXPECT_EQ(response.content_type(), "");
  EXPECT_EQ(response.Find("content-type"), "a/b");
  EXPECT_TRUE(response.valid());
  EXPECT_FALSE(response.Set("X-A", "a\nb").valid());
}

TEST(Response, BodiesCanBeReplaced) {
  auto shared = std::make_shared<const std::string>("shared");
  Response response = Response::Shared("text/plain", shared);
  EXPECT_EQ(response.body().data(), shared->data());
  EXPECT_EQ(shared.use_count(), 2);
  response.SetBody("own");
  EXPECT_EQ(shared.use_count(), 1);
  EXPECT_EQ(response.body(), "own");
  class Empty final : public BodySource {
    Result Read(std::span<char>) override { return Result::End(); }
  };
  response.SetSource(std::make_unique<Empty>());
  EXPECT_EQ(response.body(), "");
  EXPECT_NE(response.TakeSource(), nullptr);
  EXPECT_EQ(response.source(), nullptr);
}

TEST(Response, AnyBodyCanBeTakenAsASource) {
  const auto read = [](Response response) {
    const std::unique_ptr<BodySource> source = response.TakeBodyAsSource();
    EXPECT_EQ(response.body(), "");
    std::string all = std::to_string(source->size().value()) + ":";
    char out[3];
    for (;;) {
      const BodySource::Result result = source->Read(out);
      if (result.kind == BodySource::Result::Kind::kEnd) return all;
      all.append(out, result.size);
    }
  };
  EXPECT_EQ(read(Response::Text("small")), "5:small");
  EXPECT_EQ(read(Response::Text(std::string(100, 'x'))), "100:" + std::string(100, 'x'));
  EXPECT_EQ(read(Response::Static("a/b", "static")), "6:static");
  EXPECT_EQ(read(Response::Shared("a/b", std::make_shared<const std::string>("shared"))),
            "6:shared");
  EXPECT_EQ(read(Response(200)), "0:");
}

TEST(Request, DecodesQueryValues) {
  RequestParser parser;
  parser.Start(HeadLimits());
  const std::string_view bytes =
      "GET /?a=1&b=x%20y+z&c&a=2&d%3D=e&bad=%zz HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(parser.Parse(bytes), ParseStatus::kDone);
  const Request request(parser.head(bytes), nullptr);
  EXPECT_EQ(request.QueryValue("a"), "1");
  EXPECT_EQ(request.QueryValue("b"), "x y z");
  EXPECT_EQ(request.QueryValue("c"), "");
  EXPECT_EQ(request.QueryValue("d="), "e");
  EXPECT_EQ(request.QueryValue("bad"), std::nullopt);
  EXPECT_EQ(request.QueryValue("none"), std::nullopt);
}

Task<int> Add(int a, int b) { co_return a + b; }
Task<int> Twice(int a) {
  const int sum = co_await Add(a, a);
  co_return sum;
}
Task<int> Throws() {
  throw std::runtime_error("no");
  co_return 0;
}
Task<int> Catches() {
  try {
    co_return co_await Throws();
  } catch (const std::runtime_error&) {
    co_return -1;
  }
}

TEST(Task, RunsWhenStartedAndTellsWhenDone) {
  int done = 0;
  const auto on_done = [](void* count) { ++*static_cast<int*>(count); };
  Task<int> task = Twice(21);
  EXPECT_FALSE(task.done());
  task.Start(on_done, &done);
  EXPECT_TRUE(task.done());
  EXPECT_EQ(done, 1);
  EXPECT_EQ(task.Take(), 42);
}

TEST(Task, CarriesExceptions) {
  const auto ignore = [](void*) {};
  Task<int> caught = Catches();
  caught.Start(ignore, nullptr);
  EXPECT_EQ(caught.Take(), -1);
  Task<int> thrown = Throws();
  thrown.Start(ignore, nullptr);
  EXPECT_THROW(thrown.Take(), std::runtime_error);
}

struct Never {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};
struct CountsItsEnd {
  explicit CountsItsEnd(int& ends) : ends(ends) {}
  ~CountsItsEnd() { ++ends; }
  int& ends;
};
Task<void> Hangs(int& ends) {
  const CountsItsEnd guard(ends);
  co_await Never();
}
Task<void> HangsBelow(int& ends) {
  const CountsItsEnd guard(ends);
  co_await Hangs(ends);
}

TEST(Task, DestroyingASuspendedTaskUnwindsAllOfIt) {
  int ends = 0;
  {
    Task<void> task = HangsBelow(ends);
    task.Start([](void*) {}, nullptr);
    EXPECT_FALSE(task.done());
  }
  EXPECT_EQ(ends, 2);
}

}  // namespace
}  // namespace corelane::http
