#include "http/client/field_list.h"

#include <algorithm>

#include "http/wire/syntax.h"

namespace corelane::http {

bool FieldList::Add(std::string_view name, std::string_view value) {
  if (!IsToken(name) || !IsFieldValue(value)) return false;
  entries_.emplace_back(name, value);
  return true;
}

bool FieldList::Set(std::string_view name, std::string_view value) {
  if (!IsToken(name) || !IsFieldValue(value)) return false;
  Remove(name);
  return Add(name, value);
}

void FieldList::Remove(std::string_view name) {
  std::erase_if(entries_, [&](const Entry& entry) { return EqualsIgnoreCase(entry.first, name); });
}

std::optional<std::string_view> FieldList::Find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (EqualsIgnoreCase(entry.first, name)) return entry.second;
  }
  return std::nullopt;
}

void OwnedFields::Assign(const Fields& fields) {
  Clear();
  slots_.reserve(fields.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    FieldSlot slot{};
    slot.name_offset = static_cast<uint32_t>(bytes_.size());
    slot.name_size = static_cast<uint16_t>(fields.name(i).size());
    bytes_ += fields.name(i);
    slot.value_offset = static_cast<uint32_t>(bytes_.size());
    slot.value_size = static_cast<uint32_t>(fields.value(i).size());
    bytes_ += fields.value(i);
    slot.id = fields.id(i);
    slots_.push_back(slot);
  }
}

void OwnedFields::Remove(std::string_view name) {
  std::erase_if(slots_, [&](const FieldSlot& slot) {
    return EqualsIgnoreCase({bytes_.data() + slot.name_offset, slot.name_size}, name);
  });
}

void OwnedFields::Clear() {
  bytes_.clear();
  slots_.clear();
}

}  // namespace corelane::http
