#include "examples/load_worker_lane.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "examples/loadgen/report.h"

namespace corelane::load {
namespace {

constexpr Duration kTellInterval = std::chrono::seconds(1);

}  // namespace

absl::StatusOr<tls::ClientContext> NewTlsContext(const Job& job) {
  tls::ClientOptions options;
  options.alpn = {job.http2 ? "h2" : "http/1.1"};
  if (job.insecure) options.verification = tls::Verification::kNoneWhichIsInsecure;
  if (!job.ca.empty()) options.ca = tls::Pem::File(job.ca);
  return tls::ClientContext::Create(options);
}

WorkerLane::WorkerLane(runtime::Worker& worker, size_t index, bool watched, Board& board,
                       std::unique_ptr<Lane> lane)
    : worker_(worker), index_(index), watched_(watched), board_(board), lane_(std::move(lane)) {
  if (watched_) lane_->pacer().set_recent(&recent_);
  if (lane_->pacer().open_loop()) worker_.AddPollable(*this);
}

WorkerLane::~WorkerLane() { worker_.RemovePollable(*this); }

void WorkerLane::Run(std::function<void()> on_over) {
  on_over_ = std::move(on_over);
  begun_ = told_ = lane_->Now();
  lane_->Run([this] { OnTick(); },
             [this] {
               board_.AddResult(lane_->pacer(), lane_->Now());
               on_over_();
             });
}

// The worker's time is that of the turn's beginning: Dispatch takes its own.
bool WorkerLane::Poll(Instant) { return lane_->Dispatch(); }

void WorkerLane::OnTick() {
  const Instant now = lane_->Now();
  if (!watched_ || now - told_ < kTellInterval) return;
  board_.AddRecent(recent_);
  recent_.answered = recent_.failed = 0;
  recent_.latency.Reset();
  if (index_ == 0) {
    std::fputs(ProgressLine(now - begun_, now - told_, board_.TakeRecent()).c_str(), stderr);
  }
  told_ = now;
}

}  // namespace corelane::load
