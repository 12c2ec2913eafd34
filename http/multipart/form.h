// Forms with files, in handlers.
//
//   Task<Response> Upload(const Request& request) {            // as it comes
//     MultipartReader form(request);
//     while (const PartHead* part = co_await form.NextPart()) {
//       while (const auto piece = co_await form.Read()) Store(part->name, *piece);
//     }
//     if (form.failed()) co_return form.Refusal();
//     co_return Response::Text("done\n");
//   }
//   router.Post("/upload", Upload);
//
//   router.Post("/small", [](MultipartForm form) { ...form.Find("name")->content... });   // as a
//   whole

#ifndef CORELANE_HTTP_MULTIPART_FORM_H_
#define CORELANE_HTTP_MULTIPART_FORM_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/extract.h"
#include "http/message.h"
#include "http/multipart/disposition.h"
#include "http/multipart/parser.h"
#include "http/task.h"

namespace corelane::http {

// Reads the body of a request part by part. The request outlives it; one coroutine uses it.
class MultipartReader {
 public:
  explicit MultipartReader(const Request& request,
                           const MultipartLimits& limits = MultipartLimits());

  // The next part, over what is left of the one before. Null: there is none, or failed(). Valid
  // until the next NextPart().
  Task<const PartHead*> NextPart();
  // A piece of the part, not empty, valid until the next call. Nothing: it ends here, or failed().
  Task<std::optional<std::string_view>> Read();

  bool failed() const { return refusal_.has_value(); }
  // Of one that failed(), once: 400, 413 or 415 with the reason.
  Response Refusal() { return *std::exchange(refusal_, Response(400)); }

 private:
  Task<MultipartStep> Step();
  MultipartStep Fail(int status, std::string_view reason);

  const Request& request_;
  std::optional<MultipartParser> parser_;
  std::string_view input_;
  bool in_part_ = false;
  bool ended_ = false;
  std::optional<Response> refusal_;
};

struct MultipartField {
  PartHead head;
  std::string content;
};

// All parts in memory, in their order. For forms up to ServerOptions::max_content_bytes; the other
// limits are MultipartLimits' own.
struct MultipartForm {
  std::vector<MultipartField> fields;

  // The first of that name; null: there is none.
  const MultipartField* Find(std::string_view name) const;
};

// 415 where the body is of another type, 400 where it is malformed, 413 where it passes a limit.
template <>
struct FromRequest<MultipartForm> {
  static constexpr bool kNeedsContent = true;
  static Extracted<MultipartForm> From(const Request& request);
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MULTIPART_FORM_H_
