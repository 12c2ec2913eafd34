#include "http/json/json.h"

// The one translation unit with Boost.JSON's definitions.
#include <boost/json/src.hpp>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

namespace json = boost::json;

bool IsJsonType(std::string_view type) {
  const std::string_view media = TrimBlanks(type.substr(0, type.find(';')));
  constexpr std::string_view kSuffix = "+json";
  return EqualsIgnoreCase(media, "application/json") ||
         (media.size() > kSuffix.size() &&
          EqualsIgnoreCase(media.substr(media.size() - kSuffix.size()), kSuffix));
}

}  // namespace

Extracted<json::value> internal::ParseJson(const Request& request) {
  if (!IsJsonType(request.Header("content-type").value_or(""))) {
    return Response::Text("content-type: expected application/json\n", 415);
  }
  json::parse_options options;
  options.max_depth = 32;
  json::stream_parser parser({}, options);
  json::error_code error;
  const std::string_view text = request.content();
  const size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  if (!error && consumed < text.size()) error = json::error::extra_data;
  if (error) {
    return Response::Text(
        "the body is no JSON at byte " + std::to_string(consumed) + ": " + error.message() + "\n",
        400);
  }
  return parser.release();
}

Response internal::RefuseJson(const json::error_code& error, const std::string& mismatch) {
  const std::string& why = mismatch.empty() ? error.message() : mismatch;
  return Response::Text("the body's JSON is not what is expected here: " + why + "\n", 400);
}

std::string internal::DescribeMismatch(std::string_view path, std::string_view expected,
                                       const json::value& value) {
  constexpr size_t kShown = 60;
  std::string is = json::serialize(value);
  if (is.size() > kShown) is = is.substr(0, kShown) + "...";
  return (path.empty() ? "" : std::string(path) + ": ") + "expected " + std::string(expected) +
         ", but it is " + is;
}

}  // namespace corelane::http
