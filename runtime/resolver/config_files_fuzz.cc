// Any text as resolv.conf and as hosts: limits hold.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "runtime/resolver/config_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::dns;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ResolvConf conf = ResolvConf::Parse(text);
  CL_CHECK(conf.servers.size() <= ResolvConf::kMaxServers);
  CL_CHECK(conf.search.size() <= ResolvConf::kMaxSearch);
  CL_CHECK(conf.ndots <= ResolvConf::kMaxNdots);
  CL_CHECK(conf.attempts >= 1 && conf.attempts <= ResolvConf::kMaxAttempts);
  CL_CHECK(conf.timeout >= std::chrono::seconds(1) && conf.timeout <= ResolvConf::kMaxTimeout);
  CL_CHECK(conf.bad.messages().size() <= BadLines::kKept);
  const HostsFile hosts = HostsFile::Parse(text);
  CL_CHECK(hosts.size() <= size);
  CL_CHECK(hosts.bad().messages().size() <= BadLines::kKept);
  return 0;
}
