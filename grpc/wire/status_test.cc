#include "grpc/wire/status.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace corelane::grpc {
namespace {

TEST(StatusTest, OkIsEmpty) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status(StatusCode::kOk, "dropped"), Status());
  EXPECT_EQ(Status().ToString(), "OK");
  EXPECT_TRUE(Status().ToAbsl().ok());
  EXPECT_TRUE(Status(absl::OkStatus()).ok());
}

TEST(StatusTest, SaysWhat) {
  const Status status(StatusCode::kNotFound, "no user 7");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no user 7");
  std::ostringstream text;
  text << status;
  EXPECT_EQ(text.str(), "NOT_FOUND: no user 7");
}

TEST(StatusTest, EveryCodeGoesToAbslAndBack) {
  for (int i = 1; i <= 16; ++i) {
    const Status status(static_cast<StatusCode>(i), "why", std::string("\x08\x05\0", 3));
    const absl::Status other = status.ToAbsl();
    EXPECT_EQ(static_cast<int>(other.code()), i);
    EXPECT_EQ(std::string(other.message()), "why");
    EXPECT_EQ(Status(other), status);
  }
  EXPECT_EQ(Status(absl::AbortedError("x")), Status(StatusCode::kAborted, "x"));
  EXPECT_EQ(Status(absl::Status(static_cast<absl::StatusCode>(99), "x")).code(),
            StatusCode::kUnknown);
}

TEST(StatusTest, NamesAndNumbers) {
  for (int i = 0; i <= 16; ++i) {
    const auto code = static_cast<StatusCode>(i);
    EXPECT_EQ(ParseStatusCodeName(StatusCodeName(code)), code);
    EXPECT_EQ(ParseStatusCode(std::to_string(i)), code);
  }
  EXPECT_EQ(StatusCodeName(StatusCode::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(ParseStatusCodeName("not_found"), std::nullopt);
  for (const char* bad : {"", "17", "-1", "1x", "01", "100", " 1"}) {
    EXPECT_EQ(ParseStatusCode(bad), std::nullopt) << bad;
  }
}

// http-grpc-status-mapping.md
TEST(StatusTest, OfHttp) {
  EXPECT_EQ(StatusCodeOfHttp(400), StatusCode::kInternal);
  EXPECT_EQ(StatusCodeOfHttp(401), StatusCode::kUnauthenticated);
  EXPECT_EQ(StatusCodeOfHttp(403), StatusCode::kPermissionDenied);
  EXPECT_EQ(StatusCodeOfHttp(404), StatusCode::kUnimplemented);
  for (const int status : {429, 502, 503, 504}) {
    EXPECT_EQ(StatusCodeOfHttp(status), StatusCode::kUnavailable);
  }
  EXPECT_EQ(StatusCodeOfHttp(200), StatusCode::kUnknown);
  EXPECT_EQ(StatusCodeOfHttp(500), StatusCode::kUnknown);
}

}  // namespace
}  // namespace corelane::grpc
