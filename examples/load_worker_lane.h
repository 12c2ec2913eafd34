// WorkerLane: a Lane on a worker, which dispatches it in every turn, and reports to the Board.
//
//   WorkerLane lane(worker, job, 0, board, NewKernelLane(worker, job, 0, server));
//   lane.Run([&] { worker.Stop(); });
//   worker.Run();

#ifndef CORELANE_EXAMPLES_LOAD_WORKER_LANE_H_
#define CORELANE_EXAMPLES_LOAD_WORKER_LANE_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "core/ip_address.h"
#include "core/time.h"
#include "examples/load_board.h"
#include "examples/load_job.h"
#include "examples/loadgen/lane.h"
#include "runtime/worker.h"
#include "stack/stack.h"
#include "tls/context.h"

namespace corelane::load {

// What lanes connect to.
struct Target {
  Endpoint server;
  const tls::ClientContext* tls = nullptr;  // Null: http.
};

// The context for https; of the certificate in --tls_cert with --self.
absl::StatusOr<tls::ClientContext> NewTlsContext(const Job& job);

// `job`, the worker and the stack outlive the lane.
std::unique_ptr<Lane> NewKernelLane(runtime::Worker& worker, const Job& job, size_t index,
                                    const Target& target);
std::unique_ptr<Lane> NewStackLane(runtime::Worker& worker, stack::Stack& stack, const Job& job,
                                   size_t index, const Target& target);

class WorkerLane final : private runtime::Pollable {
 public:
  // watched: prints a line a second, of all lanes on lane 0.
  WorkerLane(runtime::Worker& worker, size_t index, bool watched, Board& board,
             std::unique_ptr<Lane> lane);
  ~WorkerLane() override;

  // on_over is called once everything is counted and closed. The worker's thread.
  void Run(std::function<void()> on_over);
  void Stop() { lane_->Stop(); }

 private:
  bool Poll(Instant now) override;
  Instant NextDeadline() const override { return lane_->NextDue(); }
  void OnTick();

  runtime::Worker& worker_;
  const size_t index_;
  const bool watched_;
  Board& board_;
  const std::unique_ptr<Lane> lane_;
  std::function<void()> on_over_;
  Recent recent_;
  Instant begun_{};
  Instant told_{};
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOAD_WORKER_LANE_H_
