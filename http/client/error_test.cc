#include "http/client/error.h"

#include <gtest/gtest.h>

#include <boost/system/errc.hpp>

namespace corelane::http {
namespace {

using boost::system::error_code;

TEST(ClientErrors, MeetTheirConditions) {
  const error_code timeout = ClientError::kConnectTimeout;
  EXPECT_TRUE(timeout == ClientCondition::kTimeout);
  EXPECT_TRUE(timeout == ClientCondition::kConnectFailed);
  EXPECT_FALSE(timeout == ClientCondition::kProtocol);
  const error_code broken = ClientError::kBadResponse;
  EXPECT_TRUE(broken == ClientCondition::kProtocol);
  EXPECT_FALSE(broken == ClientCondition::kTimeout);
  const error_code other = make_error_code(boost::system::errc::timed_out);
  EXPECT_FALSE(other == ClientCondition::kTimeout);
}

TEST(ClientErrors, EachHasAMessage) {
  for (const int value : {1,  2,  10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                          40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 63, 70, 71}) {
    EXPECT_NE(error_code(value, ClientErrorCategory()).message(), "unknown error") << value;
  }
  EXPECT_EQ(error_code(9999, ClientErrorCategory()).message(), "unknown error");
}

TEST(Failure, NamesThePhaseAndTheAddress) {
  Failure failure;
  failure.code = ClientError::kConnect;
  failure.cause = make_error_code(boost::system::errc::connection_refused);
  failure.phase = ClientPhase::kConnect;
  failure.where = "example.com:443 [192.0.2.1:443]";
  EXPECT_EQ(failure.message(),
            "connect to example.com:443 [192.0.2.1:443]: no connection could be made "
            "(Connection refused)");
}

}  // namespace
}  // namespace corelane::http
