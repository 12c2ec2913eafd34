#include "grpc/server.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "grpc/wire/encoding.h"

namespace corelane::grpc {
namespace {

using internal::ServedMethod;
using internal::ServerCall;

bool IsGrpc(const http::Request& request) {
  constexpr std::string_view kType = "application/grpc";
  const std::string_view type = request.Header("content-type").value_or("");
  if (!type.starts_with(kType)) return false;
  return type.size() == kType.size() || type[kType.size()] == '+' || type[kType.size()] == ';';
}

// A head without a body (PROTOCOL-HTTP2.md: Trailers-Only).
http::Response Alone(const Status& status) {
  http::Response response = http::Response::Static("application/grpc", {});
  response.Add("grpc-status", std::to_string(static_cast<int>(status.code())));
  response.Add("grpc-message", PercentEncode(status.message()));
  return response;
}

// What HTTP itself has to say; PROTOCOL-HTTP2.md asks for 415.
http::Response NotGrpc(const http::Request& request) {
  if (IsGrpc(request)) {
    return http::Response::Text("gRPC needs HTTP/2\n", 505);
  }
  return http::Response::Text("content-type: application/grpc is served here\n", 415);
}

http::Task<http::Response> Refuse(const http::Request& request) { co_return NotGrpc(request); }

// Coroutines, which need not wait for the end of a stream.
http::Task<http::Response> UnknownMethod(const http::Request& request) {
  if (!IsGrpc(request)) co_return NotGrpc(request);
  co_return Alone(
      Status(StatusCode::kUnimplemented, "no method '" + std::string(request.path()) + "' here"));
}
http::Task<http::Response> UnknownService(const http::Request& request) {
  std::optional<http::Response> answer = AnswerUnknownService(request);
  co_return answer.has_value() ? *std::move(answer)
                               : http::Response::Static("text/plain", "not found\n", 404);
}

}  // namespace

std::optional<http::Response> AnswerUnknownService(const http::Request& request) {
  if (!IsGrpc(request)) return std::nullopt;
  return Alone(Status(StatusCode::kUnimplemented,
                      "no service of '" + std::string(request.path()) + "' here"));
}

void Mount(http::Router& router, Service& service, const ServerOptions& options) {
  std::string_view name;
  for (Binder::Entry& entry : ServiceAccess::Methods(service)) {
    name = entry.method.service();
    auto served = std::make_shared<const ServedMethod>(
        ServedMethod{entry.method, std::move(entry.run), options});
    router.Post(entry.method.path,
                [served](const http::Request& request) -> http::Task<http::Response> {
                  if (!IsGrpc(request) || request.version() != http::Version::kHttp2) {
                    return Refuse(request);
                  }
                  return ServerCall::Serve(served, request);
                });
  }
  if (!name.empty()) {
    router.Post("/" + std::string(name) + "/{method}", UnknownMethod);
  }
  http::Router unknown;
  unknown.Fallback(UnknownService);
  router.Merge(std::move(unknown));
}

}  // namespace corelane::grpc
