// Metadata: the names and values that travel beside a call's messages (PROTOCOL-HTTP2.md,
// Custom-Metadata).
//
//   metadata.Add("x-request-id", "7");
//   metadata.Add("x-trace-bin", bytes);      // names that end in -bin hold any bytes
//
// In order; a name may come several times. Names are lower case.

#ifndef CORELANE_GRPC_WIRE_METADATA_H_
#define CORELANE_GRPC_WIRE_METADATA_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grpc/wire/encoding.h"
#include "grpc/wire/status.h"
#include "http/wire/fields.h"

namespace corelane::grpc {

class Metadata {
 public:
  using Entry = std::pair<std::string, std::string>;
  using value_type = Entry;
  using const_iterator = std::vector<Entry>::const_iterator;

  // A name of other characters than 0-9 a-z _ - . or one that belongs to the protocol (":...",
  // "grpc-...", "content-type", "te" and those of connections), and text with controls, non-ASCII
  // or blanks around it, cannot be sent: it is not added, and the call ends as status() says.
  void Add(std::string_view name, std::string_view value);
  // All of that name.
  void Remove(std::string_view name);
  void Clear();
  // The first thing that could not be added: INTERNAL, with what and why.
  const Status& status() const { return status_; }

  // The first of that name; nullopt: there is none. Valid until the next change.
  std::optional<std::string_view> Get(std::string_view name) const;
  std::vector<std::string_view> GetAll(std::string_view name) const;

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

  // In place of what there is: what `fields` hold beside the protocol's own. INTERNAL: the value of
  // a -bin name is no Base64.
  Status Parse(const http::Fields& fields);
  // Calls visit(name, value) for each, as HTTP sends them.
  template <class Visit>
  void ForEachLine(Visit&& visit) const {
    for (const auto& [name, value] : entries_) {
      if (IsBinary(name)) {
        visit(std::string_view(name), std::string_view(Base64Encode(value)));
      } else {
        visit(std::string_view(name), std::string_view(value));
      }
    }
  }

  static bool IsBinary(std::string_view name) { return name.ends_with("-bin"); }

 private:
  std::vector<Entry> entries_;
  Status status_;
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_WIRE_METADATA_H_
