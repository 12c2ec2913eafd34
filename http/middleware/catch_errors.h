// Exceptions of handlers as responses.
//
//   throw HttpError(404, "no such user");
//   router.Use(CatchErrors([](const Request& request, std::string_view what) { Log(what); }));

#ifndef CORELANE_HTTP_MIDDLEWARE_CATCH_ERRORS_H_
#define CORELANE_HTTP_MIDDLEWARE_CATCH_ERRORS_H_

#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include "http/message.h"
#include "http/middleware.h"

namespace corelane::http {

// Thrown by a handler inside of CatchErrors(): the client gets the status with the message as text.
// Without CatchErrors() it is a 500 like any exception.
class HttpError : public std::exception {
 public:
  // `status` is 400 to 599; another is answered as 500.
  HttpError(int status, std::string message) : status_(status), message_(std::move(message)) {}

  int status() const { return status_; }
  const std::string& message() const { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  int status_;
  std::string message_;
};

// Answers 500 with a fixed text in place of any other exception of what is inside; its what() goes
// to report() alone. HandlerTimeout passes through to the engine. What a body source throws is the
// engine's: the response has begun.
Middleware CatchErrors(std::function<void(const Request&, std::string_view what)> report);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_CATCH_ERRORS_H_
