// Names of services and their ports, as /etc/services has them: a table of the usual ones.

#ifndef CORELANE_RUNTIME_RESOLVER_SERVICES_H_
#define CORELANE_RUNTIME_RESOLVER_SERVICES_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace corelane::dns {

// "https" or "443"; empty: 0. Null: neither a port nor a name of the table.
std::optional<uint16_t> FindService(std::string_view service);
// "443" alone.
std::optional<uint16_t> ParsePort(std::string_view text);

}  // namespace corelane::dns

#endif  // CORELANE_RUNTIME_RESOLVER_SERVICES_H_
