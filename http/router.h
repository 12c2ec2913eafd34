// Routes requests to handlers by method and path.
//
//   Router router;
//   router.Get("/hello", [](const Request&) { return Response::Static("text/plain", "hello\n"); });
//   router.Get("/users/{id}", ShowUser);          // request.Param("id")
//   router.Put("/files/{*path}", StoreFile);      // the rest of the path, slashes included
//
// A handler is a plain function `Response(const Request&)`, which costs no coroutine frame and runs
// once the body is complete, or a coroutine `Task<Response>(const Request&)`, which reads the body
// as it comes; both may take typed parameters instead (extract.h). A text segment wins over {id},
// {id} over {*path}. HEAD is answered by GET's handler, OPTIONS and 405 by the router. Segments are
// compared after percent-decoding; an encoded slash does not separate segments.
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
#include "http/handler.h"
#include "http/message.h"
#include "http/middleware.h"
#include "http/state.h"
#include "http/task.h"
#include "http/wire/method.h"

namespace corelane::http {

struct RouteMatch {
  enum class Kind : uint8_t {
    kFound,             // `handler` answers. The others are for the engine to answer:
    kNotFound,          // 404
    kMethodNotAllowed,  // 405, `allow` says what would be
    kOptions,           // 204, likewise
    kBadPath,           // 400: an escape in the path is malformed
  };

  Kind kind = Kind::kNotFound;
  const Handler* handler = nullptr;
  std::string_view allow;
};

// What is answered where there is no handler.
Response AnswerUnrouted(const RouteMatch& match);

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

  // All routes of `inner` below `prefix`, a pattern: inner's "/" is the prefix itself, its
  // "/users" is prefix + "/users". Its fallback answers what is below the prefix and has no route.
  Router& Nest(std::string_view prefix, Router inner);
  // All routes of `other` beside these, and its fallback where there is none yet.
  Router& Merge(Router other);
  // Answers, for any method, what has no route; else that is 404.
  template <class F>
  Router& Fallback(F&& handler) {
    return SetFallback(MakeHandler(std::forward<F>(handler)));
  }

  // Around every handler that is there by now, fallbacks included, and around what the router
  // itself answers: OPTIONS and 405 on the routes that are there, 404 and 400 for the rest. Of two
  // routers that are merged, this one's middleware stays around the latter. See middleware.h.
  Router& Use(Middleware middleware);

  // The value of State<T> (state.h) for every route that is there by now, fallbacks included, and
  // has none yet. By value, shared, or as std::ref() of what outlives the router.
  template <class T>
  Router& Provide(std::shared_ptr<T> value) {
    using Plain = std::remove_const_t<T>;
    return Provide(&internal::kTypeKey<Plain>, internal::TypeName<T>(), std::is_const_v<T>,
                   std::const_pointer_cast<Plain>(std::move(value)));
  }
  template <class T>
  Router& Provide(std::reference_wrapper<T> value) {
    return Provide(std::shared_ptr<T>(std::shared_ptr<void>(), &value.get()));
  }
  template <class T>
  Router& Provide(T value) {
    return Provide(std::make_shared<T>(std::move(value)));
  }

  // The first thing that was wrong with a pattern: what, in which, and what would be right. Else a
  // route that asks for a State<T> which nobody has provided.
  absl::Status status() const;

  // Fills `params`, whose views point into `path` or `scratch` (used only when the path has
  // escapes). Allocates nothing for a path without escapes.
  RouteMatch Match(Method method, std::string_view path, PathParams& params,
                   std::string& scratch) const;

 private:
  struct Node;

  void Fail(std::string_view pattern, std::string_view problem);
  Router& Provide(const char* type, std::string_view type_name, bool is_const,
                  std::shared_ptr<void> value);
  Node* Insert(std::string_view pattern);
  Router& SetFallback(Handler handler);
  // Moves what is in `from` into `to`, which is at `pattern`.
  void Absorb(Node& to, Node& from, const std::string& pattern);
  void AbsorbChild(std::unique_ptr<Node>& to, std::unique_ptr<Node>& from,
                   const std::string& pattern);
  const Handler* FindFallback(const std::string_view* segment, size_t left) const;
  const Node* Find(const Node& node, const std::string_view* segment, size_t left,
                   PathParams& params) const;

  absl::Status status_;
  std::unique_ptr<Node> root_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_ROUTER_H_
