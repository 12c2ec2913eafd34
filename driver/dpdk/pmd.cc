#include "driver/dpdk/pmd.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

std::vector<Pmd>& Pmds() {
  static auto* const pmds = new std::vector<Pmd>;
  return *pmds;
}

constexpr Pmd kFallback;

// "15b3:1017" of the kernel's files; zeros where there are none.
PciId ReadPciId(std::string_view address, const std::string& sys) {
  const bool is_short = std::count(address.begin(), address.end(), ':') == 1;
  const std::string folder = Cat(sys, "/bus/pci/devices/", is_short ? "0000:" : "", address, "/");
  const auto read = [&](std::string_view name) {
    std::ifstream file(Cat(folder, name));
    uint16_t id = 0;
    file >> std::hex >> id;
    return id;
  };
  return {.vendor = read("vendor"), .device = read("device")};
}

const Pmd& FindIf(auto matches) {
  const auto found = std::find_if(Pmds().begin(), Pmds().end(), matches);
  return found != Pmds().end() ? *found : kFallback;
}

}  // namespace

Bus BusOf(std::string_view name) {
  constexpr size_t kGuid = 36;
  if (name.size() == kGuid && std::count(name.begin(), name.end(), '-') == 4) return Bus::kVmbus;
  // No name of a virtual device holds a colon or a dot, and all have a class: "net_".
  const bool is_vdev = name.find_first_of(":.") == name.npos && name.find('_') != name.npos;
  return is_vdev ? Bus::kVdev : Bus::kPci;
}

RegisterPmd::RegisterPmd(const Pmd& pmd) { Pmds().push_back(pmd); }

const Pmd& FindPmd(std::string_view name, const std::string& sys) {
  const Bus bus = BusOf(name);
  if (bus == Bus::kPci) {
    const PciId id = ReadPciId(name, sys);
    return FindIf([&](const Pmd& pmd) {
      return std::find(pmd.pci.begin(), pmd.pci.end(), id) != pmd.pci.end();
    });
  }
  // "net_ring0" is one of net_ring's; "net_ringlike" is not.
  const size_t end = name.find_last_not_of("0123456789");
  const std::string_view driver =
      bus == Bus::kVmbus ? "net_netvsc" : name.substr(0, end == name.npos ? 0 : end + 1);
  return FindIf([&](const Pmd& pmd) { return pmd.driver == driver; });
}

std::vector<std::string> PmdUsages() {
  std::vector<std::string> out;
  for (const Pmd& pmd : Pmds()) out.emplace_back(pmd.usage);
  std::sort(out.begin(), out.end());
  return out;
}

std::string ToDevargs(const std::vector<DeviceOption>& options) {
  std::vector<std::string> parts;
  for (const DeviceOption& option : options) {
    parts.push_back(option.value.empty() ? option.key : Cat(option.key, "=", option.value));
  }
  return Join(parts, ",");
}

bool HasOption(const std::vector<DeviceOption>& options, std::string_view key) {
  return std::any_of(options.begin(), options.end(),
                     [&](const DeviceOption& option) { return option.key == key; });
}

void AddOption(std::vector<DeviceOption>& options, std::string_view key, std::string_view value) {
  if (!HasOption(options, key)) options.push_back({std::string(key), std::string(value)});
}

}  // namespace corelane::driver::dpdk
