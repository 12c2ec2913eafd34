// Routes requests to handlers by method and path.
//
//   Router router;
//   router.Get("/hello", [](const Request&) { return Response::Static("text/plain", "hello\n"); });
//   router.Get("/users/{id}", ShowUser);          // request.Param("id")
//   router.Put("/files/{*path}", StoreFile);      // the rest of the path, slashes included
//
// A handler is a plain function `Response(const Request&)`, which costs no coroutine frame and runs
// once the body is complete, or a coroutine `Task<Response>(const Request&)`, which reads the body
// as it comes. A text segment wins over {id}, {id} over {*path}. HEAD is answered by GET's handler,
// OPTIONS and 405 by the router. Segments are compared after percent-decoding; an encoded slash
// does not separate segments.
//
// Build it completely, then serve; it is then read-only and may be shared by threads.

#ifndef CORELANE_HTTP_ROUTER_H_
#define CORELANE_HTTP_ROUTER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "http/message.h"
#include "http/method.h"
#include "http/task.h"

namespace corelane::http {

using PlainHandler = std::function<Response(const Request&)>;
using CoroutineHandler = std::function<Task<Response>(const Request&)>;

// One of the two.
struct Handler {
  PlainHandler plain;
  CoroutineHandler coroutine;

  explicit operator bool() const { return plain != nullptr || coroutine != nullptr; }
};

template <class F>
Handler MakeHandler(F&& handler) {
  using Result = std::invoke_result_t<F&, const Request&>;
  Handler made;
  if constexpr (std::is_same_v<Result, Task<Response>>) {
    made.coroutine = std::forward<F>(handler);
  } else {
    static_assert(std::is_convertible_v<Result, Response>,
                  "a handler returns Response or Task<Response>");
    made.plain = std::forward<F>(handler);
  }
  return made;
}

struct RouteMatch {
  enum class Kind : uint8_t {
    kFound,
    kNotFound,          // 404
    kMethodNotAllowed,  // 405, `allow` says what would be
    kOptions,           // 204, likewise
    kBadPath,           // 400: an escape in the path is malformed
  };

  Kind kind = Kind::kNotFound;
  const Handler* handler = nullptr;
  std::string_view allow;
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  Router& Add(Method method, std::string_view pattern, Handler handler);
  template <class F>
  Router& Get(std::string_view pattern, F&& handler) {
    return Add(Method::kGet, pattern, MakeHandler(std::forward<F>(handler)));
  }
  template <class F>
  Router& Post(std::string_view pattern, F&& handler) {
    return Add(Method::kPost, pattern, MakeHandler(std::forward<F>(handler)));
  }
  template <class F>
  Router& Put(std::string_view pattern, F&& handler) {
    return Add(Method::kPut, pattern, MakeHandler(std::forward<F>(handler)));
  }
  template <class F>
  Router& Delete(std::string_view pattern, F&& handler) {
    return Add(Method::kDelete, pattern, MakeHandler(std::forward<F>(handler)));
  }
  template <class F>
  Router& Patch(std::string_view pattern, F&& handler) {
    return Add(Method::kPatch, pattern, MakeHandler(std::forward<F>(handler)));
  }
  // GET, POST, PUT, DELETE and PATCH.
  template <class F>
  Router& Any(std::string_view pattern, F&& handler) {
    const Handler made = MakeHandler(std::forward<F>(handler));
    for (const Method method :
         {Method::kGet, Method::kPost, Method::kPut, Method::kDelete, Method::kPatch}) {
      Add(method, pattern, made);
    }
    return *this;
  }

  // The first thing that was wrong with a pattern: what, in which, and what would be right.
  const absl::Status& status() const { return status_; }

  // Fills `params`, whose views point into `path` or `scratch` (used only when the path has
  // escapes). Allocates nothing for a path without escapes.
  RouteMatch Match(Method method, std::string_view path, PathParams& params,
                   std::string& scratch) const;

 private:
  struct Node;

  void Fail(std::string_view pattern, std::string_view problem);
  Node* Insert(std::string_view pattern);
  const Node* Find(const Node& node, const std::string_view* segment, size_t left,
                   PathParams& params) const;

  absl::Status status_;
  std::unique_ptr<Node> root_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_ROUTER_H_
