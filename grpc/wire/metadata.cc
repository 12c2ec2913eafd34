#include "grpc/wire/metadata.h"

#include <algorithm>
#include <array>

#include "http/wire/syntax.h"

namespace corelane::grpc {
namespace {

// Of HTTP and its connections, and what gRPC itself uses there.
constexpr std::array<std::string_view, 16> kReserved = {"accept-encoding",
                                                        "connection",
                                                        "content-encoding",
                                                        "content-length",
                                                        "content-type",
                                                        "date",
                                                        "expect",
                                                        "host",
                                                        "keep-alive",
                                                        "proxy-connection",
                                                        "te",
                                                        "trailer",
                                                        "trailers",
                                                        "transfer-encoding",
                                                        "upgrade",
                                                        "user-agent"};

bool IsReserved(std::string_view name) {
  return name.starts_with("grpc-") || name.starts_with(":") ||
         std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

// What servers are shown although clients cannot set it.
bool IsShown(std::string_view name) { return name == "user-agent" || !IsReserved(name); }

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

bool IsText(std::string_view value) {
  if (value.starts_with(' ') || value.ends_with(' ')) return false;
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// Empty: it can be sent.
std::string_view Problem(std::string_view name, std::string_view value) {
  if (!IsName(name)) return "a name is of 0-9 a-z _ - .";
  if (IsReserved(name)) return "the protocol uses this name itself";
  if (Metadata::IsBinary(name) || IsText(value)) return {};
  return "a value is of printable ASCII without blanks around it; names that end in -bin take any "
         "bytes";
}

}  // namespace

void Metadata::Add(std::string_view name, std::string_view value) {
  const std::string_view problem = Problem(name, value);
  if (problem.empty()) {
    entries_.emplace_back(name, value);
  } else if (status_.ok()) {
    status_ = Status(StatusCode::kInternal,
                     "metadata '" + std::string(name) + "': " + std::string(problem));
  }
}

void Metadata::Clear() {
  entries_.clear();
  status_ = Status();
}

void Metadata::Remove(std::string_view name) {
  std::erase_if(entries_, [name](const Entry& entry) { return entry.first == name; });
}

std::optional<std::string_view> Metadata::Get(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.first == name) return entry.second;
  }
  return std::nullopt;
}

std::vector<std::string_view> Metadata::GetAll(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Entry& entry : entries_) {
    if (entry.first == name) values.push_back(entry.second);
  }
  return values;
}

Status Metadata::Parse(const http::Fields& fields) {
  entries_.clear();
  for (const http::Field field : fields) {
    if (!IsShown(field.name)) continue;
    if (!IsBinary(field.name)) {
      entries_.emplace_back(field.name, field.value);
      continue;
    }
    // Several values may have become one.
    bool good = true;
    http::ForEachListElement(field.value, [&](std::string_view element) {
      std::optional<std::string> bytes = Base64Decode(element);
      good &= bytes.has_value();
      if (good) entries_.emplace_back(field.name, *std::move(bytes));
    });
    if (!good) {
      return Status(StatusCode::kInternal,
                    "metadata '" + std::string(field.name) + "': the value is no Base64");
    }
    if (field.value.empty()) entries_.emplace_back(field.name, std::string());
  }
  return Status();
}

}  // namespace corelane::grpc
