// Middleware: what stands around the handlers of a router.
//
//   Middleware Stamp(std::string name) {
//     return [name](const Request& request, Next next) -> Task<Response> {
//       Response response = co_await next(request);
//       response.Add("Served-By", name);
//       co_return response;
//     };
//   }
//   router.Use(Stamp("lane 0"));
//
// It may answer without calling `next`, look at the request before and at the response after, or
// call it with another request. It is called for every request of the routes that the router had at
// Use(), fallbacks and what the router answers by itself (OPTIONS, 404, 405) included: what is used
// last is outermost. One middleware may run for many
// requests at the same time, on the server's thread, and lives as long as the router.

#ifndef CORELANE_HTTP_MIDDLEWARE_H_
#define CORELANE_HTTP_MIDDLEWARE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/time.h"
#include "http/handler.h"
#include "http/message.h"
#include "http/task.h"

namespace corelane::http {

// What is inside of a middleware: the handler, or the next middleware.
class Next {
 public:
  explicit Next(const Handler& inner) : inner_(&inner) {}

  // Once or never, with a request that lives until the task has ended.
  Task<Response> operator()(const Request& request) const;

 private:
  const Handler* inner_;
};

using Middleware = std::function<Task<Response>(const Request&, Next)>;

// A handler that calls `middleware` around `inner`.
Handler Wrap(Middleware middleware, Handler inner);

// --- made ---

// RFC 7617 and RFC 6750: answers 401 with a challenge for `realm` unless check() agrees with what
// the client sent. What is compared with a secret should be compared by EqualsInConstantTime().
Middleware BasicAuth(std::string realm,
                     std::function<bool(std::string_view user, std::string_view password)> check);
Middleware BearerAuth(std::string realm, std::function<bool(std::string_view token)> check);
// Takes as long whatever the texts are that have the same length.
bool EqualsInConstantTime(std::string_view a, std::string_view b);

// Answers 503 where the response is not ready after `most`. What the handler waits for then throws
// HandlerTimeout, or is cancelled (use_task.h), and what it returns all the same is not sent. A
// streamed response has its head in time; its body may take longer.
Middleware Timeout(Duration most);

// Answers 503 with Retry-After: 1 while `most` requests are in their handlers.
Middleware ConcurrencyLimit(size_t most);

// Answers 413 where a body is announced with more than `most` bytes, and where one that is not
// announced turns out longer: reading it fails there, and what the handler answers to that is not
// sent. A streamed response whose source reads the body can only be broken off. (A plain handler's
// body is limited by ServerOptions::max_content_bytes in any case.)
Middleware BodyLimit(uint64_t most);

// Gives every response the X-Request-Id of its request, or one from make() where the client sent
// none, or none of 1 to 128 visible characters.
Middleware RequestId(std::function<std::string()> make);

// Calls log() when a response is ready, or, where it is streamed, when its source has ended or is
// given up. The views and the request live as long as the call. http/middleware/log_format.h makes
// lines of it.
struct AccessRecord {
  Method method = Method::kUnknown;
  std::string_view target;
  int status = 0;
  Duration duration{};   // Of the handler, and of the source where there is one.
  uint64_t bytes = 0;    // Of content; of a stream, those that its source has given.
  bool complete = true;  // False: the source has failed, or the client did not stay to its end.
  const Request* request = nullptr;
};
Middleware AccessLog(const Clock& clock, std::function<void(const AccessRecord&)> log);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_H_
