// gRPC services on the routes of an HTTP server, beside whatever else it serves.
//
//   class MyGreeter : public Greeter::Service { ... };
//
//   MyGreeter greeter;
//   http::Router router;
//   grpc::Mount(router, greeter);
//   router.Get("/hello", ...);               // on the same port
//   http::Serve(acceptor, router, options);
//
// A handler is a coroutine on the connection's thread. It awaits what http's handlers await: its
// streams, Asio operations by http::use_task, other tasks.

#ifndef CORELANE_GRPC_SERVER_H_
#define CORELANE_GRPC_SERVER_H_

#include "grpc/server_options.h"
#include "grpc/service.h"
#include "http/router.h"

namespace corelane::grpc {

// Adds the routes of `service`, which must outlive the router and its calls. A method that it has
// not, and a service that nobody has mounted, are UNIMPLEMENTED; for the latter the router gets a
// fallback, unless it has one. Threads that share the router share the service.
void Mount(http::Router& router, Service& service, const ServerOptions& options = ServerOptions());

// The answer of such a fallback, for routers with one of their own: nullopt when the request is not
// one of gRPC.
std::optional<http::Response> AnswerUnknownService(const http::Request& request);

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_SERVER_H_
