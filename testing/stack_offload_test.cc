// The same conversation over every kind of NIC: whatever the model NIC offers, bytes arrive, work
// is done exactly once, and nothing is asked of it that it did not offer.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>

#include "core/check.h"
#include "stack/stack.h"
#include "testing/model_nic.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

using std::chrono::seconds;

struct Offload {
  const char* name;
  driver::Capabilities nic;
};

driver::Capabilities Everything() {
  driver::Capabilities all;
  all.tx_checksum_ipv4 = all.tx_checksum_l4 = all.rx_checksum = all.tso = all.lro = true;
  all.vlan_insert = all.vlan_strip = all.flow_hash = true;
  all.max_tx_segments = 64;
  all.max_tso_size = 65000;
  return all;
}

const Offload kOffloads[] = {
    {"Nothing", {}},
    {"Gather", {.max_tx_segments = 4}},
    {"TxChecksum", {.tx_checksum_ipv4 = true, .tx_checksum_l4 = true}},
    {"TxChecksumGather", {.tx_checksum_l4 = true, .max_tx_segments = 8}},
    {"RxChecksum", {.rx_checksum = true}},
    {"Lro", {.rx_checksum = true, .lro = true}},
    {"Tso",
     {.tx_checksum_ipv4 = true,
      .tx_checksum_l4 = true,
      .tso = true,
      .max_tx_segments = 64,
      .max_tso_size = 65000}},
    {"SmallTso",
     {.tx_checksum_ipv4 = true,
      .tx_checksum_l4 = true,
      .tso = true,
      .max_tx_segments = 3,
      .max_tso_size = 5000}},
    {"TsoOfManySegments",
     {.tx_checksum_ipv4 = true,
      .tx_checksum_l4 = true,
      .tso = true,
      .max_tx_segments = 3,
      .max_tso_size = 65000,
      .max_tso_segments = 64}},
    {"FlowHash", {.vlan_insert = true, .vlan_strip = true, .flow_hash = true}},
    {"Copies", {.copies_references = true}},
    {"CopiesTxChecksum", {.tx_checksum_l4 = true, .copies_references = true, .max_tx_segments = 8}},
    {"Everything", Everything()},
};

// What the sending NIC offers, and whether IPv6. The other end has everything.
class OffloadTest : public ::testing::TestWithParam<std::tuple<Offload, bool>> {
 protected:
  explicit OffloadTest(uint32_t pool_packets = ModelNicOptions().pool_packets) {
    const driver::Capabilities& nic = std::get<0>(GetParam()).nic;
    pair_ = MakeModelNicPair({.a = nic, .b = Everything(), .pool_packets = pool_packets});
    ModelNic* const nics[] = {pair_.a.get(), pair_.b.get()};
    for (size_t i = 0; i < 2; ++i) {
      stack::StackOptions options;
      options.seed = 1 + i;
      stacks_[i] = std::make_unique<stack::Stack>(options, clock_.Now());
      stack::InterfaceOptions interface;
      interface.addresses = {{Address(i), static_cast<uint8_t>(v6() ? 64 : 24)}};
      CL_CHECK(stacks_[i]->AddInterface(nics[i]->queue(0), nics[i]->info(), interface).ok());
    }
  }
  static bool v6() { return std::get<1>(GetParam()); }
  static IpAddress Address(size_t i) {
    return v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1 + i))
                : IpAddress(Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(i)));
  }
  template <class Done>
  bool RunUntil(const Done& done) {
    const Instant end = clock_.Now() + seconds(60);
    while (!done()) {
      if (clock_.Now() > end) return false;
      const bool a = stacks_[0]->Poll(clock_.Now());
      const bool b = stacks_[1]->Poll(clock_.Now());
      if (a || b) continue;
      const Instant next = std::min(stacks_[0]->NextDeadline(), stacks_[1]->NextDeadline());
      clock_.AdvanceTo(
          std::clamp(next, clock_.Now() + std::chrono::microseconds(1), clock_.Now() + seconds(1)));
    }
    return true;
  }
  // A megabyte from `from` to `to`.
  void Move(stack::TcpSocket& from, stack::TcpSocket& to) {
    const Bytes sent = Pattern(1'000'000);
    Bytes received;
    Bytes buffer(65536);
    size_t written = 0;
    ASSERT_TRUE(RunUntil([&] {
      written += from.Write(std::span(sent).subspan(written));
      while (const size_t n = to.Read(buffer)) {
        received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(n));
      }
      return received.size() == sent.size();
    }));
    EXPECT_EQ(received, sent);
  }
  // A connection from the first stack to the second, and a megabyte in each direction.
  void MoveBothWays() {
    const Endpoint server{Address(1), 80};
    stack::TcpSetupError error;
    stack::TcpListener* const listener = stacks_[1]->tcp().Listen(server, 1, error);
    client_ = stacks_[0]->tcp().Connect(server, {}, error);
    ASSERT_TRUE(RunUntil([&] { return listener->ready(); }));
    accepted_ = listener->Accept();
    Move(*client_, *accepted_);
    Move(*accepted_, *client_);
  }

  ManualClock clock_;
  ModelNicPair pair_;
  std::unique_ptr<stack::Stack> stacks_[2];
  stack::TcpSocket* client_ = nullptr;
  stack::TcpSocket* accepted_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Nics, OffloadTest,
                         ::testing::Combine(::testing::ValuesIn(kOffloads), ::testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) +
                                  (std::get<1>(info.param) ? "V6" : "V4");
                         });

TEST_P(OffloadTest, TheSameConversation) {
  const driver::Capabilities& nic = std::get<0>(GetParam()).nic;
  MoveBothWays();

  udp::UdpSocket* const receiver = stacks_[1]->udp().Open({});
  ASSERT_EQ(stacks_[1]->udp().Bind(*receiver, {Address(1), 53}), udp::BindResult::kOk);
  udp::UdpSocket* const sender = stacks_[0]->udp().Open({});
  for (const size_t n : {0, 1, 1000, 4000}) {
    stacks_[0]->udp().Send(*sender, Pattern(n), Endpoint{Address(1), 53}, clock_.Now());
    ASSERT_TRUE(RunUntil([&] { return receiver->readable(); }));
    udp::Datagram datagram;
    ASSERT_TRUE(receiver->Receive(datagram));
    Bytes bytes(datagram.payload.packet_size());
    datagram.payload.CopyOut(0, bytes);
    EXPECT_EQ(bytes, Pattern(n));
  }

  client_->Release();
  accepted_->Release();
  EXPECT_TRUE(
      RunUntil([&] { return stacks_[0]->tcp().sockets() + stacks_[1]->tcp().sockets() == 0; }));
  for (ModelNic* const end : {pair_.a.get(), pair_.b.get()}) {
    EXPECT_EQ(end->nic_stats().violations, 0u);
    EXPECT_EQ(end->nic_stats().bad_checksums, 0u);
  }
  for (auto& stack : stacks_) {
    EXPECT_EQ(stack->network().drops().total(), 0u);
    EXPECT_EQ(stack->tcp().counters().retransmitted_segments.value(), 0u);
  }
  // What is offered is used.
  const ModelNicStats& did = pair_.a->nic_stats();
  EXPECT_EQ(did.completed_checksums > 0, nic.tx_checksum_l4);
  // A packet that is more than the NIC cuts is cut by the stack.
  EXPECT_EQ(did.cut_frames > 0, nic.tso && nic.max_tso_size > 60'000);
  EXPECT_EQ(did.merged_frames > 0, nic.lro);
}

// A pool that never holds as many packets as one segment of a burst wants: what there is goes out.
class FewPacketsTest : public OffloadTest {
 protected:
  FewPacketsTest() : OffloadTest(24) {}
};
INSTANTIATE_TEST_SUITE_P(
    Nics, FewPacketsTest,
    ::testing::Combine(::testing::Values(kOffloads[0], kOffloads[1],
                                         Offload{"Copies", {.copies_references = true}}),
                       ::testing::Bool()),
    [](const auto& info) {
      return std::string(std::get<0>(info.param).name) + (std::get<1>(info.param) ? "V6" : "V4");
    });

TEST_P(FewPacketsTest, SendWhatTheyCan) {
  MoveBothWays();
  client_->Release();
  accepted_->Release();
}

}  // namespace
}  // namespace corelane::testing
