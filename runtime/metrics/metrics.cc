#include "runtime/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <condition_variable>
#include <mutex>
#include <sstream>

namespace corelane::runtime {
namespace {

// One that a thread waits for.
class BlockingGathering final : public internal::Gathering {
 public:
  explicit BlockingGathering(std::shared_ptr<const internal::Sources> sources)
      : Gathering(std::move(sources)) {}

  void Wait(Duration limit) {
    std::unique_lock lock(wait_mutex_);
    if (changed_.wait_for(lock, limit, [this] { return over_; })) return;
    lock.unlock();
    Abort();
    // The last answer may have come just now, and its thread be about to say so.
    lock.lock();
    changed_.wait(lock, [this] { return over_; });
  }

 private:
  void OnEnd(bool) override {
    const std::lock_guard lock(wait_mutex_);
    over_ = true;
    changed_.notify_all();
  }

  std::mutex wait_mutex_;
  std::condition_variable changed_;
  bool over_ = false;
};

}  // namespace

Metrics::Metrics(const MetricsOptions& options) : options_(options), source_(own_) {}

Metrics::Metrics(MetricsSource& source, const MetricsOptions& options)
    : options_(options), source_(source) {}

Metrics::~Metrics() = default;

Metrics::Families Metrics::Collect() const {
  const auto gathering = std::make_shared<BlockingGathering>(source_.Get());
  gathering->Ask(true);
  gathering->Wait(options_.limit);
  return gathering->TakeFamilies();
}

std::string ToText(const Metrics::Families& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace corelane::runtime
