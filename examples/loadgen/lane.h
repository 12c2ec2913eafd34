// Lane: the connections of one core, kept open and busy as its Pacer says. LaneOver, in link.h,
// gives it real connections; this half does no I/O.
//
//   a Link reads --> Engine --> Pacer counts --> Fill: what may be sent now, on the same Link
//   time passes  --> Dispatch (open loop): what is due, on whichever Link has been free longest
//   every kTick  --> Tick: time-outs, new connections for those that were lost, the end
//
// One thread.

#ifndef CORELANE_EXAMPLES_LOADGEN_LANE_H_
#define CORELANE_EXAMPLES_LOADGEN_LANE_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/intrusive_list.h"
#include "core/time.h"
#include "examples/loadgen/engine.h"
#include "examples/loadgen/pacer.h"
#include "examples/loadgen/request.h"

namespace corelane::load {

// A connection, or an attempt at one.
class LinkBase {
 public:
  virtual ~LinkBase() = default;

  // Starts to send what the engine has, and to read.
  virtual void Flush() = 0;
  // It is gone from the lane with this, and uses it no more.
  virtual void Close() = 0;

  ListNode all_hook;
  ListNode free_hook;
  std::unique_ptr<Engine> engine;  // Null until it is open.
  Instant begun{};                 // The attempt.
  bool dirty = false;              // Of Dispatch.
};

class Lane {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(10);

  // All outlive the lane.
  Lane(const Plan& plan, const Request& request, bool http2, const Clock& clock);
  virtual ~Lane() = default;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Opens the connections; Tick must be called every kTick from then on. The load begins when each
  // of them is open, or has failed once; where all have failed the lane is over.
  void Start();
  // Start, with the ticks. on_tick is called after each, on_over once; the lane may be destroyed
  // after that.
  virtual void Run(std::function<void()> on_tick, std::function<void()> on_over) = 0;
  // Ends the measurement now; what is in flight may still come to its end.
  void Stop() { pacer_.Stop(Now()); }

  // Open loop: sends what is due; false: nothing is, or there is no room.
  bool Dispatch();
  // When Dispatch has something to do at the latest.
  Instant NextDue() const { return free_.empty() ? kNever : pacer_.NextDue(); }
  void Tick();
  // All is counted, and every connection closed.
  bool over() const { return started_ && pacer_.done() && links_.empty(); }

  Pacer& pacer() { return pacer_; }
  Instant Now() const { return clock_.Now(); }

  // --- for links ---
  void OnOpen(LinkBase& link);
  void OnDialFailed(LinkBase& link, Failure failure, std::string_view reason);
  // Gives the link what may be sent now, and notes whether it has room for more.
  void Fill(LinkBase& link, Instant now);
  // The connection has ended; the link is closed here.
  void OnEnded(LinkBase& link);

 protected:
  // Begins an attempt: a link that calls Add.
  virtual void Dial() = 0;
  void Add(LinkBase& link);
  void CloseAll();
  bool http2() const { return http2_; }

 private:
  void DialMore();
  void Settle();
  void FillAll(Instant now);
  void Redial(Instant now);
  void ExpireAll(Instant now);
  void EndAll(Instant now);
  std::unique_ptr<Engine> NewEngine();

  static constexpr Duration kExpireInterval = std::chrono::milliseconds(100);
  static constexpr Duration kRedialPause = std::chrono::milliseconds(100);
  // Attempts at a time, lest the server's backlog overflows. The first one goes alone: the network
  // may have to learn the way.
  static constexpr size_t kMaxDialing = 64;
  // For the last words of connections.
  static constexpr Duration kLinger = std::chrono::milliseconds(200);

  const Request& request_;
  const std::string serialized_;
  const bool http2_;
  const Clock& clock_;
  Pacer pacer_;
  IntrusiveList<LinkBase, &LinkBase::all_hook> links_;
  IntrusiveList<LinkBase, &LinkBase::free_hook> free_;  // Open loop: those with room.
  std::vector<LinkBase*> dirty_;
  size_t link_count_ = 0;
  size_t open_ = 0;
  size_t dialing_ = 0;    // Attempts that go on.
  size_t undialed_ = 0;   // First attempts that are yet to be made.
  size_t unsettled_ = 0;  // First attempts that are neither open nor failed.
  bool started_ = false;
  Instant redial_at_{};
  Instant last_open_{};  // When there was an open connection last.
  Instant next_expire_{};
  Instant close_at_ = kNever;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_LANE_H_
