// A reverse proxy: what it is asked it asks another server, and streams both bodies through.
//
//   bazel run //examples:http_server -- --listen 127.0.0.1:8081 &
//   bazel run //examples:reverse_proxy -- --upstream http://127.0.0.1:8081
//   curl -s 127.0.0.1:8080/hello
//
// It speaks HTTP/1.1 and HTTP/2 to its clients and keeps connections to the other server. On `ring`
// and `kernel:` it reaches that over the kernel's sockets, on other devices over its own stack.
//
// WebSockets are passed on, also those of browsers that speak HTTP/2 (RFC 8441), to a server that
// needs HTTP/1.1 only. That server sees its own name in Host: if it compares a page's Origin with
// it, it must be told to allow the proxy's.

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "examples/http_program.h"
#include "examples/proxy_tunnel.h"
#include "examples/started.h"
#include "http/client/client.h"
#include "http/client/kernel_connector.h"
#include "http/client/upload_pipe.h"
#include "http/client/worker_connector.h"
#include "http/use_task.h"
#include "http/wire/syntax.h"
#include "http/ws/handshake.h"
#include "runtime/flags/value.h"
#include "runtime/steady_timer.h"

namespace {

using namespace corelane;
using boost::system::error_code;
using http::Request;
using http::Response;
using http::Task;
using runtime::WorkerExecutor;

constexpr std::string_view kName = "1.1 corelane";

// Whether the value of a Connection field names it.
bool HasOption(std::string_view connection, std::string_view name) {
  while (!connection.empty()) {
    const size_t comma = std::min(connection.find(','), connection.size());
    std::string_view option = connection.substr(0, comma);
    while (!option.empty() && option.front() == ' ') option.remove_prefix(1);
    while (!option.empty() && option.back() == ' ') option.remove_suffix(1);
    if (http::EqualsIgnoreCase(name, option)) return true;
    connection.remove_prefix(std::min(comma + 1, connection.size()));
  }
  return false;
}

// RFC 9110 §7.6.1: fields of one connection, and those that Connection names.
bool IsHopByHop(std::string_view name, std::string_view connection) {
  for (const std::string_view known :
       {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
        "te", "trailer", "transfer-encoding", "upgrade"}) {
    if (http::EqualsIgnoreCase(name, known)) return true;
  }
  return HasOption(connection, name);
}

bool AsksForWebSocket(const Request& request) {
  if (request.version() == http::Version::kHttp2) return request.protocol() == "websocket";
  return http::EqualsIgnoreCase(request.Header("upgrade").value_or(""), "websocket") &&
         HasOption(request.Header("connection").value_or(""), "upgrade");
}

// RFC 6455 §4.1: 16 random bytes.
std::string NewWebSocketKey() {
  std::random_device random;
  std::string nonce(16, '\0');
  for (char& byte : nonce) byte = static_cast<char>(random());
  return http::Base64(nonce);
}

// What the other server answers, as it comes.
class AnswerSource final : public http::BodySource {
 public:
  explicit AnswerSource(http::IncomingResponse<WorkerExecutor> answer)
      : answer_(std::move(answer)) {}

  std::optional<uint64_t> size() const override { return answer_.content_length(); }
  Result Read(std::span<char> out) override {
    if (begin_ == end_) {
      if (error_ == boost::asio::error::eof) return Result::End();
      return error_ ? Result::Failed() : Result::Pending();
    }
    const size_t size = std::min(out.size(), end_ - begin_);
    std::memcpy(out.data(), room_.data() + begin_, size);
    begin_ += size;
    return Result::Data(size);
  }
  Task<void> Wait() override {
    const auto buffer = boost::asio::buffer(room_);
    begin_ = 0;
    end_ = co_await answer_.Read(buffer, http::use_task(error_));
  }

 private:
  http::IncomingResponse<WorkerExecutor> answer_;
  std::array<char, 16384> room_;
  size_t begin_ = 0;
  size_t end_ = 0;
  error_code error_;
};

template <class Connector>
class Proxy {
 public:
  Proxy(const examples::HttpSite& site, Connector connector, std::string upstream)
      : upstream_(std::move(upstream)),
        tunnels_(site.worker.get_executor(), connector, TunnelOptions()),
        client_(site.worker.get_executor(), std::move(connector), Options()) {
    while (upstream_.ends_with('/')) upstream_.pop_back();
  }

  Task<Response> Forward(const Request& request) {
    if (AsksForWebSocket(request)) co_return co_await ForwardWebSocket(request);
    http::OutgoingRequest out(MethodName(request.method()),
                              upstream_ + std::string(request.target()));
    CopyFields(request, out);
    const bool has_body = request.content_length() != uint64_t{0};
    std::shared_ptr<Pipe> pipe;
    if (has_body) {
      pipe = std::make_shared<Pipe>(client_.get_executor(), request.content_length());
      out.Stream(pipe);
    }
    examples::Started<http::IncomingResponse<WorkerExecutor>> sent;
    client_.Send(std::move(out), sent.Handler());
    if (has_body) co_await Upload(request, *pipe);
    http::IncomingResponse<WorkerExecutor> answer = co_await sent;
    if (sent.error()) co_return Refuse(sent.error(), answer);
    co_return Pass(std::move(answer));
  }

 private:
  using Pipe = http::UploadPipe<WorkerExecutor>;

  static http::ClientOptions Options() {
    http::ClientOptions options;
    options.redirect.follow = false;  // They are the client's affair, and so are codings.
    options.decompress = false;
    options.user_agent = "";
    return options;
  }

  // Each tunnel has a connection to itself for as long as it lasts.
  static http::ClientOptions TunnelOptions() {
    http::ClientOptions options = Options();
    options.pool.max_connections = options.pool.max_per_host = 10'000;
    return options;
  }

  static void CopyFields(const Request& request, http::OutgoingRequest& out) {
    const std::string_view connection = request.Header("connection").value_or("");
    for (const http::Field field : request.fields()) {
      const bool own = http::EqualsIgnoreCase(field.name, "host") ||
                       http::EqualsIgnoreCase(field.name, "content-length") ||
                       http::EqualsIgnoreCase(field.name, "expect");
      if (!own && !IsHopByHop(field.name, connection)) out.Add(field.name, field.value);
    }
    out.Add("X-Forwarded-For", request.connection().remote.address.ToString());
    out.Add("X-Forwarded-Host", request.authority());
    out.Add("X-Forwarded-Proto", request.connection().secure ? "https" : "http");
    out.Add("Via", kName);
  }

  Task<Response> ForwardWebSocket(const Request& request) {
    http::OutgoingRequest out("GET", upstream_ + std::string(request.target()));
    CopyFields(request, out);
    const bool http2 = request.version() == http::Version::kHttp2;
    std::string key;
    if (http2) {  // Which has neither the key nor its answer (RFC 8441 §5).
      key = NewWebSocketKey();
      out.Add("Sec-WebSocket-Key", key);
    }
    const auto upload = std::make_shared<examples::TunnelUpload>();
    out.Upgrade("websocket", upload);
    examples::Started<http::IncomingResponse<WorkerExecutor>> sent;
    tunnels_.Send(std::move(out), sent.Handler());
    http::IncomingResponse<WorkerExecutor> answer = co_await sent;
    if (sent.error()) co_return Refuse(sent.error(), answer);
    if (answer.status() != 101) co_return Pass(std::move(answer));
    if (http2 && answer.Header("sec-websocket-accept") != ws::AcceptKey(key)) {
      co_return Response::Static("text/plain", "the other server's handshake is wrong\n", 502);
    }
    const http::FieldLines fields = PassedFields(answer, http2 ? "sec-websocket-accept" : "");
    Response response = Response::Tunnel(
        "websocket", std::make_unique<examples::ProxyTunnel>(request, upload, std::move(answer)));
    AddAll(fields, response);
    co_return std::move(response);
  }

  // Until the other server wants no more, or the client sends no more.
  static Task<void> Upload(const Request& request, Pipe& pipe) {
    error_code error;
    for (;;) {
      const http::BodyChunk chunk = co_await request.ReadBody();
      if (chunk.failed()) co_return pipe.Fail();
      if (chunk.end()) break;
      const auto buffer = boost::asio::buffer(chunk.data.data(), chunk.data.size());
      co_await pipe.Write(buffer, http::use_task(error));
      if (error) co_return;
    }
    pipe.End();
  }

  static Response Refuse(const error_code& error,
                         const http::IncomingResponse<WorkerExecutor>& answer) {
    const bool late = error == boost::asio::error::timed_out;
    const std::string why = answer ? answer.failure().message() : error.message();
    return Response::Text(why + "\n", late ? 504 : 502);
  }

  static http::FieldLines PassedFields(const http::IncomingResponse<WorkerExecutor>& answer,
                                       std::string_view except = {}) {
    http::FieldLines passed;
    const std::string_view connection = answer.Header("connection").value_or("");
    for (const http::Field field : answer.fields()) {
      const bool own = http::EqualsIgnoreCase(field.name, "content-length") ||
                       http::EqualsIgnoreCase(field.name, "date") ||
                       http::EqualsIgnoreCase(field.name, except);
      if (!own && !IsHopByHop(field.name, connection)) passed.Add(field.name, field.value);
    }
    passed.Add("Via", kName);
    return passed;
  }

  static void AddAll(const http::FieldLines& fields, Response& response) {
    fields.ForEach(
        [&response](std::string_view name, std::string_view value) { response.Add(name, value); });
  }

  static Response Pass(http::IncomingResponse<WorkerExecutor> answer) {
    Response response(answer.status());
    AddAll(PassedFields(answer), response);
    if (answer.status() == 426) response.Add("Upgrade", "websocket");  // Which the proxy has, too.
    response.SetSource(std::make_unique<AnswerSource>(std::move(answer)));
    return response;
  }

  std::string upstream_;
  http::Client<Connector> tunnels_;
  http::Client<Connector> client_;
};

template <class Connector>
void AddProxy(const examples::HttpSite& site, http::Router& router, Connector connector,
              const std::string& upstream) {
  const auto proxy = std::make_shared<Proxy<Connector>>(site, std::move(connector), upstream);
  router.Fallback([proxy](const Request& request) { return proxy->Forward(request); });
}

}  // namespace

int main(int argc, char** argv) {
  examples::HttpProgram program("reverse_proxy", "Passes requests on to another server.");
  std::string upstream = "http://127.0.0.1:8081";
  program.parser().AddFlag("--upstream", runtime::Text(&upstream, "URL"),
                           "the server that requests go to");
  return program.Run(argc, argv, [&](const examples::HttpSite& site, http::Router& router) {
    const auto executor = site.worker.get_executor();
    if (site.stack == nullptr || site.flags.device_scheme() == "ring") {
      AddProxy(site, router, http::KernelConnector<WorkerExecutor>(executor), upstream);
    } else {
      AddProxy(site, router, http::WorkerConnector(executor, *site.stack), upstream);
    }
  });
}
