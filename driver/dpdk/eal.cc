#include "driver/dpdk/eal.h"

#include <rte_build_config.h>
#include <rte_bus.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_version.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

enum class Stage : uint8_t { kNever, kRunning, kEnded };
std::atomic<Stage> stage{Stage::kNever};

constexpr unsigned kMegabytesWithoutHugepages = 512;

// What a few ports need: with less of them, ordinary memory serves better.
constexpr uint64_t kEnoughHugepages = uint64_t{256} << 20;

constexpr std::string_view kPageSize = "hugepages-";  // and "2048kB"

// Bytes in free pages, by their size.
std::map<uint64_t, uint64_t> FreePages(const std::string& folder) {
  std::map<uint64_t, uint64_t> out;
  std::error_code ec;
  for (const auto& size : std::filesystem::directory_iterator(folder, ec)) {
    std::ifstream file(size.path() / "free_hugepages");
    const std::string name = size.path().filename();
    uint64_t pages = 0;
    if (!name.starts_with(kPageSize) || !(file >> pages)) continue;
    const uint64_t bytes = std::strtoull(name.c_str() + kPageSize.size(), nullptr, 10) * 1024;
    out[bytes] = pages * bytes;
  }
  return out;
}

// Of a mount's options, "rw,pagesize=2M"; 0: there is none.
uint64_t PageSizeOf(std::string_view options) {
  constexpr std::string_view kKey = "pagesize=";
  for (const std::string_view option : Split(options, ',')) {
    if (!option.starts_with(kKey)) continue;
    uint64_t size = 0;
    const std::string_view value = option.substr(kKey.size());
    const char* const end = value.data() + value.size();
    const char* const unit = std::from_chars(value.data(), end, size).ptr;
    const size_t factor = unit == end ? 0 : std::string_view("KMG").find(*unit) + 1;
    return size << 10 * factor;
  }
  return 0;
}

// No device has this address, which still says that all others of the bus are to be left alone: a
// NIC can be allowed later than that, but --no-pci is for ever.
constexpr std::string_view kNoPciDevice = "ffff:ff:1f.7";

// Whether DPDK will know of the bus; without it there is nothing to keep away from.
bool HasPciBus() {
  if (rte_bus_find_by_name("pci") != nullptr) return true;
  std::error_code ec;
  for (const auto& file : std::filesystem::directory_iterator(RTE_EAL_PMD_PATH, ec)) {
    if (file.path().filename().string().starts_with("librte_bus_pci.so")) return true;
  }
  return false;
}

// "0,1": every CPU that this thread may run on.
std::string AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return "0";
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return Join(cpus, ",");
}

absl::Status BadSetting(std::string_view name, std::string_view value, std::string_view right) {
  return absl::InvalidArgumentError(Cat("EAL: ", name, ": value '", value, "': expected ", right));
}

// "0-3,8", or DPDK's lists with '(' and '@', which it checks itself.
bool IsLcoreList(std::string_view list) {
  if (list.find_first_of("(@") != list.npos) {
    return list.find_first_not_of("0123456789,-@()") == list.npos;
  }
  for (const std::string_view part : Split(list, ',')) {
    const std::vector<std::string_view> ends = Split(part, '-');
    if (ends.size() > 2) return false;
    for (const std::string_view end : ends) {
      if (end.empty() || end.size() > 4 || end.find_first_not_of("0123456789") != end.npos)
        return false;
    }
  }
  return true;
}

bool Names(const std::vector<std::string>& arguments, std::string_view shorter,
           std::string_view longer) {
  return std::any_of(arguments.begin(), arguments.end(), [&](std::string_view a) {
    return a == longer || a.starts_with(Cat(longer, "=")) ||
           (!shorter.empty() && a.starts_with(shorter) && !a.starts_with("--"));
  });
}

// What DPDK says while it starts: in its log, and, with `streams`, of arguments that it does not
// know, on stderr; its pages of usage on stdout are nobody's. (glibc lets a program exchange its
// streams.)
class LogCapture {
 public:
  explicit LogCapture(bool streams)
      : file_(open_memstream(&text_, &size_)),
        nowhere_(streams ? std::fopen("/dev/null", "w") : nullptr) {
    if (file_ == nullptr) return;
    rte_openlog_stream(file_);
    if (nowhere_ == nullptr) return;
    std::swap(stderr, file_);
    std::swap(stdout, nowhere_);
    swapped_ = true;
  }
  ~LogCapture() {
    if (swapped_) {
      std::swap(stderr, file_);
      std::swap(stdout, nowhere_);
    }
    if (file_ != nullptr) rte_openlog_stream(nullptr);
    if (file_ != nullptr) std::fclose(file_);
    if (nowhere_ != nullptr) std::fclose(nowhere_);
    std::free(text_);
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // On one line.
  std::string Text() {
    if (file_ == nullptr) return "";
    std::fflush(swapped_ ? stderr : file_);
    std::vector<std::string_view> lines = Split(std::string_view(text_, size_), '\n');
    std::erase(lines, "");
    return Join(lines, "; ");
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  FILE* file_;
  FILE* nowhere_;
  bool swapped_ = false;
};

}  // namespace

uint64_t FreeHugepageBytes() {
  uint64_t bytes = 0;
  for (const auto& [size, free] : FreePages("/sys/kernel/mm/hugepages")) bytes += free;
  return bytes;
}

uint64_t MountedHugepageBytes(const std::string& mounts, const std::string& pages) {
  std::set<uint64_t> sizes;
  std::ifstream file(mounts);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string_view> fields = Split(line, ' ');
    if (fields.size() > 3 && fields[2] == "hugetlbfs" &&
        access(std::string(fields[1]).c_str(), W_OK) == 0) {
      sizes.insert(PageSizeOf(fields[3]));
    }
  }
  uint64_t bytes = 0;
  for (const auto& [size, free] : FreePages(pages)) bytes += sizes.contains(size) ? free : 0;
  return bytes;
}

Eal::Eal(Eal&& other) noexcept : owns_(std::exchange(other.owns_, false)) {}

Eal& Eal::operator=(Eal&& other) noexcept {
  std::swap(owns_, other.owns_);
  return *this;
}

Eal::~Eal() {
  if (!owns_) return;
  rte_eal_cleanup();
  stage = Stage::kEnded;
}

bool Eal::IsRunning() { return stage == Stage::kRunning; }

std::string Eal::Version() { return Cat(RTE_VER_YEAR, ".", RTE_VER_MONTH, ".", RTE_VER_MINOR); }

EalBuilder& EalBuilder::Lcores(std::string_view list) {
  lcores_ = list;
  return *this;
}
EalBuilder& EalBuilder::MainLcore(unsigned lcore) {
  main_lcore_ = lcore;
  return *this;
}
EalBuilder& EalBuilder::MemoryMegabytes(unsigned megabytes) {
  megabytes_ = megabytes;
  return *this;
}
EalBuilder& EalBuilder::InMemory() {
  in_memory_ = true;
  return *this;
}
EalBuilder& EalBuilder::Vdev(std::string_view device) {
  vdevs_.emplace_back(device);
  return *this;
}
EalBuilder& EalBuilder::Allow(std::string_view device) {
  allowed_.emplace_back(device);
  return *this;
}
EalBuilder& EalBuilder::FilePrefix(std::string_view prefix) {
  file_prefix_ = prefix;
  return *this;
}
EalBuilder& EalBuilder::LogLevel(unsigned level) {
  log_level_ = level;
  return *this;
}
EalBuilder& EalBuilder::Raw(std::vector<std::string> arguments) {
  raw_.insert(raw_.end(), std::make_move_iterator(arguments.begin()),
              std::make_move_iterator(arguments.end()));
  return *this;
}

absl::Status EalBuilder::Check() const {
  if (lcores_ && !IsLcoreList(*lcores_)) {
    return BadSetting("lcores", *lcores_, "a list such as 0-3,8 or (0-3)@(0-1)");
  }
  if (log_level_ < 1 || log_level_ > 8) {
    return BadSetting("log level", Cat(log_level_), "a number from 1 to 8");
  }
  if (megabytes_ && *megabytes_ < 16) {
    return BadSetting("memory", Cat(*megabytes_), "at least 16 megabytes");
  }
  if (in_memory_ && hugepages_ == Hugepages::kNever) {
    return BadSetting("in-memory", "true", "hugepages with it: DPDK has no such mode without them");
  }
  if (file_prefix_ && (file_prefix_->empty() || file_prefix_->find('/') != file_prefix_->npos)) {
    return BadSetting("file prefix", *file_prefix_, "a name without slashes");
  }
  for (const std::string& device : vdevs_) {
    if (device.empty() || device.front() == ',') {
      return BadSetting("vdev", device, "NAME[,key=value]..., e.g. net_tap0,iface=x");
    }
  }
  for (const std::string& device : allowed_) {
    if (device.empty() || device.front() == ',') {
      return BadSetting("allow", device, "an address, e.g. 0000:41:00.0");
    }
  }
  // These make DPDK end the process.
  for (const auto& [shorter, longer] : {std::pair{"-h", "--help"}, std::pair{"-v", "--version"}}) {
    if (Names(raw_, "", longer) || std::find(raw_.begin(), raw_.end(), shorter) != raw_.end()) {
      return BadSetting("argument", longer, "one that does not end the program");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> EalBuilder::Arguments() const {
  if (absl::Status status = Check(); !status.ok()) return status;
  std::vector<std::string> out;
  const auto add = [&](auto&&... parts) { out.push_back(Cat(parts...)); };
  if (!Names(raw_, "-l", "--lcores") && !Names(raw_, "-c", "--coremask")) {
    add("--lcores=", lcores_ ? *lcores_ : Cat("0@(", AllowedCpus(), ")"));
  }
  if (main_lcore_) add("--main-lcore=", *main_lcore_);
  if (!Names(raw_, "-b", "--block") && !Names(raw_, "", "--no-pci")) {
    HasPciBus() ? add("--allow=", kNoPciDevice) : add("--no-pci");
  }
  const bool raw_memory = Names(raw_, "", "--no-huge") || Names(raw_, "", "--in-memory");
  const bool huge = hugepages_ == Hugepages::kAlways ||
                    (hugepages_ == Hugepages::kAuto && MountedHugepageBytes() >= kEnoughHugepages);
  if (!huge && !in_memory_ && !raw_memory) add("--no-huge");
  if (in_memory_) add("--in-memory");
  const bool without = !huge && !in_memory_ && !Names(raw_, "", "--in-memory");
  if ((megabytes_ || without) && !Names(raw_, "-m", "--socket-mem")) {
    out.insert(out.end(), {"-m", Cat(megabytes_.value_or(kMegabytesWithoutHugepages))});
  }
  if (file_prefix_) {
    add("--file-prefix=", *file_prefix_);
  } else if (!Names(raw_, "", "--file-prefix")) {
    add("--file-prefix=corelane-", getpid());
    if (!in_memory_ && !Names(raw_, "", "--no-shconf")) add("--no-shconf");
    // With few large files DPDK cannot.
    const bool unlinks = huge && !in_memory_ && !raw_memory &&
                         !Names(raw_, "", "--single-file-segments") &&
                         !Names(raw_, "", "--huge-unlink");
    if (unlinks) add("--huge-unlink");
  }
  if (!Names(raw_, "", "--no-telemetry") && !Names(raw_, "", "--telemetry")) add("--no-telemetry");
  if (!Names(raw_, "", "--log-level")) add("--log-level=", log_level_);
  for (const std::string& device : allowed_) add("--allow=", device);
  for (const std::string& device : vdevs_) add("--vdev=", device);
  out.insert(out.end(), raw_.begin(), raw_.end());
  return out;
}

absl::StatusOr<Eal> EalBuilder::Start() const {
  absl::StatusOr<std::vector<std::string>> arguments = Arguments();
  if (!arguments.ok()) return arguments.status();
  Stage expected = Stage::kNever;
  if (!stage.compare_exchange_strong(expected, Stage::kRunning)) {
    return absl::FailedPreconditionError(expected == Stage::kRunning
                                             ? "EAL: this process runs one already"
                                             : "EAL: DPDK cannot be started a second time");
  }
  // DPDK keeps pointers into the arguments.
  static std::vector<std::string> kept;
  kept = *std::move(arguments);
  kept.insert(kept.begin(), "corelane");
  std::vector<char*> argv;
  for (std::string& argument : kept) argv.push_back(argument.data());
  argv.push_back(nullptr);
  cpu_set_t affinity;
  const bool saved = sched_getaffinity(0, sizeof affinity, &affinity) == 0;
  int result;
  std::string said;
  {
    LogCapture capture(!raw_.empty() || lcores_ || main_lcore_);
    result = rte_eal_init(static_cast<int>(argv.size()) - 1, argv.data());
    said = capture.Text();
  }
  if (saved) sched_setaffinity(0, sizeof affinity, &affinity);
  if (result < 0) {
    const std::string why = rte_strerror(rte_errno);
    stage = Stage::kEnded;  // what it has parsed stays with it
    return absl::InternalError(Cat("EAL: DPDK does not start with '",
                                   Join(std::span(kept).subspan(1), " "), "': ", why,
                                   said.empty() ? "" : "; it says: ", said));
  }
  return Eal(true);
}

absl::StatusOr<std::vector<std::string>> SplitArguments(std::string_view text) {
  std::vector<std::string> out;
  bool open = false;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        out.back() += c;
      }
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\n') {
      open = false;
      continue;
    }
    if (!std::exchange(open, true)) out.emplace_back();
    if (c == '\'' || c == '"') {
      quote = c;
    } else {
      out.back() += c;
    }
  }
  if (quote != 0) {
    return absl::InvalidArgumentError(
        Cat("arguments '", text, "': expected another ", std::string(1, quote)));
  }
  return out;
}

}  // namespace corelane::driver::dpdk
