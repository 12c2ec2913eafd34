#include "http/semantics/preconditions.h"

#include "http/semantics/http_date.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

enum class Match : uint8_t { kAbsent, kNo, kYes, kMalformed };

// Of all fields of that name, as of one list (RFC 9110 §5.3).
Match MatchTags(const Fields& fields, std::string_view name, const Validators& now,
                bool (*equal)(EntityTag, EntityTag)) {
  Match match = Match::kAbsent;
  const std::optional<EntityTag> own = ParseEntityTag(now.etag);
  for (const Field field : fields) {
    if (!EqualsIgnoreCase(field.name, name)) continue;
    if (match == Match::kAbsent) match = Match::kNo;
    std::string_view rest = TrimBlanks(field.value);
    if (rest == "*") {
      if (now.exists) match = Match::kYes;
      continue;
    }
    while (!rest.empty()) {
      if (rest.front() == ',' || rest.front() == ' ' || rest.front() == '\t') {
        rest.remove_prefix(1);
        continue;
      }
      const std::optional<EntityTag> tag = TakeEntityTag(rest);
      if (!tag ||
          !(rest.empty() || rest.front() == ',' || rest.front() == ' ' || rest.front() == '\t')) {
        return Match::kMalformed;
      }
      if (now.exists && own && equal(*own, *tag)) match = Match::kYes;
    }
  }
  return match;
}

std::optional<int64_t> DateOf(const Fields& fields, std::string_view name) {
  const std::optional<std::string_view> value = fields.Find(name);
  return value ? ParseHttpDate(*value) : std::nullopt;
}

}  // namespace

std::optional<EntityTag> TakeEntityTag(std::string_view& text) {
  std::string_view rest = text;
  EntityTag tag;
  if (rest.starts_with("W/")) {
    tag.weak = true;
    rest.remove_prefix(2);
  }
  if (rest.empty() || rest.front() != '"') return std::nullopt;
  size_t end = 1;
  // etagc: %x21 / %x23-7E / obs-text
  while (end < rest.size() && rest[end] != '"') {
    const auto c = static_cast<unsigned char>(rest[end]);
    if (c <= 0x20 || c == 0x7f) return std::nullopt;
    ++end;
  }
  if (end == rest.size()) return std::nullopt;
  tag.opaque = rest.substr(0, end + 1);
  text = rest.substr(end + 1);
  return tag;
}

std::optional<EntityTag> ParseEntityTag(std::string_view text) {
  const std::optional<EntityTag> tag = TakeEntityTag(text);
  return text.empty() ? tag : std::nullopt;
}

bool WeaklyEqual(EntityTag a, EntityTag b) { return a.opaque == b.opaque; }
bool StronglyEqual(EntityTag a, EntityTag b) { return !a.weak && !b.weak && a.opaque == b.opaque; }

Precondition EvaluatePreconditions(Method method, const Fields& fields, const Validators& now) {
  const bool reads = method == Method::kGet || method == Method::kHead;
  // Steps 1 and 2: what the client believes to change must be there.
  const Match if_match = MatchTags(fields, "if-match", now, StronglyEqual);
  if (if_match == Match::kNo || if_match == Match::kMalformed) return Precondition::kFailed;
  if (if_match == Match::kAbsent && now.last_modified.has_value()) {
    const std::optional<int64_t> date = DateOf(fields, "if-unmodified-since");
    if (date && *now.last_modified > *date) return Precondition::kFailed;
  }
  // Steps 3 and 4: what the client has need not be sent again.
  const Match if_none_match = MatchTags(fields, "if-none-match", now, WeaklyEqual);
  if (if_none_match == Match::kYes) {
    return reads ? Precondition::kNotModified : Precondition::kFailed;
  }
  // §13.1.3: If-Modified-Since is ignored beside If-None-Match.
  if (if_none_match == Match::kAbsent && reads && now.last_modified.has_value()) {
    const std::optional<int64_t> date = DateOf(fields, "if-modified-since");
    if (date && *now.last_modified <= *date) return Precondition::kNotModified;
  }
  return Precondition::kProceed;
}

bool IfRangeAllows(const Fields& fields, const Validators& now) {
  const std::optional<std::string_view> value = fields.Find("if-range");
  if (!value) return true;
  const std::optional<EntityTag> own = ParseEntityTag(now.etag);
  const std::optional<EntityTag> tag = ParseEntityTag(*value);
  return own && tag && StronglyEqual(*own, *tag);
}

}  // namespace corelane::http
