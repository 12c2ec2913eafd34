#include "http/middleware/conditional.h"

#include <charconv>
#include <cstdint>
#include <span>
#include <utility>

#include "core/siphash.h"
#include "http/semantics/http_date.h"
#include "http/semantics/preconditions.h"

namespace corelane::http {

std::string EntityTagOf(std::string_view body) {
  // Fixed, so that every lane, server and version of the process agrees.
  constexpr SipKey kKey{0x636f72656c616e65, 0x656e746974792d31};
  const uint64_t hash =
      SipHash13(kKey, {reinterpret_cast<const uint8_t*>(body.data()), body.size()});
  char text[36] = "\"";
  char* at = std::to_chars(text + 1, text + sizeof(text), hash, 16).ptr;
  *at++ = '-';
  at = std::to_chars(at, text + sizeof(text), body.size(), 16).ptr;
  *at++ = '"';
  return std::string(text, at);
}

void MakeBodiless(Response& response, int status) {
  response.set_status(status).SetBody("");
  for (const char* name :
       {"Content-Type", "Content-Encoding", "Content-Language", "Content-Range", "Accept-Ranges"}) {
    response.Remove(name);
  }
  if (response.Find("etag")) response.Remove("Last-Modified");
}

Middleware Conditional() {
  return [](const Request& request, Next next) -> Task<Response> {
    Response response = co_await next(request);
    const bool reads = request.method() == Method::kGet || request.method() == Method::kHead;
    if (!reads || response.status() != 200 || !response.valid()) co_return response;
    if (response.source() == nullptr && !response.Find("etag")) {
      response.Add("ETag", EntityTagOf(response.body()));
    }
    Validators now;
    now.etag = response.Find("etag").value_or("");
    now.last_modified = ParseHttpDate(response.Find("last-modified").value_or(""));
    switch (EvaluatePreconditions(request.method(), request.fields(), now)) {
      case Precondition::kProceed:
        break;
      case Precondition::kNotModified:
        MakeBodiless(response, 304);
        break;
      case Precondition::kFailed:
        MakeBodiless(response, 412);
        break;
    }
    co_return response;
  };
}

}  // namespace corelane::http
