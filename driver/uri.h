// DeviceUri: the text that names a device, `scheme:target[,key=value]*`.
//
//   ring:a            ring:a,depth=256,threads=1          tap:corelane0,queues=2
//   pcap:in.pcap,out=sent.pcap                            dpdk:net_tap0,iface=x
//
// The scheme picks the plugin (lower-case letters, digits, '+', '-', '_'; a letter first). The
// target is the plugin's to understand: it may be empty and may hold colons, but no comma. An
// option is a key with a value; a key appears once. A value in single quotes may hold commas, and a
// doubled quote stands for one: dpdk:net_tap0,eal='--vdev=net_tap0,iface=x'.
//
// OptionReader is how a plugin takes typed values out of the options:
//
//   OptionReader options(uri);
//   const uint32_t depth = options.Unsigned("depth", 1024, 1, 65536);
//   const bool threads = options.Bool("threads", false);
//   if (absl::Status status = options.Finish(); !status.ok()) return status;

#ifndef CORELANE_DRIVER_URI_H_
#define CORELANE_DRIVER_URI_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/mac_address.h"
#include "core/time.h"

namespace corelane::driver {

struct DeviceOption {
  std::string key;
  std::string value;

  friend bool operator==(const DeviceOption&, const DeviceOption&) = default;
};

struct DeviceUri {
  std::string scheme;
  std::string target;
  std::vector<DeviceOption> options;

  // Errors name the text, the part that is wrong and what would be right.
  static absl::StatusOr<DeviceUri> Parse(std::string_view text);
  std::string ToString() const;

  friend bool operator==(const DeviceUri&, const DeviceUri&) = default;
};

// Parses `key=value[,key=value]*`; empty text is an empty list. `whole` is what errors quote.
absl::StatusOr<std::vector<DeviceOption>> ParseOptions(std::string_view text,
                                                       std::string_view whole);

// Takes typed options out of a list. The first error is kept and Finish() returns it; the getters
// return the default then. A key that nobody asked for is an error, too, so ask for all keys before
// Finish(). The list must outlive the reader.
class OptionReader {
 public:
  explicit OptionReader(const DeviceUri& uri);
  // `context` is what errors begin with.
  OptionReader(std::string context, const std::vector<DeviceOption>& options);

  // Whether the key was given. Does not count as asking for it.
  bool Has(std::string_view key) const;

  uint64_t Unsigned(std::string_view key, uint64_t standard, uint64_t min, uint64_t max);
  // A decimal number such as 0.01.
  double Number(std::string_view key, double standard, double min, double max);
  // 0, 1, false, true, off, on, no, yes.
  bool Bool(std::string_view key, bool standard);
  std::string String(std::string_view key, std::string_view standard);
  std::optional<MacAddress> Mac(std::string_view key, std::optional<MacAddress> standard);
  // A number with a unit: ns, us, ms or s. Never negative.
  Duration Time(std::string_view key, Duration standard);
  // A number of `unit`s with an optional decimal factor: k, M or G ("100M").
  uint64_t Scaled(std::string_view key, uint64_t standard, uint64_t max, std::string_view unit);

  // Reports an error of the caller's own about a key's value.
  void Refuse(std::string_view key, std::string_view value, std::string_view right);

  absl::Status Finish();

 private:
  const DeviceOption* Take(std::string_view key);

  std::string context_;
  const std::vector<DeviceOption>* options_;
  std::vector<std::string> asked_;
  absl::Status error_;
};

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_URI_H_
