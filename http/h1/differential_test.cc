#include "http/h1/differential.h"

#include <gtest/gtest.h>

namespace corelane::http::testing {
namespace {

TEST(Differential, LlhttpReadsWhatWeAccept) {
  if (!OracleAvailable())
    GTEST_SKIP() << "llhttp's C source (package node-llhttp) is not installed";
  const std::string_view streams[] = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a?b=c HTTP/1.0\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://example.com/x?y HTTP/1.1\r\nHost: example.com\r\n\r\n",
      "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: "
      "a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "A;x=y;z=\"q r\"\r\n0123456789\r\n000\r\nX-Sum: 1\r\nY:  b c \r\n\r\n",
      "PATCH /p HTTP/1.1\r\nHost:\ta\t\r\nX:\r\nY: \xe4\xf6\xfc\r\n\r\n",
      "GET /close HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  };
  for (const std::string_view stream : streams) {
    EXPECT_EQ(CompareWithOracle(stream), "") << stream;
    EXPECT_FALSE(ParseRequests(stream, WholeStream()).messages.empty()) << stream;
    EXPECT_FALSE(AskOracle(stream).messages.empty()) << stream;
  }
}

// RFC 9110 §2.5 against llhttp's closed list.
TEST(Differential, LaterMinorVersionsAreOursAlone) {
  const std::string_view later = "GET / HTTP/1.2\r\nHost: a\r\n\r\n";
  EXPECT_EQ(ParseRequests(later, WholeStream()).messages.size(), 1u);
  EXPECT_EQ(CompareWithOracle(later), "");
  const std::string_view second =
      "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.9\r\nHost: a\r\n\r\n";
  EXPECT_EQ(CompareWithOracle(second), "");
}

TEST(Differential, NoticesADifference) {
  if (!OracleAvailable())
    GTEST_SKIP() << "llhttp's C source (package node-llhttp) is not installed";
  // Both refuse this one; so the comparison must see what the oracle says.
  const OracleResult refused = AskOracle("GET / HTTP/1.1\nHost a\n\n");
  EXPECT_NE(refused.error, 0);
  const OracleResult taken =
      AskOracle("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_EQ(taken.messages.size(), 1u);
  EXPECT_EQ(taken.messages[0].start, "POST /x");
  EXPECT_EQ(taken.messages[0].body, "hi");
}

}  // namespace
}  // namespace corelane::http::testing
