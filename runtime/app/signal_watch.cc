#include "runtime/app/signal_watch.h"

#include <csignal>
#include <utility>

namespace corelane::runtime {

SignalWatch::SignalWatch(Handler handler)
    : handler_(std::move(handler)), signals_(context_, SIGINT, SIGTERM) {
  Wait();
  thread_ = std::thread([this] { context_.run(); });
}

SignalWatch::~SignalWatch() {
  context_.stop();
  thread_.join();
}

void SignalWatch::Wait() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    handler_(number, ++count_);
    Wait();
  });
}

}  // namespace corelane::runtime
