// Conditional requests (RFC 9110 §13): entity tags, and what to do with a request that has
// preconditions.
//
//   const Validators now{.etag = "\"v7\"", .last_modified = 784111777};
//   switch (EvaluatePreconditions(request.method(), request.fields(), now)) {
//     case Precondition::kFailed: return Response(412);
//     ...
//
// A method that changes something must be asked about before it does.

#ifndef CORELANE_HTTP_SEMANTICS_PRECONDITIONS_H_
#define CORELANE_HTTP_SEMANTICS_PRECONDITIONS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/wire/fields.h"
#include "http/wire/method.h"

namespace corelane::http {

// [ "W/" ] opaque-tag (RFC 9110 §8.8.3). The opaque tag has its quotes.
struct EntityTag {
  bool weak = false;
  std::string_view opaque;
};

// The tag at the front of `text`, which is left behind it. Nothing: there is none.
std::optional<EntityTag> TakeEntityTag(std::string_view& text);
// All of `text` as one tag.
std::optional<EntityTag> ParseEntityTag(std::string_view text);
// RFC 9110 §8.8.3.2.
bool WeaklyEqual(EntityTag a, EntityTag b);
bool StronglyEqual(EntityTag a, EntityTag b);

// Of the representation that is there now, or that there is none.
struct Validators {
  bool exists = true;
  std::string_view etag;  // As in its field; empty: it has none.
  std::optional<int64_t> last_modified;
};

enum class Precondition : uint8_t {
  kProceed,
  kNotModified,  // 304
  kFailed,       // 412
};

// The order of RFC 9110 §13.2.2, without If-Range. Of fields that are malformed, If-Match fails and
// the others are ignored.
Precondition EvaluatePreconditions(Method method, const Fields& fields, const Validators& now);

// RFC 9110 §13.1.5: whether Range is to be obeyed as to If-Range. Only a strong tag is taken as
// one: whether a date is strong, nobody without a clock can say.
bool IfRangeAllows(const Fields& fields, const Validators& now);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SEMANTICS_PRECONDITIONS_H_
