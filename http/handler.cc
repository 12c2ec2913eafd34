#include "http/handler.h"

namespace corelane::http {
namespace {

class KeepingSource final : public BodySource {
 public:
  KeepingSource(std::unique_ptr<internal::WholeRequest> kept, std::unique_ptr<BodySource> source)
      : kept_(std::move(kept)), source_(std::move(source)) {}
  std::optional<uint64_t> size() const override { return source_->size(); }
  Result Read(std::span<char> out) override { return source_->Read(out); }
  Task<void> Wait() override { return source_->Wait(); }
  const FieldLines* trailers() const override { return source_->trailers(); }

 private:
  std::unique_ptr<internal::WholeRequest> kept_;  // Outlives the source.
  std::unique_ptr<BodySource> source_;
};

}  // namespace

Response internal::RefuseWithoutState() {
  // What is missing is the server's own matter.
  return Response::Static("text/plain", "internal error\n", 500);
}

Response internal::Keep(std::unique_ptr<WholeRequest> request, Response response) {
  if (std::unique_ptr<BodySource> source = response.TakeSource()) {
    response.SetSource(std::make_unique<KeepingSource>(std::move(request), std::move(source)));
  }
  return response;
}

Task<std::optional<Response>> internal::ReadContent(const Request& request, std::string& content) {
  const auto too_long = [&] {
    return Response::Text("the body is too long: expected at most " +
                              std::to_string(request.max_content_bytes()) + " bytes\n",
                          413);
  };
  if (request.content_length().value_or(0) > request.max_content_bytes()) co_return too_long();
  for (;;) {
    const BodyChunk chunk = co_await request.ReadBody();
    if (request.body_over_limit()) co_return Response(413);  // Who has set it says more.
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
