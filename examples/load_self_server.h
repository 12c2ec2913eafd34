// SelfServer: the demonstration's server at the other end of the ring, on a thread of its own.

#ifndef CORELANE_EXAMPLES_LOAD_SELF_SERVER_H_
#define CORELANE_EXAMPLES_LOAD_SELF_SERVER_H_

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "absl/status/statusor.h"
#include "examples/load_job.h"
#include "runtime/app/app.h"
#include "tls/context.h"

namespace corelane::load {

class SelfServer {
 public:
  // Opens one end of job.app.device, with the address that the URL names; serves once this has
  // returned, until it is destroyed.
  static absl::StatusOr<std::unique_ptr<SelfServer>> Start(const Job& job);
  ~SelfServer();

 private:
  explicit SelfServer(const Job& job) : job_(job) {}
  boost::asio::awaitable<void, runtime::WorkerExecutor> Serve(runtime::WorkerContext& context);

  const Job& job_;
  std::optional<tls::ServerContext> tls_;
  std::unique_ptr<runtime::App> app_;
  std::atomic<size_t> ready_{0};  // Lanes.
  std::thread thread_;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOAD_SELF_SERVER_H_
