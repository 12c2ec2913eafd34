#include "runtime/kernel_events.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/version.hpp>
#include <vector>

#include "core/check.h"
#include "runtime/worker.h"

// asio::detail::scheduler has no promise of stability: whoever moves to another Boost looks at its
// constructor, run_one(), poll(), stopped() and restart(), and at worker_test.
static_assert(BOOST_VERSION / 100 == 1081);

namespace corelane::runtime {

namespace asio = boost::asio;

class KernelEvents::Impl {
 public:
  explicit Impl(Worker& worker)
      : worker_(worker),
        // One thread at a time, and no thread of its own.
        scheduler_(asio::make_service<asio::detail::scheduler>(
            static_cast<asio::execution_context&>(worker), 1, false)) {}

  ~Impl() {
    for (const auto& watched : watched_) {
      if (watched->descriptor.is_open()) watched->descriptor.release();
    }
    if (timer_fd_ >= 0) close(timer_fd_);
  }

  size_t Poll() {
    // Asio stops a scheduler that ran out of work.
    if (scheduler_.stopped()) scheduler_.restart();
    boost::system::error_code ec;
    woken_ = 0;
    const size_t ran = scheduler_.poll(ec);
    return ran - woken_;
  }

  void Watch(int fd) {
    Watched* found = nullptr;
    for (const auto& watched : watched_) {
      if (watched->fd == fd) found = watched.get();
    }
    if (found == nullptr) {
      watched_.push_back(std::make_unique<Watched>(worker_, fd));
      found = watched_.back().get();
    }
    if (found->waiting) return;
    found->waiting = true;
    // There and then, not as one of the worker's handlers: that a sleep is over is not something
    // that was to be done.
    found->descriptor.async_wait(
        asio::posix::descriptor_base::wait_read,
        asio::bind_executor(asio::system_executor(), [this, found](const auto&) {
          found->waiting = false;
          ++woken_;
        }));
  }

  bool Sleep(Instant deadline) {
    if (deadline != kNever) ArmTimer(deadline);
    if (scheduler_.stopped()) scheduler_.restart();
    boost::system::error_code ec;
    woken_ = 0;
    return scheduler_.run_one(ec) > woken_;
  }

 private:
  struct Watched {
    Watched(Worker& worker, int fd) : fd(fd), descriptor(worker.get_executor(), fd) {}

    int fd;
    asio::posix::basic_stream_descriptor<WorkerExecutor> descriptor;
    bool waiting = false;  // since a Sleep(); may outlast it
  };

  // Asio's own wait rounds up to milliseconds.
  void ArmTimer(Instant deadline) {
    if (timer_fd_ < 0) {
      timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
      CL_CHECK(timer_fd_ >= 0);
    }
    if (deadline != armed_) {
      // Zero would disarm it.
      const int64_t ns = std::max<int64_t>(deadline.time_since_epoch().count(), 1);
      itimerspec at{};
      at.it_value.tv_sec = ns / 1'000'000'000;
      at.it_value.tv_nsec = ns % 1'000'000'000;
      timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &at, nullptr);
      armed_ = deadline;
    }
    Watch(timer_fd_);
  }

  Worker& worker_;
  asio::detail::scheduler& scheduler_;
  std::vector<std::unique_ptr<Watched>> watched_;
  // Watched descriptors that were readable, since the last Poll() or Sleep() began.
  size_t woken_ = 0;
  int timer_fd_ = -1;
  Instant armed_ = kNever;
};

KernelEvents::KernelEvents(Worker& worker) : impl_(std::make_unique<Impl>(worker)) {}
KernelEvents::~KernelEvents() = default;
void KernelEvents::Close() { impl_.reset(); }
size_t KernelEvents::Poll() { return impl_->Poll(); }
void KernelEvents::Watch(int fd) { impl_->Watch(fd); }
bool KernelEvents::Sleep(Instant deadline) { return impl_->Sleep(deadline); }

}  // namespace corelane::runtime
