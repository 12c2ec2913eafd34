#include "driver/dpdk/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_version.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
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

bool MountedHugepages() {
  std::ifstream mounts("/proc/mounts");
  bool mounted = false;
  for (std::string line; std::getline(mounts, line);) {
    const std::vector<std::string_view> fields = Split(line, ' ');
    mounted |= fields.size() > 2 && fields[2] == "hugetlbfs" &&
               access(std::string(fields[1]).c_str(), W_OK) == 0;
  }
  return mounted;
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

// What DPDK says while it starts: in its log, and, of arguments that it does not know, on stderr;
// its pages of usage on stdout are nobody's. (glibc lets a program exchange its streams.)
class LogCapture {
 public:
  LogCapture() : file_(open_memstream(&text_, &size_)), nowhere_(std::fopen("/dev/null", "w")) {
    if (file_ == nullptr || nowhere_ == nullptr) return;
    rte_openlog_stream(file_);
    std::swap(stderr, file_);
    std::swap(stdout, nowhere_);
    swapped_ = true;
  }
  ~LogCapture() {
    if (swapped_) {
      rte_openlog_stream(nullptr);
      std::swap(stderr, file_);
      std::swap(stdout, nowhere_);
    }
    if (file_ != nullptr) std::fclose(file_);
    if (nowhere_ != nullptr) std::fclose(nowhere_);
    std::free(text_);
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // On one line.
  std::string Text() {
    if (!swapped_) return "";
    std::fflush(stderr);
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
  constexpr std::string_view kPrefix = "hugepages-";  // and "2048kB"
  uint64_t bytes = 0;
  std::error_code ec;
  for (const auto& size : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", ec)) {
    std::ifstream file(size.path() / "free_hugepages");
    const std::string name = size.path().filename();
    uint64_t pages = 0;
    if (!name.starts_with(kPrefix) || !(file >> pages)) continue;
    bytes += pages * std::strtoull(name.c_str() + kPrefix.size(), nullptr, 10) * 1024;
  }
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
  const bool probes = !allowed_.empty() || Names(raw_, "-a", "--allow") ||
                      Names(raw_, "-b", "--block") || Names(raw_, "", "--no-pci");
  if (!probes) add("--no-pci");
  const bool raw_memory = Names(raw_, "", "--no-huge") || Names(raw_, "", "--in-memory");
  const bool huge =
      hugepages_ == Hugepages::kAlways || (hugepages_ == Hugepages::kAuto && MountedHugepages() &&
                                           FreeHugepageBytes() >= kEnoughHugepages);
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
    LogCapture capture;
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
