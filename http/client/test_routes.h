// For tests: what a server of ours answers.

#ifndef CORELANE_HTTP_CLIENT_TEST_ROUTES_H_
#define CORELANE_HTTP_CLIENT_TEST_ROUTES_H_

#include <string>

#include "http/router.h"

namespace corelane::http::testing {

// /hello; /bytes/{n}: n bytes; /echo: the request's body.
inline void AddTestRoutes(Router& router) {
  router.Get("/hello", [](const Request&) { return Response::Text("hello\n"); });
  router.Get("/bytes/{n}", [](const Request& request) {
    return Response::Text(std::string(request.NumberParam("n").value_or(0), 'x'));
  });
  router.Post("/echo", [](const Request& request) {
    return Response::Text(std::string(request.content()));
  });
}

}  // namespace corelane::http::testing

#endif  // CORELANE_HTTP_CLIENT_TEST_ROUTES_H_
