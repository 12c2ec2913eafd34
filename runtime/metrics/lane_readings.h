// LaneReadings: the readings of one lane, one at a time however many ask. Private to the folder.
//
//   asker --Ask()--> next_ ...Turn(), none under way...> current_ ...Turn(), each...> OnAnswer()
//
// At most one request is on its way to the lane, or in its hands: it comes back in each turn, and
// reads a piece or answers one asker. Who asks during a reading gets the next one, together with
// all who have come meanwhile, so what anybody gets was read after he asked. Who no longer waits
// leaves, and a reading that is for nobody ends. So a lane that does not run keeps one request, and
// nothing of those who gave it up.
//
// Ownership: shared by the requests and by whoever collects from the same source (LaneInfo).
// Threading: any.

#ifndef CORELANE_RUNTIME_METRICS_LANE_READINGS_H_
#define CORELANE_RUNTIME_METRICS_LANE_READINGS_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/metrics/snapshot.h"
#include "runtime/metrics_source.h"

namespace corelane::runtime::internal {

// Who waits for lanes.
class LaneAsker {
 public:
  // lane: as in Ask(). Null: the lane's worker is going, or gone. Called by the lane's thread, or
  // inside of Ask().
  virtual void OnAnswer(size_t lane, std::shared_ptr<const LaneSnapshot> answer) = 0;

 protected:
  ~LaneAsker() = default;
};

class LaneReadings : public std::enable_shared_from_this<LaneReadings> {
 public:
  // What all who collect from this lane's source share. The lane has, or had, a worker.
  static std::shared_ptr<LaneReadings> Of(const LaneInfo& lane);
  explicit LaneReadings(const LaneInfo& lane);

  // OnAnswer() follows once, unless `asker` leaves.
  void Ask(std::shared_ptr<LaneAsker> asker, size_t lane);
  // A no-op where it does not wait. An answer that is under way still comes.
  void Leave(const LaneAsker& asker);

 private:
  struct Entry {
    std::shared_ptr<LaneAsker> asker;
    size_t lane;
  };
  struct Answer {
    Entry to;
    std::shared_ptr<const LaneSnapshot> snapshot;
  };
  class Request;

  // --- the lane's thread ---
  // One turn of the request. `out`: what to tell whom in the end. False: nobody waits any more, and
  // the request is over.
  bool Turn(std::optional<Answer>& out);
  // There is somebody to read for.
  bool Prepare();
  std::optional<Entry> TakeFirst();

  // The worker is going, or gone; the thread that ends it, or asks too late.
  void Refuse();

  const LaneInfo lane_;
  std::mutex mutex_;
  bool requested_ = false;      // a request is under way
  std::vector<Entry> next_;     // whom the next reading is for
  std::vector<Entry> current_;  // whom this one is for
  // The request's, one thread after the other:
  std::optional<LaneReader> reader_;
  std::shared_ptr<const LaneSnapshot> answer_;  // for current_; null: not read yet
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_METRICS_LANE_READINGS_H_
