// The client against other people's servers over loopback: Node.js (HTTP/1.1, HTTP/2, TLS),
// nghttpd, Python. Each is skipped where it is not installed.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/client/client.h"
#include "http/client/engine_test_fixture.h"
#include "http/client/kernel_connector.h"
#include "tls/test_certificates.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using KernelClient = Client<KernelConnector<Executor>>;
using Await = asio::use_awaitable_t<Executor>;
template <class T = void>
using Co = asio::awaitable<T, Executor>;

bool Installed(const std::string& program) {
  return std::system(("command -v " + program + " > /dev/null").c_str()) == 0;
}

// A child with pipes; ended with this object.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command) {
    int in[2];
    int out[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      std::vector<char*> arguments;
      for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~Process() {
    close(in_);
    close(out_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  // What it prints up to `end`; at most 20 seconds.
  std::string ReadUntil(std::string_view end) {
    std::string text;
    while (text.find(end) == std::string::npos) {
      pollfd wait{out_, POLLIN, 0};
      std::array<char, 1000> bytes;
      if (poll(&wait, 1, 20'000) != 1) break;
      const ssize_t size = read(out_, bytes.data(), bytes.size());
      if (size <= 0) break;
      text.append(bytes.data(), static_cast<size_t>(size));
    }
    return text;
  }

 private:
  pid_t pid_ = 0;
  int in_ = -1;
  int out_ = -1;
};

uint16_t FreePort() {
  asio::io_context context;
  const asio::ip::tcp::acceptor acceptor(
      context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

bool Listens(uint16_t port) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  return !error;
}

// Servers that do not say when they are ready: asked again and again, for at most 20 seconds.
void AwaitServer(uint16_t port) {
  for (int i = 0; i < 1000 && !Listens(port); ++i) poll(nullptr, 0, 20);
}

class InteropTest : public ::testing::Test {
 protected:
  InteropTest() {
    const char* const folder = std::getenv("TEST_TMPDIR");
    folder_ = std::string(folder == nullptr ? "/tmp" : folder) + "/http_client_interop";
    std::filesystem::create_directories(folder_);
    const tls::Identity identity = ca_.Issue({.names = {"localhost"}, .addresses = {"127.0.0.1"}});
    Write("key.pem", identity.key.text);
    Write("cert.pem", identity.chain.text);
    options_.tls.ca = ca_.pem();
    options_.retry.max = 0;
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  void Run(Co<> asks) {
    asio::co_spawn(context_, std::move(asks), [this](std::exception_ptr failure) {
      if (failure) {
        try {
          std::rethrow_exception(failure);
        } catch (const std::exception& exception) {
          ADD_FAILURE() << exception.what();
        }
      }
      client_->Close();
    });
    context_.run_for(std::chrono::seconds(60));
    EXPECT_TRUE(context_.stopped());
  }
  KernelClient& client() {
    if (!client_) {
      client_.emplace(context_.get_executor(), KernelConnector<Executor>(context_.get_executor()),
                      options_);
    }
    return *client_;
  }

  tls::TestCa ca_;
  std::string folder_;
  ClientOptions options_;
  asio::io_context context_{1};
  std::optional<KernelClient> client_;
};

Co<std::string> Fetch(KernelClient& client, OutgoingRequest request, int version) {
  Await await;
  auto response = co_await client.Send(std::move(request), await);
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.version(), version);
  co_return co_await response.ReadAll(64 << 20, await);
}

// --- Node.js ---

class NodeTest : public InteropTest {
 protected:
  void SetUp() override {
    if (!Installed("node")) GTEST_SKIP() << "node is not installed";
    node_ = std::make_unique<Process>(std::vector<std::string>{
        "node", "http/client/interop_peers.js", folder_ + "/key.pem", folder_ + "/cert.pem"});
    ports_ = node_->ReadUntil("}\n");
    ASSERT_NE(ports_.find("}"), std::string::npos) << ports_;
  }
  std::string Base(const std::string& name, const std::string& scheme) {
    const size_t at = ports_.find("\"" + name + "\":") + name.size() + 3;
    return scheme + "://localhost:" + ports_.substr(at, ports_.find_first_of(",}", at) - at);
  }

  // Everything that every version can do.
  Co<> AskAll(std::string base, HttpVersion version, int expected) {
    const auto get = [&](std::string_view path) {
      return OutgoingRequest::Get(base + std::string(path)).Version(version);
    };
    for (const size_t size : {size_t{0}, size_t{1}, size_t{3'000'000}}) {
      OutgoingRequest request = get("/bytes?n=" + std::to_string(size));
      const std::string body = co_await Fetch(client(), std::move(request), expected);
      EXPECT_TRUE(body == std::string(size, 'x'));
    }
    co_await AskChunks(get("/chunks?n=100000"));
    for (const std::string coding : {"gzip", "deflate", "br"}) {
      OutgoingRequest request = get("/coded?n=1000000&c=" + coding);
      const std::string body = co_await Fetch(client(), std::move(request), expected);
      EXPECT_TRUE(body == std::string(1'000'000, 'z')) << coding;
    }
    OutgoingRequest moved = get("/redirect?n=77");
    const std::string body = co_await Fetch(client(), std::move(moved), expected);
    EXPECT_EQ(body.size(), 77u);
    co_await EchoAll(base, version, expected);
    EXPECT_EQ(client().stats().dials, 1u);
  }

  Co<> AskChunks(OutgoingRequest request) {
    Await await;
    auto response = co_await client().Send(std::move(request), await);
    const std::string body = co_await response.ReadAll(1 << 20, await);
    EXPECT_TRUE(body == std::string(100'000, 'y'));
    EXPECT_EQ(response.trailers().Find("sum"), "42");
  }

  Co<> EchoAll(std::string base, HttpVersion version, int expected) {
    const std::string text(1'000'000, 'e');
    OutgoingRequest whole = OutgoingRequest::Post(base + "/echo");
    whole.Version(version).Body(text);
    std::string body = co_await Fetch(client(), std::move(whole), expected);
    EXPECT_TRUE(body == text);
    const auto source = std::make_shared<testing::PieceSource>(
        std::vector<std::string>(100, std::string(10'000, 'e')));
    OutgoingRequest streamed = OutgoingRequest::Put(base + "/echo");
    streamed.Version(version).Stream(source);
    body = co_await Fetch(client(), std::move(streamed), expected);
    EXPECT_TRUE(body == text);
    OutgoingRequest expecting = OutgoingRequest::Post(base + "/echo");
    expecting.Version(version).Body("expected").ExpectContinue();
    body = co_await Fetch(client(), std::move(expecting), expected);
    EXPECT_EQ(body, "expected");
  }

  std::unique_ptr<Process> node_;
  std::string ports_;
};

TEST_F(NodeTest, Http1) { Run(AskAll(Base("http", "http"), HttpVersion::kAny, 11)); }
TEST_F(NodeTest, Http2WithPriorKnowledge) {
  Run(AskAll(Base("h2c", "http"), HttpVersion::kHttp2, 20));
}
TEST_F(NodeTest, Http2ByAlpn) { Run(AskAll(Base("https", "https"), HttpVersion::kAny, 20)); }
TEST_F(NodeTest, Http1UnderTls) { Run(AskAll(Base("https", "https"), HttpVersion::kHttp1, 11)); }

Co<> FetchSome(KernelClient& client, std::string url, HttpVersion version, int count, int& done) {
  for (int i = 0; i < count; ++i) {
    OutgoingRequest request = OutgoingRequest::Get(url);
    request.Version(version);
    const std::string body =
        co_await Fetch(client, std::move(request), version == HttpVersion::kHttp1 ? 11 : 20);
    EXPECT_EQ(body.size(), 50'000u);
    ++done;
  }
}

TEST_F(NodeTest, ManyAtOnceOnOneConnection) {
  const auto ask = [this]() -> Co<> {
    Await await;
    int done = 0;
    for (int i = 0; i < 50; ++i) {
      asio::co_spawn(context_,
                     FetchSome(client(), Base("https", "https") + "/bytes?n=50000",
                               HttpVersion::kAny, 10, done),
                     asio::detached);
    }
    while (done < 500) co_await asio::post(context_.get_executor(), await);
    EXPECT_EQ(client().stats().dials, 1u);
  };
  Run(ask());
}

TEST_F(NodeTest, ConnectionsThatAreClosedAreNotUsedAgain) {
  const auto ask = [this]() -> Co<> {
    for (int i = 0; i < 3; ++i) {
      OutgoingRequest request = OutgoingRequest::Get(Base("http", "http") + "/close");
      const std::string body = co_await Fetch(client(), std::move(request), 11);
      EXPECT_EQ(body, "bye");
    }
    EXPECT_EQ(client().stats().dials, 3u);
  };
  Run(ask());
}

TEST_F(NodeTest, HalfAResponseIsReported) {
  const auto ask = [this]() -> Co<> {
    Await await;
    for (const char* const name : {"http", "h2c"}) {
      OutgoingRequest request = OutgoingRequest::Get(Base(name, "http") + "/destroy");
      if (std::string_view(name) == "h2c") request.Version(HttpVersion::kHttp2);
      auto response = co_await client().Send(std::move(request), await);
      EXPECT_EQ(response.content_length(), 1000u);
      const auto token = asio::as_tuple(await);
      auto [error, body] = co_await response.ReadAll(10'000, token);
      EXPECT_TRUE(error) << name;
    }
  };
  Run(ask());
}

// --- nghttpd ---

TEST_F(InteropTest, Nghttpd) {
  if (!Installed("nghttpd")) GTEST_SKIP() << "nghttpd is not installed";
  Write("file", std::string(2'000'000, 'n'));
  for (const bool tls : {false, true}) {
    const uint16_t port = FreePort();
    std::vector<std::string> command = {"nghttpd", "-a", "127.0.0.1", "-d", folder_};
    if (!tls) command.push_back("--no-tls");
    command.push_back(std::to_string(port));
    if (tls) {
      command.push_back(folder_ + "/key.pem");
      command.push_back(folder_ + "/cert.pem");
    }
    const Process server(command);
    AwaitServer(port);
    const std::string url =
        std::string(tls ? "https" : "http") + "://localhost:" + std::to_string(port) + "/file";
    const auto ask = [this, url]() -> Co<> {
      for (int i = 0; i < 3; ++i) {
        OutgoingRequest request = OutgoingRequest::Get(url);
        request.Version(HttpVersion::kHttp2);
        const std::string body = co_await Fetch(client(), std::move(request), 20);
        EXPECT_TRUE(body == std::string(2'000'000, 'n'));
      }
    };
    Run(ask());
    context_.restart();
  }
}

// --- nginx ---

TEST_F(InteropTest, Nginx) {
  if (!Installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  Write("file.txt", std::string(2'000'000, 'g'));
  const uint16_t plain = FreePort();
  const uint16_t secure = FreePort();
  // Ten requests to a connection, so that the client meets its end now and then.
  Write("nginx.conf",
        "daemon off; master_process off; pid " + folder_ + "/nginx.pid;\n" +
            "error_log stderr crit;\nevents {}\nhttp {\n  access_log off; gzip on;\n" +
            "  gzip_types text/plain; default_type text/plain; keepalive_requests 10;\n" +
            "  client_body_temp_path " + folder_ + "/b; proxy_temp_path " + folder_ + "/p;\n" +
            "  fastcgi_temp_path " + folder_ + "/f; uwsgi_temp_path " + folder_ + "/u;\n" +
            "  scgi_temp_path " + folder_ + "/s;\n  server {\n    listen 127.0.0.1:" +
            std::to_string(plain) + ";\n    listen 127.0.0.1:" + std::to_string(secure) +
            " ssl http2;\n    ssl_certificate " + folder_ + "/cert.pem;\n" +
            "    ssl_certificate_key " + folder_ + "/key.pem;\n    root " + folder_ +
            ";\n  }\n}\n");
  const Process server({"nginx", "-c", folder_ + "/nginx.conf", "-p", folder_, "-e", "stderr"});
  AwaitServer(secure);
  options_.retry.max = 2;
  const auto ask = [&]() -> Co<> {
    for (int i = 0; i < 35; ++i) {
      OutgoingRequest request =
          OutgoingRequest::Get("http://localhost:" + std::to_string(plain) + "/file.txt");
      std::string body = co_await Fetch(client(), std::move(request), 11);
      EXPECT_TRUE(body == std::string(2'000'000, 'g'));
      OutgoingRequest other =
          OutgoingRequest::Get("https://localhost:" + std::to_string(secure) + "/file.txt");
      body = co_await Fetch(client(), std::move(other), 20);
      EXPECT_TRUE(body == std::string(2'000'000, 'g'));
    }
    EXPECT_EQ(client().stats().dials, 8u);  // 35 / 10, rounded up, of each kind.
    EXPECT_EQ(client().stats().failures, 0u);
  };
  Run(ask());
}

// --- Python ---

TEST_F(InteropTest, Python) {
  if (!Installed("python3")) GTEST_SKIP() << "python3 is not installed";
  Write("file", std::string(2'000'000, 'p'));
  const uint16_t port = FreePort();
  const Process server({"python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                        folder_, std::to_string(port)});
  AwaitServer(port);
  const auto ask = [this, port]() -> Co<> {
    for (int i = 0; i < 3; ++i) {  // HTTP/1.0: each on a connection of its own.
      OutgoingRequest request =
          OutgoingRequest::Get("http://localhost:" + std::to_string(port) + "/file");
      const std::string body = co_await Fetch(client(), std::move(request), 10);
      EXPECT_TRUE(body == std::string(2'000'000, 'p'));
    }
    EXPECT_EQ(client().stats().dials, 3u);
  };
  Run(ask());
}

}  // namespace
}  // namespace corelane::http
