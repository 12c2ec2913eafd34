#include "http/wire/fields.h"

namespace corelane::http {

FieldId IdentifyField(std::string_view name) {
  const auto is = [name](std::string_view known) { return EqualsIgnoreCase(name, known); };
  switch (name.size()) {
    case 2:
      return is("te") ? FieldId::kTe : FieldId::kOther;
    case 4:
      if (is("host")) return FieldId::kHost;
      return is("date") ? FieldId::kDate : FieldId::kOther;
    case 6:
      return is("expect") ? FieldId::kExpect : FieldId::kOther;
    case 7:
      if (is("upgrade")) return FieldId::kUpgrade;
      return is("trailer") ? FieldId::kTrailer : FieldId::kOther;
    case 10:
      return is("connection") ? FieldId::kConnection : FieldId::kOther;
    case 14:
      return is("content-length") ? FieldId::kContentLength : FieldId::kOther;
    case 17:
      return is("transfer-encoding") ? FieldId::kTransferEncoding : FieldId::kOther;
    default:
      return FieldId::kOther;
  }
}

}  // namespace corelane::http
