// For tests: a client that asks the demo's routes (examples/demo_app.h) over one connection on any
// AsyncStream, and expects what they serve.

#ifndef CORELANE_HTTP_ASK_DEMO_H_
#define CORELANE_HTTP_ASK_DEMO_H_

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <string>

#include "examples/demo_app.h"
#include "http/client.h"

namespace corelane::http {

class NoStats final : public examples::StatsSource {
 public:
  examples::StatsSnapshot Snapshot() override { return {}; }
};

// Small answers, `bytes` bytes down and the same up, the page. stream: connected; to `host`.
template <class Stream>
boost::asio::awaitable<void, typename Stream::executor_type> AskDemo(Stream& stream,
                                                                     std::string host,
                                                                     size_t bytes) {
  ResponseReader reader;
  const ClientRequest hello("GET", "/hello", host);
  for (int i = 0; i < 50; ++i) {
    const ClientResponse response = co_await AsyncRequest(stream, reader, hello);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body.size(), 128u);
  }
  const ClientRequest large("GET", "/bytes/" + std::to_string(bytes), host);
  const ClientResponse down = co_await AsyncRequest(stream, reader, large);
  EXPECT_EQ(down.body.size(), bytes);
  for (size_t i = 0; i < down.body.size(); i += 997) {
    EXPECT_EQ(down.body[i], examples::PatternByte(i));
  }
  ClientRequest upload("POST", "/upload", host);
  upload.body = down.body;
  upload.chunked = true;
  const ClientResponse stored = co_await AsyncRequest(stream, reader, upload);
  const std::string answer = "{\"bytes\":" + std::to_string(bytes) + ",";
  EXPECT_EQ(stored.body.substr(0, answer.size()), answer);
  const ClientRequest page("GET", "/", host);
  const ClientResponse html = co_await AsyncRequest(stream, reader, page);
  EXPECT_EQ(html.Header("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(html.body.find("<title>corelane</title>"), std::string::npos);
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_ASK_DEMO_H_
