// Fields that are owned: those of a request as it is built, and those of a response as it was
// received.

#ifndef CORELANE_HTTP_CLIENT_FIELD_LIST_H_
#define CORELANE_HTTP_CLIENT_FIELD_LIST_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/wire/fields.h"

namespace corelane::http {

// In order, names compared without case. What could break out of its line is refused.
class FieldList {
 public:
  using Entry = std::pair<std::string, std::string>;

  // False, with nothing changed, unless the name is a token and the value a field value (RFC 9110
  // §5.5): no CR, LF, NUL or other control, no blanks around it.
  bool Add(std::string_view name, std::string_view value);
  // Replaces all of that name.
  bool Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name);

  std::optional<std::string_view> Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::vector<Entry> entries_;
};

// A copy of what a message's Fields show.
class OwnedFields {
 public:
  void Assign(const Fields& fields);
  void Remove(std::string_view name);
  void Clear();
  Fields view() const { return {bytes_.data(), slots_}; }

 private:
  std::string bytes_;
  std::vector<FieldSlot> slots_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_FIELD_LIST_H_
