// JSON in and out of handlers, with Boost.JSON.
//
//   struct Person { std::string name; unsigned age; };
//   BOOST_DESCRIBE_STRUCT(Person, (), (name, age))
//
//   router.Post("/people", [](Json<Person> person) {
//     return JsonResponse(Stored(*person), 201);
//   });
//
// T is what boost::json::value_to<T>() knows: described structs, containers, numbers, strings,
// std::optional, types with a tag_invoke, boost::json::value itself.

#ifndef CORELANE_HTTP_JSON_JSON_H_
#define CORELANE_HTTP_JSON_JSON_H_

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "http/extract.h"
#include "http/json/mismatch.h"
#include "http/message.h"

namespace corelane::http {

// The body as a T.
template <class T>
struct Json : ExtractedValue<T> {};

namespace internal {

// The body's JSON. 415 where the content type says that it is something else (RFC 8259, and
// RFC 6839 for +json), 400 where it is none, and where; nesting is at most 32 deep.
Extracted<boost::json::value> ParseJson(const Request& request);
// 400: it is JSON, but not what was asked for; `mismatch` says where, or is empty.
Response RefuseJson(const boost::json::error_code& error, const std::string& mismatch);

}  // namespace internal

template <class T>
struct FromRequest<Json<T>> {
  static constexpr bool kNeedsContent = true;
  static Extracted<Json<T>> From(const Request& request) {
    Extracted<boost::json::value> parsed = internal::ParseJson(request);
    if (!parsed.ok()) return std::move(parsed.refusal());
    if constexpr (std::is_same_v<T, boost::json::value>) {
      return Json<T>{{std::move(parsed.value())}};
    } else {
      auto converted = boost::json::try_value_to<T>(parsed.value());
      if (converted.has_error()) {
        return internal::RefuseJson(converted.error(),
                                    internal::FindMismatch<T>(parsed.value(), ""));
      }
      return Json<T>{{std::move(*converted)}};
    }
  }
};

// What boost::json::value_from() makes of `value`.
template <class T>
Response JsonResponse(const T& value, int status = 200) {
  return Response::Json(boost::json::serialize(boost::json::value_from(value)), status);
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_JSON_JSON_H_
