#include "driver/dpdk/lcore.h"

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sched.h>

#include <atomic>
#include <string>

#include "driver/dpdk/eal.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

int AddLcore(unsigned id, void* out) {
  LcoreInfo info;
  info.id = id;
  info.is_main = id == rte_get_main_lcore();
  info.is_ours = rte_eal_lcore_role(id) == ROLE_NON_EAL;
  info.socket = rte_lcore_to_socket_id(id);
  const rte_cpuset_t cpus = rte_lcore_cpuset(id);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &cpus)) info.cpus.push_back(cpu);
  }
  static_cast<std::vector<LcoreInfo>*>(out)->push_back(std::move(info));
  return 0;
}

std::string Ids() {
  std::vector<unsigned> ids;
  for (const LcoreInfo& lcore : Lcores()) {
    if (!lcore.is_main && !lcore.is_ours) ids.push_back(lcore.id);
  }
  return ids.empty() ? "one of those of --lcores, where it has but the main lcore"
                     : Cat("one of ", Join(ids, ","));
}

absl::Status CanLaunchOn(unsigned lcore) {
  if (!Eal::IsRunning()) return absl::FailedPreconditionError("lcore: no EAL is running");
  const auto bad = [&](std::string_view what) {
    return Cat("lcore: value '", lcore, "': ", what, ": expected ", Ids());
  };
  const bool known = lcore < RTE_MAX_LCORE;
  if (known && lcore == rte_get_main_lcore()) {
    return absl::InvalidArgumentError(bad("the main one, which launches"));
  }
  if (known && rte_eal_lcore_role(lcore) == ROLE_NON_EAL) {
    return absl::InvalidArgumentError(bad("a thread that EAL did not create"));
  }
  if (!known || rte_lcore_is_enabled(lcore) == 0) return absl::NotFoundError(bad("EAL has none"));
  return absl::OkStatus();
}

}  // namespace

std::vector<LcoreInfo> Lcores() {
  std::vector<LcoreInfo> out;
  rte_lcore_iterate(&AddLcore, &out);
  return out;
}

std::optional<unsigned> ThisLcore() {
  const unsigned id = rte_lcore_id();
  if (id == LCORE_ID_ANY) return std::nullopt;
  return id;
}

struct LcoreTask::Run {
  unsigned lcore;
  std::function<int()> function;
  // EAL orders start and end as well, but in code that ThreadSanitizer does not see.
  std::atomic<bool> done{false};
  int result = 0;
};

void LcoreTask::DeleteRun::operator()(Run* run) const { delete run; }

absl::StatusOr<LcoreTask> LcoreTask::Launch(unsigned lcore, std::function<int()> function) {
  if (absl::Status status = CanLaunchOn(lcore); !status.ok()) return status;
  std::unique_ptr<Run, DeleteRun> run(new Run{.lcore = lcore, .function = std::move(function)});
  const auto main = [](void* argument) {
    auto* const own = static_cast<Run*>(argument);
    own->result = own->function();
    own->done.store(true, std::memory_order_release);
    return 0;
  };
  const int result = rte_eal_remote_launch(main, run.get(), lcore);
  if (result != 0) {
    return absl::FailedPreconditionError(
        Cat("lcore ", lcore, ": it runs something already: ", rte_strerror(-result)));
  }
  return LcoreTask(std::move(run));
}

int LcoreTask::Wait() {
  rte_eal_wait_lcore(run_->lcore);
  while (!run_->done.load(std::memory_order_acquire)) {
  }
  const int result = run_->result;
  run_.reset();
  return result;
}

unsigned LcoreTask::lcore() const { return run_->lcore; }

absl::StatusOr<ThisThreadAsLcore> ThisThreadAsLcore::Register() {
  if (!Eal::IsRunning()) return absl::FailedPreconditionError("lcore: no EAL is running");
  if (const auto id = ThisLcore()) {
    return absl::AlreadyExistsError(Cat("lcore: this thread is lcore ", *id, " already"));
  }
  if (rte_thread_register() != 0) {
    return absl::ResourceExhaustedError(
        Cat("lcore: this thread cannot become one: ", rte_strerror(rte_errno)));
  }
  return ThisThreadAsLcore(true);
}

ThisThreadAsLcore::~ThisThreadAsLcore() {
  // A thread may outlive the EAL, which then has forgotten it.
  if (owns_ && Eal::IsRunning()) rte_thread_unregister();
}

void BecomeLcore() {
  if (rte_lcore_id() != LCORE_ID_ANY) return;
  thread_local const auto registered = ThisThreadAsLcore::Register();
}

absl::Status SetAffinity(std::span<const int> cpus) {
  rte_cpuset_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) {
      return absl::InvalidArgumentError(
          Cat("affinity: value '", cpu, "': expected a CPU from 0 to ", CPU_SETSIZE - 1));
    }
    CPU_SET(static_cast<size_t>(cpu), &set);
  }
  if (rte_thread_set_affinity(&set) != 0) {
    return absl::InvalidArgumentError(Cat("affinity: value '", Join(cpus, ","),
                                          "': expected CPUs that this machine has and this "
                                          "process may use"));
  }
  return absl::OkStatus();
}

}  // namespace corelane::driver::dpdk
