#include "runtime/bridge/bridge_socket.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "runtime/bridge/bridge.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

// A socket whose user can be kept inside of its mutex.
class HeldSocket final : public internal::BridgeSocket {
 public:
  explicit HeldSocket(std::shared_ptr<internal::BridgeCore> core) : BridgeSocket(std::move(core)) {}

  void Start() { Signal(); }
  std::mutex& mutex() { return mutex_; }
  bool served() const { return served_; }
  bool let_go() const { return let_go_; }

 private:
  void TakeAll(OpQueue<internal::BridgeOp>&) override {}
  bool TakeOut(internal::BridgeOp&) override { return false; }
  bool Serve(OpQueue<internal::BridgeOp>&) override {
    served_ = true;
    return true;
  }
  void LetGo() override { let_go_ = true; }

  bool served_ = false;
  bool let_go_ = false;
};

// The worker goes on with its turns where a user's thread has lost its core inside of the mutex.
TEST(BridgeSocket, TheEndOfABridgeWaitsForNoUser) {
  TestPair pair;
  auto bridge = std::make_unique<Bridge>(pair.worker, pair.client);
  const internal::BridgeRef<HeldSocket> held(new HeldSocket(bridge->core()));
  const internal::BridgeRef<HeldSocket> other(new HeldSocket(bridge->core()));
  held->Start();
  other->Start();
  ASSERT_TRUE(pair.worker.RunUntil([&] { return held->served() && other->served(); }));
  std::promise<void> holds;
  std::promise<void> release;
  bool released = false;
  std::thread user([&] {
    const std::lock_guard lock(held->mutex());
    holds.set_value();
    // The limit is for a worker that does wait.
    released = release.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  });
  holds.get_future().get();
  bridge.reset();
  pair.worker.RunUntil([turns = 0]() mutable { return turns++ == 10; });
  EXPECT_FALSE(held->let_go());
  EXPECT_TRUE(other->let_go());
  release.set_value();
  user.join();
  EXPECT_TRUE(released);
  EXPECT_TRUE(pair.worker.RunUntil([&] { return held->let_go(); }));
}

}  // namespace
}  // namespace corelane::runtime
