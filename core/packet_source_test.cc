// Pools over a source: PacketSource and PacketPool.

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "core/packet.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

class FakeSource final : public PacketSource {
 public:
  explicit FakeSource(size_t packets) : memory_(packets) {
    for (auto& m : memory_) home_.push_back(&m.head);
  }
  size_t Take(std::span<PacketHead*> out) override {
    size_t n = 0;
    for (; n < out.size() && !home_.empty(); ++n) {
      out[n] = home_.back();
      out[n]->room = reinterpret_cast<Room*>(out[n])->room.data();
      out[n]->room_size = 256;
      home_.pop_back();
    }
    return n;
  }
  void Give(std::span<PacketHead* const> heads) override {
    EXPECT_LE(heads.size(), 32u);
    home_.insert(home_.end(), heads.begin(), heads.end());
  }
  size_t home() const { return home_.size(); }
  // As a device hands over a packet that it has received.
  PacketBuf Receive(PacketPool& pool) {
    PacketHead* head;
    if (Take({&head, 1}) == 0) return PacketBuf();
    head->pool = &pool;
    head->data = head->room;
    head->length = head->packet_length = 0;
    head->next_segment = head->next_packet = nullptr;
    head->block = nullptr;
    pool.Admit(1);
    return PacketBuf::Adopt(head);
  }

 private:
  struct Room {
    PacketHead head;
    std::array<uint8_t, 256> room;
  };
  std::vector<Room> memory_;
  std::vector<PacketHead*> home_;
};

TEST(PacketSource, APoolTakesAndGivesInBursts) {
  FakeSource source(1000);
  {
    PacketPool pool(source, 1000, 256, 64);
    std::vector<PacketBuf> packets;
    for (int i = 0; i < 200; ++i) {
      packets.push_back(pool.Allocate());
      ASSERT_TRUE(packets.back());
      EXPECT_EQ(packets.back().headroom(), 64u);
      EXPECT_EQ(packets.back().tailroom(), 192u);
    }
    EXPECT_EQ(pool.in_use(), 200u);
    EXPECT_EQ(pool.available(), 800u);
    EXPECT_EQ(pool.peak(), 224u);
    EXPECT_EQ(source.home(), 1000u - 224);
    packets.clear();
    EXPECT_EQ(pool.in_use(), 0u);
    EXPECT_EQ(pool.peak(), 224u);
    EXPECT_GE(source.home(), 1000u - 96);  // a few stay with the pool
    EXPECT_LT(source.home(), 1000u);
  }
  EXPECT_EQ(source.home(), 1000u);
}

TEST(PacketSource, AnEmptySourceIsAnExhaustedPool) {
  FakeSource source(40);
  PacketPool pool(source, 40, 256, 0);
  std::vector<PacketBuf> packets(64);
  EXPECT_EQ(pool.AllocateBurst(packets), 40u);
  EXPECT_FALSE(pool.Allocate());
  EXPECT_EQ(pool.exhausted(), 2u);
  packets[7].Reset();
  EXPECT_TRUE(pool.Allocate());
}

TEST(PacketSource, WhatADeviceReceivedAndSentIsAccountedFor) {
  FakeSource source(300);
  {
    PacketPool pool(source, 300, 256, 0);
    std::vector<PacketBuf> received;
    for (int i = 0; i < 250; ++i) received.push_back(source.Receive(pool));
    EXPECT_EQ(pool.in_use(), 250u);
    // 100 are sent: the device gives them back to the source by itself.
    for (int i = 0; i < 100; ++i) {
      PacketHead* const head = received.back().Release();
      received.pop_back();
      pool.Dismiss(1);
      source.Give({&head, 1});
    }
    EXPECT_EQ(pool.in_use(), 150u);
    EXPECT_EQ(source.home(), 150u);
    received.clear();
    EXPECT_EQ(pool.in_use(), 0u);
    EXPECT_GE(source.home(), 204u);
  }
  EXPECT_EQ(source.home(), 300u);
}

TEST(PacketSource, ARetiredPoolGivesBackWhatComesHome) {
  FakeSource source(200);
  auto* const pool = new PacketPool(source, 200, 256, 0);
  std::vector<PacketBuf> packets(150);
  ASSERT_EQ(pool->AllocateBurst(packets), 150u);
  pool->Retire();
  EXPECT_EQ(source.home(), 50u);
  packets.resize(100);
  EXPECT_EQ(source.home(), 100u);
  packets.clear();  // deletes the pool
  EXPECT_EQ(source.home(), 200u);
}

}  // namespace
}  // namespace corelane
