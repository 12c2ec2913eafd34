#include <memory>
#include <utility>

#include "examples/load_transport.h"
#include "examples/load_worker_lane.h"
#include "examples/loadgen/link.h"
#include "runtime/steady_timer.h"

namespace corelane::load {
namespace {

template <class Transport>
std::unique_ptr<Lane> Make(runtime::Worker& worker, const Job& job, size_t index,
                           Transport transport) {
  return std::make_unique<LaneOver<Transport, runtime::SteadyTimer>>(
      job.PlanOf(index), job.request, job.http2, worker.clock(), std::move(transport));
}

}  // namespace

std::unique_ptr<Lane> NewStackLane(runtime::Worker& worker, stack::Stack& stack, const Job& job,
                                   size_t index, const Target& target) {
  StackTransport transport(worker, stack, target.server);
  if (target.tls == nullptr) return Make(worker, job, index, std::move(transport));
  using Secure = TlsTransport<StackTransport>;
  return Make(worker, job, index, Secure(std::move(transport), *target.tls, job.request.url.host));
}

}  // namespace corelane::load
