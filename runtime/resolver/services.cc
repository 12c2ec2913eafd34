#include "runtime/resolver/services.h"

#include <charconv>

namespace corelane::dns {
namespace {

struct Service {
  std::string_view name;
  uint16_t port;
};

// Of the IANA registry of service names (RFC 6335).
constexpr Service kServices[] = {
    {"echo", 7},        {"discard", 9},        {"daytime", 13},      {"ftp-data", 20},
    {"ftp", 21},        {"ssh", 22},           {"telnet", 23},       {"smtp", 25},
    {"time", 37},       {"domain", 53},        {"tftp", 69},         {"http", 80},
    {"kerberos", 88},   {"pop3", 110},         {"sunrpc", 111},      {"ntp", 123},
    {"imap", 143},      {"imap2", 143},        {"snmp", 161},        {"snmp-trap", 162},
    {"bgp", 179},       {"ldap", 389},         {"https", 443},       {"submissions", 465},
    {"syslog", 514},    {"submission", 587},   {"ldaps", 636},       {"domain-s", 853},
    {"ftps", 990},      {"imaps", 993},        {"pop3s", 995},       {"socks", 1080},
    {"mqtt", 1883},     {"nfs", 2049},         {"mysql", 3306},      {"sip", 5060},
    {"sips", 5061},     {"xmpp-client", 5222}, {"postgresql", 5432}, {"amqp", 5672},
    {"http-alt", 8080}, {"secure-mqtt", 8883},
};

}  // namespace

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return port;
}

std::optional<uint16_t> FindService(std::string_view service) {
  if (service.empty()) return uint16_t{0};
  if (const auto port = ParsePort(service)) return port;
  for (const Service& s : kServices) {
    if (s.name == service) return s.port;
  }
  return std::nullopt;
}

}  // namespace corelane::dns
