#include "core/mpsc_queue.h"

#include <array>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace corelane {
namespace {

struct Message {
  int from = 0;
  int number = 0;
  MpscNode link;
};
using Queue = MpscQueue<Message, &Message::link>;

TEST(MpscQueue, FirstInFirstOut) {
  std::array<Message, 3> messages;
  Queue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Pop(), nullptr);
  for (int round = 0; round < 3; ++round) {
    for (Message& message : messages) queue.Push(message);
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(queue.Pop(), &messages[0]);
    queue.Push(messages[0]);
    EXPECT_EQ(queue.Pop(), &messages[1]);
    EXPECT_EQ(queue.Pop(), &messages[2]);
    EXPECT_EQ(queue.Pop(), &messages[0]);
    EXPECT_EQ(queue.Pop(), nullptr);
    EXPECT_TRUE(queue.empty());
  }
}

TEST(MpscQueue, ProducersKeepTheirOrder) {
  constexpr int kProducers = 3;
  constexpr int kCount = 50000;
  std::vector<std::vector<Message>> messages(kProducers);
  for (auto& of_one : messages) of_one = std::vector<Message>(kCount);
  Queue queue;
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < kCount; ++i) {
        messages[p][i].from = p;
        messages[p][i].number = i;
        queue.Push(messages[p][i]);
      }
    });
  }
  std::array<int, kProducers> next = {};
  bool in_order = true;
  for (int popped = 0; popped < kProducers * kCount;) {
    Message* message = queue.Pop();
    if (message == nullptr) {
      std::this_thread::yield();
      continue;
    }
    in_order &= message->number == next[message->from]++;
    ++popped;
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_TRUE(in_order);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace corelane
