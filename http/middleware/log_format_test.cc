#include "http/middleware/log_format.h"

#include <vector>

#include "http/middleware/middleware_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::ElementsAre;

class LogFormatTest : public MadeMiddlewareTest {
 protected:
  LogFormatTest() {
    connection_.remote.address = Ipv4Address(192, 0, 2, 1);
    router_.Use(AccessLog(clock_, [this](const AccessRecord& record) {
      LogContext context;
      context.unix_seconds = 784111777;
      common_.push_back(CommonLogLine(record, context));
      combined_.push_back(CombinedLogLine(record, context));
      complete_.push_back(record.complete);
      took_.push_back(record.duration.count());
    }));
  }
  ManualClock clock_;
  std::vector<std::string> common_;
  std::vector<std::string> combined_;
  std::vector<bool> complete_;
  std::vector<int64_t> took_;
};

TEST_F(LogFormatTest, CommonAndCombined) {
  Get("/hello?a=b", "Referer: http://r\r\nUser-Agent: \"me\" \xff\r\n");
  EXPECT_THAT(common_, ElementsAre("192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] "
                                   "\"GET /hello?a=b HTTP/1.1\" 200 5"));
  EXPECT_EQ(combined_[0], common_[0] + " \"http://r\" \"\\\"me\\\" \\xff\"");
  Get("/none");
  EXPECT_TRUE(combined_[1].ends_with("\"GET /none HTTP/1.1\" 404 10 \"-\" \"-\"")) << combined_[1];
}

TEST_F(LogFormatTest, BodilessResponsesHaveNoBytes) {
  Ask("HEAD", "/hello");
  Get("/empty");
  Ask("HEAD", "/stream/9");
  for (const std::string& line : common_) EXPECT_TRUE(line.ends_with(" -")) << line;
  EXPECT_EQ(common_.size(), 3u);
}

TEST_F(LogFormatTest, StreamsAreLoggedAtTheirEnd) {
  Get("/stream/70000");
  EXPECT_TRUE(common_.back().ends_with(" 200 70000")) << common_.back();
  Get("/sized/5");
  EXPECT_TRUE(common_.back().ends_with(" 200 5")) << common_.back();
  Get("/ticks");
  ASSERT_EQ(common_.size(), 2u);
  clock_.Advance(std::chrono::nanoseconds(9));
  for (int i = 0; i < 3; ++i) {
    now_ += std::chrono::seconds(1);
    Run();
  }
  EXPECT_TRUE(common_.back().ends_with(" 200 3")) << common_.back();
  EXPECT_THAT(complete_, ElementsAre(true, true, true));
  EXPECT_THAT(took_, ElementsAre(0, 0, 9));
  Get("/breaks");
  EXPECT_TRUE(common_.back().ends_with(" 200 5")) << common_.back();
  EXPECT_FALSE(complete_.back());
}

TEST_F(LogFormatTest, AClientThatGoesAwayIsLogged) {
  Get("/ticks");
  engine_->OnFailure();
  engine_.reset();
  ASSERT_EQ(common_.size(), 1u);
  EXPECT_TRUE(common_[0].ends_with(" 200 1")) << common_[0];
  EXPECT_FALSE(complete_[0]);
}

}  // namespace
}  // namespace corelane::http
