// How gRPC writes what HTTP fields cannot hold: percent-encoding of grpc-message, Base64 of binary
// metadata (PROTOCOL-HTTP2.md).

#ifndef CORELANE_GRPC_WIRE_ENCODING_H_
#define CORELANE_GRPC_WIRE_ENCODING_H_

#include <optional>
#include <string>
#include <string_view>

namespace corelane::grpc {

// Everything but printable ASCII, and "%", becomes an escape.
std::string PercentEncode(std::string_view text);
// What is no escape stays as it is.
std::string PercentDecode(std::string_view text);

// Without padding.
std::string Base64Encode(std::string_view bytes);
// With padding or without. nullopt: a character that has no place there, or a length that none has.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_WIRE_ENCODING_H_
