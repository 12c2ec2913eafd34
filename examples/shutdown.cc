#include "examples/shutdown.h"

#include <boost/system/error_code.hpp>
#include <csignal>
#include <utility>

namespace corelane::examples {

Shutdown::Shutdown(runtime::Worker& worker, std::optional<Duration> seconds,
                   std::function<void()> stop)
    : worker_(worker),
      stop_(std::move(stop)),
      signals_(worker.get_executor(), SIGINT, SIGTERM),
      timer_(worker.get_executor()) {
  WaitForSignal();
  if (!seconds) return;
  timer_.expires_after(*seconds);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Begin();
  });
}

void Shutdown::WaitForSignal() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    if (stopping_) {
      worker_.Stop();
    } else {
      Begin();
      WaitForSignal();
    }
  });
}

void Shutdown::Begin() {
  if (std::exchange(stopping_, true)) return;
  stop_();
}

}  // namespace corelane::examples
