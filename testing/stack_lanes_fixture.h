// StackLanesTest: several lanes behind one card on both sides of a wire, and what their tests do
// with them. Everything is polled by the test's thread, in virtual time.

#ifndef CORELANE_TESTING_STACK_LANES_FIXTURE_H_
#define CORELANE_TESTING_STACK_LANES_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/check.h"
#include "core/time.h"
#include "stack/lane_group.h"
#include "stack/stack.h"
#include "testing/model_nic.h"
#include "testing/segment_builder.h"

namespace corelane::testing {

// How many lanes, whether the card spreads packets by the key that the lanes use, and whether IPv6.
using Param = std::tuple<size_t, bool, bool>;

class StackLanesTest : public ::testing::TestWithParam<Param> {
 public:
  // Of a suite's instance: "4LanesRssV6".
  static std::string Name(const ::testing::TestParamInfo<Param>& info) {
    const auto [lanes, card_agrees, v6] = info.param;
    return std::to_string(lanes) + "Lanes" + (card_agrees ? "Rss" : "Misdirected") +
           (v6 ? "V6" : "V4");
  }

 protected:
  // max_sockets: of the server's lanes. ports: what cards and lanes hash.
  explicit StackLanesTest(size_t max_sockets = 1024, driver::RssPorts ports = {}) {
    ModelNicOptions options;
    options.queues = static_cast<uint16_t>(lanes());
    options.rss_key = card_agrees() ? Toeplitz::kSymmetricKey : Toeplitz::kMicrosoftKey;
    options.rss_ports = ports;
    pair_ = MakeModelNicPair(options);
    ModelNic* const nics[] = {pair_.a.get(), pair_.b.get()};
    for (size_t side = 0; side < 2; ++side) {
      stack::LaneGroupOptions group;
      group.lanes = lanes();
      group.forward_ring = 256;
      group.ports = ports;
      sides_[side].group = std::make_unique<stack::LaneGroup>(group);
      for (size_t i = 0; i < lanes(); ++i) {
        stack::StackOptions stack_options;
        stack_options.seed = 1 + 10 * side + i;
        stack_options.secret_seed = 77 + side;  // as App has it
        if (side == 1) stack_options.max_tcp_sockets = max_sockets;
        sides_[side].stacks.push_back(std::make_unique<stack::Stack>(stack_options, clock_.Now(),
                                                                     &sides_[side].group->lane(i)));
        stack::InterfaceOptions interface;
        interface.addresses = {{Address(side), Length()}};
        CL_CHECK(sides_[side]
                     .stacks[i]
                     ->AddInterface(nics[side]->queue(i), nics[side]->info(), interface)
                     .ok());
      }
    }
  }
  static size_t lanes() { return std::get<0>(GetParam()); }
  static bool card_agrees() { return std::get<1>(GetParam()); }
  static bool v6() { return std::get<2>(GetParam()); }
  static uint8_t Length() { return v6() ? 64 : 24; }
  static IpAddress Address(size_t i) {
    return v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1 + i))
                : IpAddress(Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(i)));
  }
  stack::Stack& client(size_t lane) { return *sides_[0].stacks[lane]; }
  stack::Stack& server(size_t lane) { return *sides_[1].stacks[lane]; }
  stack::LaneGroup& group(size_t side) { return *sides_[side].group; }

  // One turn of each lane.
  bool Turn() {
    bool busy = false;
    for (Side& side : sides_) {
      for (auto& stack : side.stacks) busy |= stack->Poll(clock_.Now());
    }
    return busy;
  }
  template <class Done>
  bool RunUntil(const Done& done, Duration limit = std::chrono::seconds(60)) {
    const Instant end = clock_.Now() + limit;
    while (!done()) {
      if (clock_.Now() >= end) return false;
      if (Turn()) continue;
      Instant next = kNever;
      for (Side& side : sides_) {
        for (auto& stack : side.stacks) next = std::min(next, stack->NextDeadline());
      }
      clock_.AdvanceTo(std::clamp(next, clock_.Now() + std::chrono::microseconds(1),
                                  clock_.Now() + std::chrono::seconds(1)));
    }
    return true;
  }
  void RunFor(Duration d) {
    RunUntil([] { return false; }, d);
  }
  uint64_t Forwarded(size_t side) {
    uint64_t n = 0;
    for (size_t i = 0; i < lanes(); ++i) n += group(side).lane(i).counters().forwarded_in.value();
    return n;
  }
  uint64_t Drops(size_t side, ip::DropReason reason) {
    uint64_t n = 0;
    for (auto& stack : sides_[side].stacks) n += stack->network().drops().value(reason);
    return n;
  }
  void ListenEverywhere(uint16_t port) {
    for (size_t i = 0; i < lanes(); ++i) ASSERT_NE(Listen(i, port), nullptr);
  }
  stack::TcpListener* Listen(size_t lane, uint16_t port) {
    stack::TcpSetupError error;
    listeners_.push_back(server(lane).tcp().Listen({Address(1), port}, 256, error));
    listener_lane_.push_back(lane);
    return listeners_.back();
  }
  stack::TcpSocket* Connect(size_t lane, uint16_t port, uint16_t local_port = 0) {
    stack::TcpSetupError error;
    stack::TcpConnectOptions options;
    options.local_port = local_port;
    return client(lane).tcp().Connect({Address(1), port}, options, error);
  }
  struct Accepted {
    stack::TcpSocket* socket;
    size_t lane;
  };
  void AcceptAll() {
    for (size_t i = 0; i < listeners_.size(); ++i) {
      while (stack::TcpSocket* const s = listeners_[i]->Accept()) {
        accepted_.push_back({s, listener_lane_[i]});
      }
    }
  }
  bool RunUntilAccepted(size_t count) {
    return RunUntil([&] {
      AcceptAll();
      return accepted_.size() >= count;
    });
  }
  // The server's end of a connection.
  Accepted PeerOf(const stack::TcpSocket& socket) {
    for (const Accepted& a : accepted_) {
      if (a.socket->remote() == socket.local()) return a;
    }
    return {nullptr, 0};
  }
  // n bytes from one to the other.
  void Move(stack::TcpSocket& from, stack::TcpSocket& to, size_t n) {
    const Bytes sent = Pattern(n);
    Bytes received;
    Bytes buffer(65536);
    size_t written = 0;
    ASSERT_TRUE(RunUntil([&] {
      written += from.Write(std::span(sent).subspan(written));
      while (const size_t got = to.Read(buffer)) {
        received.insert(received.end(), buffer.begin(),
                        buffer.begin() + static_cast<ptrdiff_t>(got));
      }
      return received.size() == sent.size();
    }));
    EXPECT_EQ(received, sent);
  }

  // The server's end moves to another lane; what has arrived is in accepted_ again.
  stack::TcpMoveResult MoveTo(size_t lane, Accepted& from) {
    std::unique_ptr<stack::MoveTicket> ticket;
    const auto result = server(from.lane).tcp().Move(*from.socket, lane, ticket);
    if (result == stack::TcpMoveResult::kMoved) from = {nullptr, lane};
    return result;
  }
  void TakeArrivals(size_t lane) {
    while (const auto arrival = server(lane).tcp().TakeArrival()) {
      const auto waits = std::find_if(accepted_.begin(), accepted_.end(), [&](const Accepted& a) {
        return a.socket == nullptr && a.lane == lane;
      });
      ASSERT_NE(waits, accepted_.end());
      waits->socket = arrival->socket;
    }
  }

  struct Side {
    std::unique_ptr<stack::LaneGroup> group;
    std::vector<std::unique_ptr<stack::Stack>> stacks;
  };

  ManualClock clock_;
  ModelNicPair pair_;
  Side sides_[2];
  std::vector<stack::TcpListener*> listeners_;
  std::vector<size_t> listener_lane_;
  std::vector<Accepted> accepted_;
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_STACK_LANES_FIXTURE_H_
