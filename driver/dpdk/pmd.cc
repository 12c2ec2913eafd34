#include "driver/dpdk/pmd.h"

#include <algorithm>

#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

std::vector<Pmd>& Pmds() {
  static auto* const pmds = new std::vector<Pmd>;
  return *pmds;
}

constexpr Pmd kFallback;

}  // namespace

RegisterPmd::RegisterPmd(const Pmd& pmd) { Pmds().push_back(pmd); }

const Pmd& FindPmd(std::string_view name) {
  // "net_ring0" is one of net_ring's; "net_ringlike" is not.
  const size_t end = name.find_last_not_of("0123456789");
  const std::string_view driver = name.substr(0, end == name.npos ? 0 : end + 1);
  const auto found = std::find_if(Pmds().begin(), Pmds().end(),
                                  [&](const Pmd& pmd) { return pmd.driver == driver; });
  return found != Pmds().end() ? *found : kFallback;
}

std::vector<std::string> PmdUsages() {
  std::vector<std::string> out;
  for (const Pmd& pmd : Pmds()) out.emplace_back(pmd.usage);
  std::sort(out.begin(), out.end());
  return out;
}

std::string ToDevargs(const std::vector<DeviceOption>& options) {
  std::vector<std::string> parts;
  for (const DeviceOption& option : options) parts.push_back(Cat(option.key, "=", option.value));
  return Join(parts, ",");
}

void AddOption(std::vector<DeviceOption>& options, std::string_view key, std::string_view value) {
  const bool there = std::any_of(options.begin(), options.end(),
                                 [&](const DeviceOption& option) { return option.key == key; });
  if (!there) options.push_back({std::string(key), std::string(value)});
}

}  // namespace corelane::driver::dpdk
