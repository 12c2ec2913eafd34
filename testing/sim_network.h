// SimNetwork: any number of stacks and links between them, in virtual time, from one seed.
//
//   SimNetwork net(seed);
//   const int client = net.AddHost(), server = net.AddHost();
//   SimLink& link = net.Connect(client, server, link_options);
//   auto* listener = net.host(server).tcp().Listen({link.address(1, false), 80}, 16, error);
//   EXPECT_TRUE(net.RunUntil([&] { return listener->ready(); }, std::chrono::seconds(5)));
//
// The same seed and the same calls give the same frames at the same times: trace_hash() tells. The
// last frames are kept and can be written as a pcap.

#ifndef CORELANE_TESTING_SIM_NETWORK_H_
#define CORELANE_TESTING_SIM_NETWORK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "stack/stack.h"
#include "testing/sim_capture.h"
#include "testing/sim_link.h"

namespace corelane::testing {

class SimNetwork {
 public:
  static constexpr size_t kCaptureFrames = 5000;

  explicit SimNetwork(uint64_t seed, size_t capture_frames = kCaptureFrames);
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // --- building it ---
  // Its seed is drawn from the network's. Returns its index.
  int AddHost(stack::StackOptions options = stack::StackOptions());
  // Gives both hosts an interface with the link's addresses. Host a is end 0.
  SimLink& Connect(int a, int b, const SimLinkOptions& options = SimLinkOptions());
  stack::Stack& host(int i) { return *hosts_[static_cast<size_t>(i)]; }
  SimLink& link(size_t i) { return *links_[i]; }
  size_t hosts() const { return hosts_.size(); }
  // For the test's own choices.
  Random& random() { return random_; }

  // --- running it ---
  Instant now() const { return clock_.Now(); }
  // One turn of every host. When none had anything to do, the clock moves to the next event, at
  // most to `limit`. False: it is `limit`.
  bool Step(Instant limit);
  // Steps until `done`, which may use the sockets. False: `limit` of virtual time passed.
  bool RunUntil(const std::function<bool()>& done, Duration limit = std::chrono::minutes(10));
  void RunFor(Duration d) {
    RunUntil([] { return false; }, d);
  }
  // The clock stops there at the latest on its way, so that `done` is asked.
  void WakeAt(Instant t) { wakes_.insert(t); }
  // Time passes in which no host gets a turn.
  void JumpClock(Duration d) { clock_.Advance(d); }

  // False drops the frame; called when it is sent.
  std::function<bool(const SimFrame&)> filter;
  // After every turn; on by default.
  void set_check_invariants(bool check) { check_invariants_ = check; }

  // --- looking at it ---
  // Of every frame sent: its time, link, direction and bytes.
  uint64_t trace_hash() const { return trace_hash_; }
  uint64_t frames() const { return frames_; }
  // Writes the capture where tests leave files; returns the path, or why it failed.
  std::string SaveCapture(const std::string& name) const;
  // Destroys the stacks, and with them everything that they hold; the links stay, so that their
  // pools can be looked at.
  void DestroyHosts();

 private:
  bool OnFrame(const SimFrame& frame);
  Instant NextEvent() const;
  void CheckInvariants() const;

  Random random_;
  ManualClock clock_;
  SimCapture capture_;
  std::vector<std::unique_ptr<SimLink>> links_;
  std::vector<std::unique_ptr<stack::Stack>> hosts_;
  std::multiset<Instant> wakes_;
  bool check_invariants_ = true;
  uint64_t trace_hash_ = 0xcbf29ce484222325u;
  uint64_t frames_ = 0;
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_SIM_NETWORK_H_
