#include "http/multipart/form.h"

#include <algorithm>
#include <utility>

namespace corelane::http {
namespace {

constexpr std::string_view kOtherType =
    "content-type: expected multipart/form-data with a boundary\n";

Response Refuse(int status, std::string_view reason) {
  return Response::Text(std::string(reason) + "\n", status);
}

}  // namespace

MultipartReader::MultipartReader(const Request& request, const MultipartLimits& limits)
    : request_(request) {
  const std::optional<std::string> boundary =
      ParseMultipartBoundary(request.Header("content-type").value_or(""));
  if (boundary) {
    parser_.emplace(*boundary, limits);
  } else {
    refusal_ = Response::Static("text/plain", kOtherType, 415);
  }
}

MultipartStep MultipartReader::Fail(int status, std::string_view reason) {
  refusal_ = Refuse(status, reason);
  return {MultipartEvent::kError, {}};
}

// Not kNeedMore.
Task<MultipartStep> MultipartReader::Step() {
  for (;;) {
    const MultipartStep step = parser_->Next(input_);
    if (step.event == MultipartEvent::kError) {
      co_return Fail(StatusFor(parser_->error()), Reason(parser_->error()));
    }
    if (step.event != MultipartEvent::kNeedMore) co_return step;
    const BodyChunk chunk = co_await request_.ReadBody();
    if (request_.body_over_limit()) co_return Fail(413, "the body is too long");
    if (chunk.failed()) {
      const MultipartStep failed = Fail(400, "the body broke off");
      refusal_->CloseConnection();
      co_return failed;
    }
    if (chunk.end()) {
      const MultipartError error = parser_->Finish();
      co_return Fail(StatusFor(error), Reason(error));
    }
    input_ = chunk.data;
  }
}

Task<const PartHead*> MultipartReader::NextPart() {
  while (!failed() && !ended_) {
    const MultipartStep step = co_await Step();
    in_part_ = step.event == MultipartEvent::kPart;
    ended_ = step.event == MultipartEvent::kEnd;
    if (in_part_) co_return &parser_->head();
  }
  co_return nullptr;
}

Task<std::optional<std::string_view>> MultipartReader::Read() {
  if (failed() || !in_part_) co_return std::nullopt;
  const MultipartStep step = co_await Step();
  if (step.event == MultipartEvent::kData) co_return step.data;
  in_part_ = false;
  co_return std::nullopt;
}

const MultipartField* MultipartForm::Find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.head.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

Extracted<MultipartForm> FromRequest<MultipartForm>::From(const Request& request) {
  const std::optional<std::string> boundary =
      ParseMultipartBoundary(request.Header("content-type").value_or(""));
  if (!boundary) return Response::Static("text/plain", kOtherType, 415);
  MultipartLimits limits;
  limits.part_bytes = limits.total_bytes = UINT64_MAX;  // It is in memory already.
  MultipartParser parser(*boundary, limits);
  MultipartForm form;
  std::string_view input = request.content();
  for (;;) {
    const MultipartStep step = parser.Next(input);
    switch (step.event) {
      case MultipartEvent::kPart:
        form.fields.push_back({parser.head(), ""});
        break;
      case MultipartEvent::kData:
        form.fields.back().content += step.data;
        break;
      case MultipartEvent::kPartEnd:
        break;
      case MultipartEvent::kEnd:
        return form;
      case MultipartEvent::kNeedMore:
        parser.Finish();
        [[fallthrough]];
      case MultipartEvent::kError:
        return Refuse(StatusFor(parser.error()), Reason(parser.error()));
    }
  }
}

}  // namespace corelane::http
