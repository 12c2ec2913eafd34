// The whole client against servers in memory: redirects, retries, proxies, codings, hostile
// servers.

#include <gtest/gtest.h>
#include <zlib.h>

#include <boost/asio/error.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "http/client/client_test_fixture.h"
#include "http/client/engine_test_fixture.h"

namespace corelane::http {
namespace {

using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientTest;
using testing::kHello;
using testing::PieceSource;

std::string RedirectTo(int status, std::string_view location) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nLocation: " + std::string(location) +
         "\r\nContent-Length: 3\r\n\r\nabc";
}

// --- Redirects ---

TEST_F(ClientTest, FollowsARedirectOnTheSameConnection) {
  const auto outcome = Send(OutgoingRequest::Post("http://a/x").Body("b").BearerAuth("t"));
  Answer(0, RedirectTo(302, "/y"));
  EXPECT_EQ(peers(), 1u);
  EXPECT_EQ(peer().Take(),
            "GET /y HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nAccept: */*\r\n\r\n");
  Answer(0, kHello);
  EXPECT_EQ(outcome->status(), 200);
  EXPECT_EQ(outcome->response.redirects(), 1);
  EXPECT_EQ(outcome->response.url().text(), "http://a/y");
}

TEST_F(ClientTest, TheUrlsCredentialsStayWithTheirOrigin) {
  Get("http://user:pass@a/x");
  EXPECT_NE(peer(0).Take().find("Authorization: Basic dXNlcjpwYXNz\r\n"), std::string::npos);
  Answer(0, RedirectTo(302, "/y"));
  EXPECT_NE(peer(0).Take().find("Authorization: Basic dXNlcjpwYXNz\r\n"), std::string::npos);
  Answer(0, RedirectTo(302, "http://b/"));
  EXPECT_EQ(peer(1).Take().find("Authorization"), std::string::npos);
}

TEST_F(ClientTest, CarriesTheBodyAlongButNoCredentials) {
  const auto outcome = Send(OutgoingRequest::Post("http://a/x").Body("body").BearerAuth("t"));
  Answer(0, RedirectTo(307, "http://b/z"));
  ASSERT_EQ(peers(), 2u);
  EXPECT_EQ(peer(1).Take(),
            "POST /z HTTP/1.1\r\nHost: b\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nbody");
  Answer(1, kHello);
  EXPECT_EQ(outcome->status(), 200);
}

TEST_F(ClientTest, RedirectsEnd) {
  ClientOptions options = Plain();
  options.redirect.max = 3;
  Make(options);
  const auto outcome = Get();
  for (int i = 0; i < 4; ++i) Answer(0, RedirectTo(302, "/again"));
  EXPECT_EQ(outcome->error, ClientError::kTooManyRedirects);
  EXPECT_EQ(client().stats().redirects, 3u);
}

TEST_F(ClientTest, RefusesRedirectsToElsewhere) {
  const auto outcome = Get();
  Answer(0, RedirectTo(302, "file:///etc/passwd"));
  EXPECT_EQ(outcome->error, ClientError::kBadRedirect);
}

TEST_F(ClientTest, LeavesRedirectsToWhoWantsThem) {
  const auto outcome = Send(OutgoingRequest::Get("http://a/").FollowRedirects(false));
  Answer(0, RedirectTo(302, "/y"));
  EXPECT_EQ(outcome->status(), 302);
  EXPECT_EQ(ReadAll(*outcome), "abc");
}

TEST_F(ClientTest, AOneShotBodyCannotBeRedirected) {
  for (const bool replayable : {false, true}) {
    const size_t at = peers();
    auto source = std::make_shared<PieceSource>(std::vector<std::string>{"body"}, 4, replayable);
    const auto outcome = Send(OutgoingRequest::Put("http://a/").Stream(source));
    Answer(at, RedirectTo(308, "/y"));
    if (!replayable) {
      EXPECT_EQ(outcome->error, ClientError::kRedirectNeedsBody);
      client().Close();
      Poll();
    } else {
      EXPECT_EQ(peer(at).Take(),
                "PUT /y HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nbody");
    }
  }
}

// --- Retries ---

TEST_F(ClientTest, RepeatsOnAConnectionThatHadBeenClosedMeanwhile) {
  const auto first = Get();
  Answer(0, kHello);
  ReadAll(*first);
  const auto second = Send(OutgoingRequest::Put("http://a/").Body("b"));
  peer(0).Take();
  peer(0).End();  // It crossed the request.
  Poll();
  ASSERT_EQ(peers(), 2u);
  Answer(1, kHello);
  EXPECT_EQ(second->status(), 200);
  EXPECT_EQ(client().stats().stale_retries, 1u);
  EXPECT_EQ(second->response.retries(), 0);
}

TEST_F(ClientTest, A408ThatCrossedTheRequestIsNoAnswer) {
  const auto first = Get();
  Answer(0, kHello);
  ReadAll(*first);
  const auto second = Get();
  Answer(0, "HTTP/1.1 408 Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(peers(), 2u);
  Answer(1, kHello);
  EXPECT_EQ(second->status(), 200);
  const auto third = Get("http://b/");  // On a new connection it is one.
  Answer(2, "HTTP/1.1 408 Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(third->status(), 408);
}

TEST_F(ClientTest, NeverRepeatsAPostThatMayHaveBeenProcessed) {
  const auto first = Get();
  Answer(0, kHello);
  ReadAll(*first);
  const auto second = Send(OutgoingRequest::Post("http://a/").Body("b"));
  EXPECT_NE(peer(0).Take(), "");
  peer(0).End();
  Poll();
  EXPECT_EQ(second->error, ClientError::kClosed);
  EXPECT_EQ(peers(), 1u);
}

TEST_F(ClientTest, RepeatsAfterAPause) {
  const auto outcome = Get();
  peer(0).End();
  Poll();
  EXPECT_FALSE(outcome->done);
  EXPECT_EQ(peers(), 1u);
  Advance(milliseconds(101));
  ASSERT_EQ(peers(), 2u);
  peer(1).End();
  Poll();
  Advance(milliseconds(201));
  ASSERT_EQ(peers(), 3u);
  peer(2).End();
  Poll();
  EXPECT_EQ(outcome->error, ClientError::kClosed);
  EXPECT_EQ(outcome->response.retries(), 2);
}

TEST_F(ClientTest, RepeatsARefusedConnectionEvenForAPost) {
  network_->fail = [](const std::string&) -> error_code {
    return boost::asio::error::connection_refused;
  };
  const auto outcome = Send(OutgoingRequest::Post("http://a/").Body("b"));
  network_->fail = nullptr;
  Advance(milliseconds(101));
  ASSERT_EQ(peers(), 1u);
  Answer(0, kHello);
  EXPECT_EQ(outcome->status(), 200);
}

TEST_F(ClientTest, ARefusedConnectionIsReportedWithItsCause) {
  ClientOptions options = Plain();
  options.retry.max = 0;
  Make(options);
  network_->fail = [](const std::string&) -> error_code {
    return boost::asio::error::connection_refused;
  };
  const auto outcome = Get("http://a:81/");
  EXPECT_EQ(outcome->error, ClientError::kConnect);
  EXPECT_EQ(outcome->response.failure().message(),
            "connect to a:81: no connection could be made (Connection refused)");
  EXPECT_EQ(network_->attempts, 1);
}

TEST_F(ClientTest, TheBudgetEndsRetries) {
  ClientOptions options = Plain();
  options.retry.budget_reserve = 1;
  options.retry.budget_ratio = 0;
  Make(options);
  network_->fail = [](const std::string&) -> error_code {
    return boost::asio::error::connection_refused;
  };
  const auto outcome = Get();
  Advance(milliseconds(101));
  EXPECT_TRUE(outcome->done);
  EXPECT_EQ(network_->attempts, 2);
  EXPECT_EQ(client().stats().retries_denied, 1u);
}

TEST_F(ClientTest, HonoursRetryAfter) {
  const auto outcome = Get();
  Answer(0, "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n");
  Advance(milliseconds(2900));
  EXPECT_EQ(peer(0).Take(), "");
  Advance(milliseconds(200));
  EXPECT_NE(peer(0).Take(), "");
  Answer(0, kHello);
  EXPECT_EQ(outcome->status(), 200);
  EXPECT_EQ(outcome->response.retries(), 1);
}

TEST_F(ClientTest, DoesNotWaitForEver) {
  const auto outcome = Get();
  Answer(0, "HTTP/1.1 503 Busy\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(outcome->status(), 503);
}

TEST_F(ClientTest, A417IsRepeatedWithoutTheExpectation) {
  const auto outcome = Send(OutgoingRequest::Put("http://a/").Body("b").ExpectContinue());
  EXPECT_NE(peer(0).Take().find("Expect: 100-continue"), std::string::npos);
  Answer(0, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(peers(), 2u);
  EXPECT_EQ(peer(1).Take().find("Expect"), std::string::npos);
  Answer(1, kHello);
  EXPECT_EQ(outcome->status(), 200);
}

TEST_F(ClientTest, ExpectWaitsForItsTime) {
  Send(OutgoingRequest::Put("http://a/").Body("body").ExpectContinue());
  EXPECT_TRUE(peer(0).Take().ends_with("\r\n\r\n"));
  Advance(milliseconds(1100));
  EXPECT_EQ(peer(0).Take(), "body");
}

// --- Proxies ---

TEST_F(ClientTest, AProxyGetsTheAbsoluteForm) {
  ClientOptions options = Plain();
  options.proxy.for_http = Url::Parse("http://user:pass@proxy:3128");
  Make(options);
  const auto first = Get("http://a/x");
  EXPECT_EQ(peer(0).where, "proxy:3128");
  EXPECT_EQ(peer(0).Take(),
            "GET http://a/x HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n"
            "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
  Answer(0, kHello);
  ReadAll(*first);
  Get("http://b/");  // Any server by the same connection.
  EXPECT_EQ(peers(), 1u);
  EXPECT_TRUE(peer(0).Take().starts_with("GET http://b/ "));
}

TEST_F(ClientTest, AProxyThatIsNotThereIsNamed) {
  ClientOptions options = Plain();
  options.retry.max = 0;
  options.proxy.for_http = Url::Parse("http://proxy:3128");
  options.proxy.for_https = Url::Parse("https://proxy");
  Make(options);
  network_->fail = [](const std::string&) -> error_code {
    return boost::asio::error::connection_refused;
  };
  EXPECT_EQ(Get("http://a/")->response.failure().message(),
            "connect to proxy proxy:3128: no connection could be made (Connection refused)");
  const auto secure = Get("https://a/");
  EXPECT_EQ(secure->error, ClientError::kBadRequest);
  EXPECT_EQ(secure->response.failure().detail, "proxy 'https://proxy/': expected http");
}

class TunnelTest : public ClientTest {
 protected:
  TunnelTest() {
    ClientOptions options = Plain();
    options.proxy.for_https = Url::Parse("http://user:pass@proxy:3128");
    options.retry.max = 0;
    Make(options);
    outcome_ = Get("https://secret.example/");
    EXPECT_EQ(peer(0).Take(),
              "CONNECT secret.example:443 HTTP/1.1\r\nHost: secret.example:443\r\n"
              "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
  }
  std::shared_ptr<testing::Outcome> outcome_;
};

TEST_F(TunnelTest, BeginsTlsInside) {
  Answer(0, "HTTP/1.1 200 Connection established\r\n\r\n");
  const std::string hello = peer(0).Take();
  ASSERT_GT(hello.size(), 5u);
  EXPECT_EQ(hello[0], 0x16);  // A TLS handshake record.
  EXPECT_NE(hello.find("secret.example"), std::string::npos);
  EXPECT_NE(hello.find("\x02h2\x08http/1.1"), std::string::npos);
}

TEST_F(TunnelTest, IsRefused) {
  Answer(0, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(outcome_->error, ClientError::kProxy);
  EXPECT_EQ(
      outcome_->response.failure().message(),
      "tunnel to secret.example:443 through proxy:3128: the proxy did not open the tunnel: it "
      "answered 407");
}

TEST_F(TunnelTest, BytesBehindTheAnswerAreNotTrusted) {
  Answer(0, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(outcome_->error, ClientError::kProxy);
}

TEST_F(TunnelTest, TimesOut) {
  Advance(seconds(11));
  EXPECT_EQ(outcome_->error, ClientError::kProxyTimeout);
}

TEST_F(TunnelTest, AndSoDoesTheHandshake) {
  Answer(0, "HTTP/1.1 200 OK\r\n\r\n");
  Advance(seconds(11));
  EXPECT_EQ(outcome_->error, ClientError::kTlsTimeout);
}

// --- Codings ---

std::string Gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class CodingTest : public ClientTest {
 protected:
  CodingTest() {
    ClientOptions options = Plain();
    options.decompress = true;
    Make(options);
  }
  std::shared_ptr<testing::Outcome> Answered(const std::string& body) {
    auto outcome = Get();
    EXPECT_NE(peer(0).Take().find("Accept-Encoding: gzip, deflate, br, zstd\r\n"),
              std::string::npos);
    Answer(0, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body);
    return outcome;
  }
};

TEST_F(CodingTest, IsUndone) {
  const std::string text(100'000, 'x');
  const auto outcome = Answered(Gzip(text));
  EXPECT_FALSE(outcome->response.Header("Content-Encoding"));
  EXPECT_FALSE(outcome->response.Header("Content-Length"));
  EXPECT_FALSE(outcome->response.content_length());
  EXPECT_EQ(ReadAll(*outcome), text);
  EXPECT_EQ(client().stats().idle, 1u);
}

TEST_F(CodingTest, ABombIsCutOff) {
  const auto outcome = Answered(Gzip(std::string(50 << 20, '\0')));
  EXPECT_EQ(ReadAll(*outcome, 1 << 20), "");
  EXPECT_EQ(error_, ClientError::kBodyTooLarge);
}

TEST_F(CodingTest, BrokenOnesAreReported) {
  const std::string body = Gzip("some text that is compressed");
  const auto outcome = Answered(body.substr(0, body.size() - 4));
  ReadAll(*outcome);
  EXPECT_EQ(error_, ClientError::kBadContentCoding);
}

TEST_F(CodingTest, IsLeftToWhoAskedForIt) {
  const auto outcome = Send(OutgoingRequest::Get("http://a/").Add("Accept-Encoding", "gzip"));
  const std::string body = Gzip("text");
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(ReadAll(*outcome), body);
}

// --- Hostile servers ---

class HostileTest : public ClientTest {
 protected:
  HostileTest() {
    ClientOptions options = Plain();
    options.retry.max = 0;
    Make(options);
  }
  error_code ErrorAfter(std::string_view bytes, bool end = false) {
    const size_t at = peers();
    const auto outcome = Get("http://a/");
    peer(at).Take();
    peer(at).Send(bytes);
    if (end) peer(at).End();
    Poll();
    error_code error = outcome->error;
    if (outcome->done && !error) {
      ReadAll(*outcome);
      error = error_;
    }
    client().Close();
    Poll();
    EXPECT_EQ(client().stats().connections, 0u);
    return error;
  }
};

TEST_F(HostileTest, GetsAnErrorEachTime) {
  EXPECT_EQ(ErrorAfter("", true), ClientError::kClosed);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200", true), ClientError::kTruncated);
  EXPECT_EQ(ErrorAfter("220 mail.example ESMTP\r\n"), ClientError::kBadResponse);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x')),
            ClientError::kHeadTooLarge);
  std::string interim;
  for (int i = 0; i < 50; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(ErrorAfter(interim), ClientError::kTooManyInformational);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            ClientError::kBadResponse);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n"),
            ClientError::kBadResponse);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true),
            ClientError::kTruncated);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", true),
            ClientError::kTruncated);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            ClientError::kBadResponse);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "ffffffffffffffffff\r\n"),
            ClientError::kBadResponse);
  EXPECT_EQ(ErrorAfter("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
            ClientError::kBodyTooLarge);
}

TEST_F(HostileTest, APoisonedConnectionIsNotUsedAgain) {
  const auto first = Get();
  Answer(0, std::string(kHello) + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  EXPECT_EQ(ReadAll(*first), "hello");
  const auto second = Get();
  ASSERT_EQ(peers(), 2u);
  EXPECT_FALSE(second->done);
}

}  // namespace
}  // namespace corelane::http
