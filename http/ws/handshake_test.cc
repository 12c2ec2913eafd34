#include "http/ws/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "http/h1/parser.h"
#include "http/ws/base64.h"

namespace corelane::ws {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Lines = std::vector<std::pair<std::string, std::string>>;

Lines Good() {
  return {{"Host", "a.example"},
          {"Upgrade", "websocket"},
          {"Connection", "Upgrade"},
          {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
          {"Sec-WebSocket-Version", "13"}};
}
Lines Without(Lines lines, std::string_view name) {
  std::erase_if(lines, [&](const auto& line) { return line.first == name; });
  return lines;
}
Lines With(std::string name, std::string value) {
  Lines lines = Without(Good(), name);
  lines.emplace_back(std::move(name), std::move(value));
  return lines;
}

// What Accept says to a request made of these.
struct Asked {
  Accepted accepted;

  Asked(const Lines& lines, const Options& options = {}, std::string start = "GET /chat HTTP/1.1") {
    std::string bytes = std::move(start) + "\r\n";
    for (const auto& [name, value] : lines) bytes += name + ": " + value + "\r\n";
    bytes += "\r\n";
    http::RequestParser parser;
    parser.Start(http::HeadLimits());
    EXPECT_EQ(parser.Parse(bytes), http::ParseStatus::kDone) << bytes;
    accepted = Accept(http::Request(parser.head(bytes), nullptr), options);
  }
  int status() const { return accepted.refusal.has_value() ? accepted.refusal->status() : 101; }
  std::string body() const { return std::string(accepted.refusal->body()); }
};

TEST(Handshake, TheExampleOfTheRfc) {
  EXPECT_EQ(AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const Asked asked(Good());
  EXPECT_EQ(asked.status(), 101);
  EXPECT_EQ(asked.accepted.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_THAT(asked.accepted.subprotocol, IsEmpty());
  EXPECT_FALSE(asked.accepted.deflate.has_value());
}

TEST(Handshake, TokensMayStandInListsAndInAnyCase) {
  EXPECT_EQ(Asked(With("Upgrade", "h2c, WebSocket")).status(), 101);
  EXPECT_EQ(Asked(With("Connection", "keep-alive, upgrade")).status(), 101);
  Lines two = With("Connection", "keep-alive");
  two.emplace_back("Connection", "Upgrade");
  EXPECT_EQ(Asked(two).status(), 101);
}

TEST(Handshake, RefusalsNameTheFieldTheValueAndWhatWouldBeRight) {
  struct Case {
    Lines lines;
    int status;
    const char* text;
    const char* start = "GET / HTTP/1.1";
  };
  const Case cases[] = {
      {Good(), 400, "method: expected GET", "POST / HTTP/1.1"},
      {Good(), 400, "version: expected HTTP/1.1", "GET / HTTP/1.0"},
      {Without(Good(), "Upgrade"), 426, "Upgrade: missing: expected websocket"},
      {With("Upgrade", "h2c"), 400, "Upgrade: value 'h2c': expected websocket"},
      {With("Connection", "keep-alive"), 400, "Connection: value 'keep-alive': expected Upgrade"},
      {Without(Good(), "Connection"), 400, "Connection: missing"},
      {Without(Good(), "Sec-WebSocket-Version"), 426, "Sec-WebSocket-Version: missing"},
      {With("Sec-WebSocket-Version", "8"), 426, "Sec-WebSocket-Version: value '8': expected 13"},
      {With("Sec-WebSocket-Version", "13, 8"), 426, "expected 13"},
      {Without(Good(), "Sec-WebSocket-Key"), 400, "Sec-WebSocket-Key: missing or repeated"},
      {With("Sec-WebSocket-Key", "c2hvcnQ="), 400, "Sec-WebSocket-Key: value 'c2hvcnQ='"},
      {With("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=A"), 400, "16 bytes in base64"},
      {With("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j*Q=="), 400, "16 bytes in base64"},
      {With("Sec-WebSocket-Protocol", "a, b c"), 400, "Sec-WebSocket-Protocol: value 'a, b c'"},
      {With("Sec-WebSocket-Extensions", "a b"), 400, "Sec-WebSocket-Extensions: value 'a b'"},
      {With("Origin", "https://evil.example"), 403, "Origin: value 'https://evil.example'"},
  };
  for (const Case& c : cases) {
    const Asked asked(c.lines, {}, c.start);
    ASSERT_EQ(asked.status(), c.status) << c.text;
    EXPECT_THAT(asked.body(), HasSubstr(c.text));
    if (c.status == 426) {
      EXPECT_THAT(asked.accepted.refusal->fields().text(),
                  HasSubstr("Sec-WebSocket-Version: 13\r\n"));
      EXPECT_THAT(asked.accepted.refusal->fields().text(), HasSubstr("Upgrade: websocket\r\n"));
    }
  }
  Lines two = Good();
  two.emplace_back("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(Asked(two).status(), 400);
}

TEST(Handshake, Origins) {
  EXPECT_EQ(Asked(With("Origin", "https://a.example")).status(), 101);
  EXPECT_EQ(Asked(With("Origin", "https://a.example:444")).status(), 403);
  EXPECT_EQ(Asked(With("Origin", "null")).status(), 403);
  Options options;
  options.origins = {"https://b.example", "https://c.example"};
  EXPECT_EQ(Asked(With("Origin", "https://a.example"), options).status(), 403);
  EXPECT_EQ(Asked(With("Origin", "https://C.example"), options).status(), 101);
  EXPECT_EQ(Asked(Good(), options).status(), 101);
  options.origins = {"*"};
  EXPECT_EQ(Asked(With("Origin", "null"), options).status(), 101);
}

TEST(Handshake, SubprotocolsInTheClientsOrder) {
  Options options;
  options.subprotocols = {"one", "two"};
  EXPECT_EQ(Asked(With("Sec-WebSocket-Protocol", "x, two, one"), options).accepted.subprotocol,
            "two");
  EXPECT_EQ(Asked(With("Sec-WebSocket-Protocol", "Two"), options).accepted.subprotocol, "");
  EXPECT_EQ(Asked(Good(), options).accepted.subprotocol, "");
}

TEST(Handshake, DeflateOnlyWhereTheOptionsHaveIt) {
  const Lines lines = With("Sec-WebSocket-Extensions", "permessage-deflate");
  EXPECT_FALSE(Asked(lines).accepted.deflate.has_value());
  Options options;
  options.deflate.emplace();
  const Asked asked(lines, options);
  ASSERT_TRUE(asked.accepted.deflate.has_value());
  http::Response response;
  asked.accepted.AddTo(response);
  EXPECT_THAT(response.fields().text(),
              HasSubstr("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
}

// RFC 8441 §5
TEST(Handshake, OverHttp2WithoutAKey) {
  const std::string bytes =
      "GET / HTTP/1.1\r\nHost: a.example\r\nSec-WebSocket-Version: 13\r\nOrigin: "
      "https://a.example\r\n\r\n";
  http::RequestParser parser;
  parser.Start(http::HeadLimits());
  ASSERT_EQ(parser.Parse(bytes), http::ParseStatus::kDone);
  http::RequestHead head = parser.head(bytes);
  head.version = http::Version::kHttp2;
  const Accepted plain = Accept(http::Request(head, nullptr), Options());
  ASSERT_TRUE(plain.refusal.has_value());
  EXPECT_THAT(std::string(plain.refusal->body()), HasSubstr(":protocol"));
  head.protocol = "websocket";
  const Accepted accepted = Accept(http::Request(head, nullptr), Options());
  EXPECT_FALSE(accepted.refusal.has_value());
  EXPECT_EQ(accepted.accept, "");
}

TEST(Handshake, OptionsSayWhatIsWrong) {
  EXPECT_EQ(Options().Problem(), "");
  Options options;
  options.subprotocols = {"a b"};
  EXPECT_EQ(options.Problem(), "subprotocols: value 'a b': expected a token");
  options = {};
  options.max_send_buffer = 1;
  EXPECT_EQ(options.Problem(), "max_send_buffer: value 1: expected at least send_buffer, 65536");
  options = {};
  options.pong_timeout = Duration::zero();
  EXPECT_THAT(options.Problem(), HasSubstr("pong_timeout: value 0 ns"));
  options = {};
  options.deflate.emplace().mem_level = 0;
  EXPECT_EQ(options.Problem(), "deflate.mem_level: value 0: expected 1 to 9");
}

// --- The client's side ---

constexpr std::array<uint8_t, 16> kNonce = {'t', 'h', 'e', ' ', 's', 'a', 'm', 'p',
                                            'l', 'e', ' ', 'n', 'o', 'n', 'c', 'e'};

ClientHandshake::Result Checked(const ClientHandshake& client, std::string answer) {
  http::ResponseParser parser;
  parser.Start(http::HeadLimits(), http::Method::kGet);
  EXPECT_EQ(parser.Parse(answer), http::ParseStatus::kDone) << answer;
  const http::ResponseHead head = parser.head(answer);
  return client.Check(head.status, head.fields);
}

TEST(ClientHandshake, AsksForWhatTheServerAccepts) {
  ClientOptions options;
  options.subprotocols = {"a", "b"};
  options.deflate.emplace();
  const ClientHandshake client(kNonce, options);
  EXPECT_EQ(client.FieldLines(),
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, b\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
  Options server;
  server.subprotocols = {"b"};
  server.deflate.emplace().client_max_window_bits = 10;
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + client.FieldLines() + "\r\n";
  http::RequestParser parser;
  parser.Start(http::HeadLimits());
  ASSERT_EQ(parser.Parse(bytes), http::ParseStatus::kDone);
  const Accepted accepted = Accept(http::Request(parser.head(bytes), nullptr), server);
  ASSERT_FALSE(accepted.refusal.has_value());
  http::Response response;
  accepted.AddTo(response);
  const ClientHandshake::Result result = Checked(
      client, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
                  response.fields().text() + "\r\n");
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.subprotocol, "b");
  ASSERT_TRUE(result.deflate.has_value());
  EXPECT_EQ(result.deflate->client_max_window_bits, 10);
}

TEST(ClientHandshake, RefusesWhatWasNotAskedFor) {
  const ClientHandshake client(kNonce, ClientOptions());
  const std::string good =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  EXPECT_EQ(Checked(client, good + "\r\n").problem, "");
  const auto problem = [&](std::string_view from, std::string_view to) {
    std::string answer = good;
    answer.replace(answer.find(from), from.size(), to);
    return Checked(client, answer + "\r\n").problem;
  };
  EXPECT_THAT(problem("101 Switching", "200 "), HasSubstr("status: value 200: expected 101"));
  EXPECT_THAT(problem("websocket", "h2c"), HasSubstr("Upgrade: value 'h2c'"));
  EXPECT_THAT(problem(": Upgrade", ": close"), HasSubstr("Connection: value 'close'"));
  EXPECT_THAT(problem("s3pP", "S3pP"), HasSubstr("Sec-WebSocket-Accept"));
  EXPECT_THAT(
      Checked(client, good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").problem,
      HasSubstr("Sec-WebSocket-Extensions"));
  EXPECT_THAT(Checked(client, good + "Sec-WebSocket-Protocol: x\r\n\r\n").problem,
              HasSubstr("Sec-WebSocket-Protocol"));
}

TEST(Base64, TheVectorsOfTheRfc) {
  const auto encode = [](std::string_view text) {
    return internal::Base64({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foo"), "Zm9v");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace corelane::ws
