// A stack that is flooded, in virtual time: what it still does for an honest peer.
//
// The stack under test has a processor of its own, for which each packet that it takes or sends
// costs the same time, and a card with so many descriptors: frames that find no free one are lost.
// The processor is as fast as it must be for the flow, the junk, and the answers to junk that the
// protocols oblige it to give, and a few percent faster: a stack that answers what it need not,
// that lets what arrives keep it from sending, or that holds on to what it was sent, loses frames
// of the flow, and with them its goodput.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "arp/ethernet.h"
#include "core/check.h"
#include "driver/decorator.h"
#include "stack/stack.h"
#include "testing/segment_builder.h"
#include "testing/sim_link.h"

namespace corelane::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// --- the machine under test ---

// Receive descriptors in front of a link that would keep frames without end.
class Card : public driver::QueueDecorator {
 public:
  static constexpr size_t kDescriptors = 1024;

  explicit Card(driver::DeviceQueue& link) : QueueDecorator(link) {}

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override {
    Fill(now);
    size_t n = 0;
    for (; n < out.size() && !ring_.empty(); ++n) {
      out[n] = std::move(ring_.front());
      ring_.pop_front();
    }
    received_ += n;
    return n;
  }
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override {
    const size_t n = blocked ? 0 : QueueDecorator::TransmitBurst(now, in);
    sent_ += n;
    return n;
  }

  uint64_t received() const { return received_; }
  uint64_t sent() const { return sent_; }
  uint64_t lost() const { return lost_; }
  size_t waiting() const { return ring_.size(); }

  bool blocked = false;  // takes nothing to send

 private:
  // Descriptors become free only when the stack receives, so that looking then loses the same
  // frames as looking all the time.
  void Fill(Instant now) {
    std::array<PacketBuf, 32> burst;
    for (;;) {
      const size_t n = QueueDecorator::ReceiveBurst(now, burst);
      if (n == 0) return;
      for (size_t i = 0; i < n; ++i) {
        if (ring_.size() < kDescriptors) {
          ring_.push_back(std::move(burst[i]));
        } else {
          burst[i].Reset();
          ++lost_;
        }
      }
    }
  }

  std::deque<PacketBuf> ring_;
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
  uint64_t lost_ = 0;
};

// --- junk ---

enum class Junk {
  kGarbage,      // Ethernet frames of random bytes
  kUdp,          // to ports that nobody has
  kSyn,          // from addresses that nobody has, to a port that is listened on
  kUnknown,      // TCP segments of no connection
  kOutOfWindow,  // TCP segments of the flow's endpoints that it must not take
  kFragments,    // first fragments of datagrams that never become whole
};

std::string NameOf(Junk junk) {
  static constexpr const char* kNames[] = {"Garbage", "Udp",         "Syn",
                                           "Unknown", "OutOfWindow", "Fragments"};
  return kNames[static_cast<size_t>(junk)];
}

// Frames that the protocols oblige a host to send for each of the flood's.
double ObligedAnswers(Junk junk) { return junk == Junk::kSyn ? 1 : 0; }

class JunkMaker {
 public:
  JunkMaker(Junk kind, const Route& route, const tcp::FourTuple& flow)
      : kind_(kind), route_(route), flow_(flow) {}

  Bytes Next() {
    const Route from = Spoofed();
    const auto port = static_cast<uint16_t>(1024 + random_.Below(60000));
    const auto number = static_cast<uint32_t>(random_.Next64());
    switch (kind_) {
      case Junk::kGarbage: {
        Bytes frame(60 + random_.Below(140));
        for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random_.Next64());
        // Half of it is for us, and half of that calls itself IP.
        if (random_.Chance(0.5)) route_.dst_mac.CopyTo(frame.data());
        if (random_.Chance(0.5)) StoreBe16(frame.data() + 12, arp::ether_type::kIpv4);
        return frame;
      }
      case Junk::kUdp:
        return UdpFrame(from, port, 9, payload_);
      case Junk::kSyn:
        return Tcp(from, port, 80).Flags(tcp::kSyn).Seq(number).Mss(1460);
      case Junk::kUnknown:
        return Tcp(from, port, random_.Chance(0.5) ? 80 : 81)
            .Seq(number)
            .Ack(~number)
            .Payload(payload_);
      case Junk::kOutOfWindow: {
        static constexpr uint8_t kFlags[] = {tcp::kAck, tcp::kAck | tcp::kPsh, tcp::kRst,
                                             tcp::kSyn};
        const uint8_t flags = kFlags[random_.Below(4)];
        Tcp segment(route_, flow_.remote_port, flow_.local_port);
        segment.Seq(number).Ack(~number).Flags(flags);
        if ((flags & tcp::kPsh) != 0) segment.Payload(payload_);
        return segment;
      }
      case Junk::kFragments: {
        IpFields ip;
        ip.dont_fragment = false;
        ip.more_fragments = true;
        ip.identification = number;
        return IpFrame(from, 17, payload_, ip);
      }
    }
    return Bytes();
  }

 private:
  // Another host beyond the gateway.
  Route Spoofed() {
    Route route = route_;
    const auto host = static_cast<uint32_t>(random_.Below(1 << 20));
    route.src = route_.src.is_v4() ? IpAddress(Ipv4Address(0x0b00'0000 + host))
                                   : IpAddress(Ipv6Address(0xfd77'0000'0000'0000, 1 + host));
    return route;
  }

  Junk kind_;
  Route route_;
  tcp::FourTuple flow_;
  Random random_{4711};
  Bytes payload_ = Pattern(64);
};

// --- the simulation ---

struct Rates {
  double goodput = 0;  // bytes a second
  double data = 0;     // frames a second that carry it
  double in = 0;       // all frames a second that the stack under test takes, and sends
  double out = 0;
  uint64_t lost = 0;
};

// A client with time to spare and a server, 1 Gbit/s and 100 us apart.
class Flood {
 public:
  // What the flow's sender has to say, bytes a second: the link has room for it and for what the
  // protocols oblige the stack to answer to a flood.
  static constexpr double kRate = 75e6;

  // serves: the server sends; else it receives.
  Flood(bool v6, bool serves, Duration packet_cost, const stack::StackOptions& options = {})
      : packet_cost_(packet_cost), serves_(serves) {
    SimLinkOptions link;
    link.pool_packets = 16384;
    for (SimPath& path : link.path) {
      path.delay = microseconds(100);
      path.bandwidth = 1'000'000'000;
      path.queue_bytes = 65536;
      path.backpressure = true;
    }
    link_ = std::make_unique<SimLink>(0, link, 1, [](const SimFrame&) { return true; });
    card_ = std::make_unique<Card>(link_->device(1).queue(0));
    for (int i = 0; i < 2; ++i) {
      stack::StackOptions own = options;
      own.seed = 11 + static_cast<uint64_t>(i);
      stacks_[i] = std::make_unique<stack::Stack>(own, clock_.Now());
      stack::InterfaceOptions interface;
      interface.addresses = {{link_->address(i, false), 24}, {link_->address(i, true), 64}};
      if (i == 1) interface.gateways = {link_->address(0, false), link_->address(0, true)};
      driver::DeviceQueue& queue = i == 0 ? link_->device(0).queue(0) : *card_;
      CL_CHECK(stacks_[i]->AddInterface(queue, link_->device(i).info(), interface).ok());
    }
    stack::TcpSetupError error;
    to_ = {link_->address(1, v6), 80};
    listener_ = server().tcp().Listen(to_, 1024, error);
    flow_ = client().tcp().Connect(to_, {}, error);
    CL_CHECK(listener_ != nullptr && flow_ != nullptr);
    CL_CHECK(RunUntil([&] { return peer_ != nullptr && flow_->connected(); }, milliseconds(100)));
  }

  stack::Stack& client() { return *stacks_[0]; }
  stack::Stack& server() { return *stacks_[1]; }
  Card& card() { return *card_; }
  SimLink& link() { return *link_; }
  Instant now() const { return clock_.Now(); }
  void set_rate(double bytes_a_second) { rate_ = bytes_a_second; }

  void Begin(Junk kind, double rate) {
    const Route route{link_->device(0).info().mac, link_->device(1).info().mac,
                      flow_->tuple().local, flow_->tuple().remote};
    JunkMaker maker(kind, route, peer_->tuple());
    // Making frames costs more than the simulation: a flood repeats itself, late.
    junk_.clear();
    for (size_t i = 0; i < 16384; ++i) junk_.push_back(maker.Next());
    junk_every_ = nanoseconds(static_cast<int64_t>(1e9 / rate));
    next_junk_ = now();
  }

  // The flow's rates over `d`.
  Rates Measure(Duration d) {
    const size_t bytes = received_;
    const uint64_t in = card_->received();
    const uint64_t out = card_->sent();
    const uint64_t lost = card_->lost();
    const uint64_t data = DataFrames();
    const Instant start = now();
    RunUntil([] { return false; }, d);
    const double t = Seconds(now() - start);
    Rates rates;
    rates.goodput = static_cast<double>(received_ - bytes) / t;
    rates.data = static_cast<double>(DataFrames() - data) / t;
    rates.in = static_cast<double>(card_->received() - in) / t;
    rates.out = static_cast<double>(card_->sent() - out) / t;
    rates.lost = card_->lost() - lost;
    return rates;
  }

  // A connection that is made now, and 20 KB on it.
  bool ConnectsAndTransfers(Duration limit) {
    stack::TcpSetupError error;
    stack::TcpConnectOptions options;
    options.tcp.emplace().no_delay = true;
    stack::TcpSocket* const mine = client().tcp().Connect(to_, options, error);
    CL_CHECK(mine != nullptr);
    const Bytes sent = Pattern(20'000);
    size_t written = 0;
    size_t read = 0;
    Bytes buffer(sent.size());
    return RunUntil(
        [&] {
          if (mine->connected()) written += mine->Write(std::span(sent).subspan(written));
          for (stack::TcpSocket* const s : accepted_) {
            if (s->remote() == mine->local()) read += s->Read(std::span(buffer).subspan(read));
          }
          return read == sent.size() && buffer == sent;
        },
        limit);
  }

  template <class Done>
  bool RunUntil(const Done& done, Duration limit) {
    const Instant end = now() + limit;
    while (!done()) {
      if (now() >= end) return false;
      Step();
    }
    return true;
  }

 private:
  static constexpr Duration kStep = microseconds(4);

  uint64_t DataFrames() const {
    return (serves_ ? peer_ : flow_)->connection().bytes_out() / flow_->connection().mss();
  }

  // The client reacts every few microseconds; the server when it is done with its last turn.
  void Step() {
    for (; !junk_.empty() && next_junk_ <= now() + kStep; next_junk_ += junk_every_) {
      link_->Inject(1, junk_[junk_count_++ % junk_.size()], next_junk_);
    }
    while (client().Poll(now())) {
    }
    Pump(*flow_, !serves_);
    if (now() >= server_free_) Turn();
    clock_.Advance(kStep);
  }

  void Turn() {
    const uint64_t before = card_->received() + card_->sent();
    server().Receive(now());
    while (stack::TcpSocket* const s = listener_->Accept()) {
      if (peer_ == nullptr) peer_ = s;
      accepted_.push_back(s);
    }
    if (peer_ != nullptr) Pump(*peer_, serves_);
    server().Transmit(now());
    const auto packets = static_cast<int64_t>(card_->received() + card_->sent() - before);
    // What is left of a step belongs to the next turn.
    server_free_ = std::max(server_free_, now() - kStep) + packets * packet_cost_;
  }

  void Pump(stack::TcpSocket& socket, bool sends) {
    socket.TakeEvents();
    if (sends && socket.connected()) {
      const auto due = static_cast<size_t>(rate_ * Seconds(now() - flow_start_));
      while (written_ < due) {
        const size_t n =
            socket.Write(std::span(buffer_).first(std::min(due - written_, buffer_.size())));
        if (n == 0) break;
        written_ += n;
      }
    }
    while (const PacketBuf packet = socket.ReadPacket()) received_ += packet.packet_size();
  }

  ManualClock clock_;
  Duration packet_cost_;
  bool serves_;
  std::unique_ptr<SimLink> link_;
  std::unique_ptr<Card> card_;
  std::unique_ptr<stack::Stack> stacks_[2];
  Endpoint to_;
  stack::TcpListener* listener_ = nullptr;
  stack::TcpSocket* flow_ = nullptr;
  stack::TcpSocket* peer_ = nullptr;
  std::vector<stack::TcpSocket*> accepted_;
  const Instant flow_start_ = clock_.Now();
  double rate_ = kRate;
  size_t written_ = 0;
  size_t received_ = 0;
  Bytes buffer_ = Pattern(16384);
  Instant server_free_{};
  std::vector<Bytes> junk_;
  size_t junk_count_ = 0;
  Instant next_junk_{};
  Duration junk_every_{1};
};

constexpr double kTimesTheFlow = 10;
constexpr Duration kWarmUp = milliseconds(20);
constexpr Duration kWindow = milliseconds(60);

Rates Undisturbed(bool v6, bool serves) {
  Flood flood(v6, serves, nanoseconds(50));
  flood.RunUntil([] { return false; }, kWarmUp);
  return flood.Measure(kWindow);
}

// With which the processor is busy for all but `spare` of the time.
Duration PacketCost(const Rates& flow, double answers, double spare) {
  const double packets = flow.in + flow.out + kTimesTheFlow * flow.data * (1 + answers);
  return nanoseconds(static_cast<int64_t>(1e9 * (1 - spare) / packets));
}

using Param = std::tuple<Junk, bool, bool>;  // whether the flooded stack sends the data, IPv6

class StackFloodTest : public ::testing::TestWithParam<Param> {
 protected:
  static Junk junk() { return std::get<0>(GetParam()); }
  static bool serves() { return std::get<1>(GetParam()); }
  static bool v6() { return std::get<2>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Kinds, StackFloodTest,
                         ::testing::Combine(::testing::Values(Junk::kGarbage, Junk::kUdp,
                                                              Junk::kSyn, Junk::kUnknown,
                                                              Junk::kOutOfWindow, Junk::kFragments),
                                            ::testing::Bool(), ::testing::Bool()),
                         [](const auto& info) {
                           return NameOf(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "Sends" : "Receives") +
                                  (std::get<2>(info.param) ? "V6" : "V4");
                         });

TEST_P(StackFloodTest, KeepsItsFlowAndTakesNewOnes) {
  const Rates before = Undisturbed(v6(), serves());
  ASSERT_GT(before.goodput, 70e6);
  Flood flood(v6(), serves(), PacketCost(before, ObligedAnswers(junk()), 0.08));
  flood.RunUntil([] { return false; }, kWarmUp);
  flood.Begin(junk(), kTimesTheFlow * before.data);
  flood.RunUntil([] { return false; }, kWarmUp);
  const Rates during = flood.Measure(kWindow);
  EXPECT_GE(during.goodput, 0.7 * before.goodput) << during.lost << " frames lost";
  EXPECT_GE(during.in, 0.95 * kTimesTheFlow * before.data) << "the junk was taken, not lost";
  EXPECT_TRUE(flood.ConnectsAndTransfers(milliseconds(30)));
  RecordProperty("goodput_percent", static_cast<int>(100 * during.goodput / before.goodput));
  RecordProperty("lost", static_cast<int>(during.lost));
  RecordProperty("answers_percent",
                 static_cast<int>(100 * (during.out - before.out) / (kTimesTheFlow * before.data)));
}

// The same with half the processor: no stack could help it, and the model says so.
TEST(StackFloodModelTest, AProcessorThatIsTooSlowLosesTheFlow) {
  const Rates before = Undisturbed(false, false);
  Flood flood(false, false, 2 * PacketCost(before, 0, 0.08));
  flood.RunUntil([] { return false; }, kWarmUp);
  flood.Begin(Junk::kGarbage, kTimesTheFlow * before.data);
  flood.RunUntil([] { return false; }, kWarmUp);
  const Rates during = flood.Measure(kWindow);
  EXPECT_LT(during.goodput, 0.7 * before.goodput);
  EXPECT_GT(during.lost, 0u);
}

// --- what a turn takes ---

TEST(StackTurnTest, TakesNoMoreThanABatchFromEachInterface) {
  for (const size_t batch : {1u, 8u, 32u, 100u}) {
    stack::StackOptions options;
    options.batch = batch;
    Flood flood(false, false, nanoseconds(0), options);
    flood.RunUntil([] { return false; }, milliseconds(5));
    const Instant later = flood.now() + milliseconds(1);
    const Bytes frame(60, 0xee);
    for (int i = 0; i < 300; ++i) flood.link().Inject(1, frame, flood.now());
    for (size_t left = flood.card().waiting(); left > 0; left = flood.card().waiting()) {
      flood.server().Receive(later);
    }
    for (int i = 0; i < 300; ++i) flood.link().Inject(1, frame, flood.now());
    EXPECT_EQ(flood.server().Receive(later), batch);
    EXPECT_EQ(flood.server().Receive(later), batch);
  }
}

TEST(StackTurnTest, SendsNoMoreThanItsBatches) {
  for (const size_t batches : {1u, 2u, 4u}) {
    stack::StackOptions options;
    options.batch = 16;
    options.transmit_batches = batches;
    options.tcp.send_buffer = options.tcp.send_buffer_max = 1 << 20;
    Flood flood(false, true, nanoseconds(0), options);
    flood.link().path(1).queue_bytes = 1 << 20;
    flood.set_rate(1e9);
    flood.RunUntil([] { return false; }, milliseconds(30));  // the window is wide open
    // Nothing leaves until all of it is acknowledged; then the whole window is due at once.
    flood.card().blocked = true;
    flood.RunUntil([] { return false; }, milliseconds(10));
    flood.card().blocked = false;
    flood.server().Receive(flood.now());
    const uint64_t before = flood.card().sent();
    flood.server().Transmit(flood.now());
    // One batch waited for the device already.
    EXPECT_LE(flood.card().sent() - before, (batches + 1) * options.batch);
    EXPECT_GE(flood.card().sent() - before, batches * options.batch);
  }
}

TEST(StackTurnTest, AFullDeviceKeepsNothingFromBeingReceived) {
  Flood flood(false, true, nanoseconds(0));
  flood.RunUntil([] { return false; }, milliseconds(20));
  flood.card().blocked = true;
  const uint64_t turns = flood.server().turns();
  const uint64_t sent = flood.card().sent();
  flood.Begin(Junk::kUdp, 500'000);
  flood.RunUntil([] { return false; }, milliseconds(20));
  EXPECT_GT(flood.server().turns(), turns + 1000) << "it waits for nothing";
  EXPECT_EQ(flood.card().sent(), sent);
  EXPECT_EQ(flood.card().lost(), 0u);
  EXPECT_LE(flood.card().waiting(), flood.server().options().batch);
  EXPECT_GT(flood.server().network().drops().value(ip::DropReason::kUdpNoSocket), 9'000u);
  stack::Interface& interface = flood.server().network().interface(0);
  const size_t waiting = interface.pending();
  EXPECT_GE(waiting, flood.server().options().batch) << "what was ready waits";
  EXPECT_TRUE(flood.server().HasOutput());
  flood.card().blocked = false;
  flood.server().Transmit(flood.now());
  EXPECT_GE(flood.card().sent() - sent, waiting) << "and leaves first";
  const Rates after = flood.Measure(milliseconds(40));
  EXPECT_GT(after.goodput, 60e6) << "the flow goes on";
}

}  // namespace
}  // namespace corelane::testing
