#include "http/h2/field_block.h"

#include <limits>

#include "http/wire/syntax.h"

namespace corelane::h2 {
namespace {

constexpr size_t kFieldOverhead = 32;  // RFC 9113 §6.5.2.

}  // namespace

void FieldBlock::Clear() {
  text_.Clear();
  slots_.clear();
  pseudo_ = {};
  list_size_ = 0;
  cookies_ = 0;
}

bool FieldBlock::Add(std::string_view name, std::string_view value, size_t max_size) {
  list_size_ += name.size() + value.size() + kFieldOverhead;
  if (list_size_ > max_size || name.size() > std::numeric_limits<uint16_t>::max()) return false;
  if (name.starts_with(':')) {
    AddPseudo(name, value);
    return true;
  }
  const auto name_at = static_cast<uint32_t>(text_.size());
  text_.Append(name);
  text_.Append(value);
  slots_.push_back({name_at, static_cast<uint32_t>(name_at + name.size()),
                    static_cast<uint32_t>(value.size()), static_cast<uint16_t>(name.size()),
                    http::IdentifyField(name)});
  if (name == "cookie") ++cookies_;
  return true;
}

void FieldBlock::AddPseudo(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, kPseudoCount> kNames = {
      ":method", ":scheme", ":authority", ":path", ":protocol", ":status"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] != name) continue;
    pseudo_[i] = {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(value.size())};
    text_.Append(value);
    return;
  }
}

// RFC 9113 §8.2.3: to what is not HTTP/2, cookies are one field, joined with "; ".
void FieldBlock::Finish() {
  if (cookies_ < 2) return;
  size_t joined_size = 2 * (cookies_ - 1);
  for (const http::Field field : fields()) {
    if (field.name == "cookie") joined_size += field.value.size();
  }
  text_.Prepare(joined_size);  // From here on, nothing moves.
  const auto joined_at = static_cast<uint32_t>(text_.size());
  size_t kept = 0;
  http::FieldSlot* cookie = nullptr;
  for (const http::FieldSlot& slot : slots_) {
    const std::string_view name(text_.data() + slot.name_offset, slot.name_size);
    if (name == "cookie") {
      const std::string_view value(text_.data() + slot.value_offset, slot.value_size);
      if (cookie != nullptr) text_.Append("; ");
      text_.Append(value);
      if (cookie != nullptr) continue;
      cookie = &slots_[kept];
    }
    slots_[kept++] = slot;
  }
  slots_.resize(kept);
  cookie->value_offset = joined_at;
  cookie->value_size = static_cast<uint32_t>(joined_size);
  cookies_ = 1;
}

ResponseHead FieldBlock::response() const {
  const auto status = http::ParseDecimal(pseudo(kStatus));
  return {static_cast<int>(status.value_or(0)), fields()};
}

bool FieldBlock::ReadRequest(RequestHead& head) const {
  head = {pseudo(kMethod), pseudo(kScheme),   pseudo(kAuthority),
          pseudo(kPath),   pseudo(kProtocol), fields()};
  if (!http::IsToken(head.method)) return false;
  // No userinfo; and Host, when it comes besides, says the same.
  if (!http::IsHostAndPort(head.authority)) return false;
  const char* at = http::SkipTargetChars(head.path.data(), head.path.data() + head.path.size());
  if (at != head.path.data() + head.path.size()) return false;
  const auto host = head.fields.Find("host");
  if (!host.has_value()) return true;
  return http::IsHostAndPort(*host) &&
         (head.authority.empty() || http::EqualsIgnoreCase(*host, head.authority));
}

}  // namespace corelane::h2
