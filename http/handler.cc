#include "http/handler.h"

namespace corelane::http {

Task<std::optional<Response>> internal::ReadContent(const Request& request, std::string& content) {
  const auto too_long = [&] {
    return Response::Text("the body is too long: expected at most " +
                              std::to_string(request.max_content_bytes()) + " bytes\n",
                          413);
  };
  if (request.content_length().value_or(0) > request.max_content_bytes()) co_return too_long();
  for (;;) {
    const BodyChunk chunk = co_await request.ReadBody();
    if (chunk.failed()) {
      Response broken(400);
      broken.CloseConnection();
      co_return std::move(broken);
    }
    if (chunk.end()) co_return std::nullopt;
    if (chunk.data.size() > request.max_content_bytes() - content.size()) co_return too_long();
    content += chunk.data;
  }
}

}  // namespace corelane::http
