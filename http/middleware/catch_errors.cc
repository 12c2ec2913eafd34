#include "http/middleware/catch_errors.h"

#include <utility>

namespace corelane::http {
namespace {

Response InternalError() { return Response::Static("text/plain", "internal error\n", 500); }

}  // namespace

Middleware CatchErrors(std::function<void(const Request&, std::string_view what)> report) {
  return [report = std::move(report)](const Request& request, Next next) -> Task<Response> {
    try {
      co_return co_await next(request);
    } catch (const HandlerTimeout&) {
      throw;  // The engine's to answer.
    } catch (const HttpError& error) {
      if (error.status() >= 400 && error.status() <= 599) {
        co_return Response::Text(error.message() + "\n", error.status());
      }
      if (report) report(request, error.what());
    } catch (const std::exception& error) {
      if (report) report(request, error.what());
    } catch (...) {
      if (report) report(request, "an exception that is no std::exception");
    }
    co_return InternalError();
  };
}

}  // namespace corelane::http
