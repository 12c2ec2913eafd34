#include "http/client/upload_pipe.h"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <memory>
#include <string>

#include "http/client/client_test_fixture.h"

namespace corelane::http {
namespace {

using boost::system::error_code;
using testing::ClientTest;
using testing::kHello;
using Pipe = UploadPipe<testing::TestExecutor>;

class UploadPipeTest : public ClientTest {
 protected:
  void Write(std::string_view text) {
    text_ = text;
    pipe_->Write(boost::asio::buffer(text_), [this](error_code error, size_t size) {
      log_ += error ? error.message() : std::to_string(size);
      log_ += ";";
    });
    Poll();
  }
  std::string Log() { return std::exchange(log_, {}); }

  std::shared_ptr<Pipe> pipe_ =
      std::make_shared<Pipe>(context_.get_executor(), std::nullopt, size_t{8});
  std::string text_;
  std::string log_;
};

TEST_F(UploadPipeTest, IsSentAsItIsWritten) {
  const auto outcome = Send(OutgoingRequest::Put("http://a/").Stream(pipe_));
  EXPECT_TRUE(peer().Take().ends_with("Transfer-Encoding: chunked\r\n\r\n"));
  Write("hello");
  EXPECT_EQ(Log(), "5;");
  EXPECT_EQ(peer().Take(), "000005\r\nhello\r\n");
  Write("more than eight bytes");
  EXPECT_EQ(Log(), "21;");
  pipe_->End();
  Poll();
  EXPECT_EQ(peer().Take(),
            "000008\r\nmore tha\r\n000008\r\nn eight \r\n000005\r\nbytes\r\n0\r\n\r\n");
  Answer(0, kHello);
  EXPECT_EQ(outcome->status(), 200);
}

TEST_F(UploadPipeTest, ASlowServerHoldsTheWriterBack) {
  pipe_ = std::make_shared<Pipe>(context_.get_executor(), uint64_t{8} << 20, size_t{8});
  Send(OutgoingRequest::Put("http://a/").Stream(pipe_));
  Write(std::string(8 << 20, 'x'));
  EXPECT_EQ(Log(), "");
  for (int i = 0; i < 100 && log_.empty(); ++i) {
    peer().Take();
    peer().stream->in().Wake();
    Poll();
  }
  EXPECT_EQ(Log(), "8388608;");
}

TEST_F(UploadPipeTest, TheRequestsEndEndsTheWriter) {
  pipe_ = std::make_shared<Pipe>(context_.get_executor(), uint64_t{8} << 20, size_t{8});
  const auto outcome = Send(OutgoingRequest::Put("http://a/").Stream(pipe_));
  Write(std::string(8 << 20, 'x'));
  EXPECT_EQ(Log(), "");
  client().Close();
  Poll();
  EXPECT_EQ(Log(), "Broken pipe;");
  Write("more");
  EXPECT_EQ(Log(), "Broken pipe;");
  EXPECT_EQ(outcome->error, boost::asio::error::operation_aborted);
}

TEST_F(UploadPipeTest, AFailureGivesTheRequestUp) {
  const auto outcome = Send(OutgoingRequest::Put("http://a/").Stream(pipe_));
  Write("hello");
  pipe_->Fail();
  Poll();
  EXPECT_EQ(outcome->error, ClientError::kUpload);
  EXPECT_TRUE(peer().closed());
}

TEST_F(UploadPipeTest, ItWaitsForTheConnection) {
  Write("hello");
  EXPECT_EQ(Log(), "5;");
  Write("hello again");
  EXPECT_EQ(Log(), "");
  Send(OutgoingRequest::Put("http://a/").Stream(pipe_));
  EXPECT_EQ(Log(), "11;");
}

}  // namespace
}  // namespace corelane::http
