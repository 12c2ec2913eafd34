#include "testing/sim_transfer.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/check.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLongest = std::chrono::minutes(20);
// The first port of the listeners: connection i goes to kPort + i.
constexpr uint16_t kPort = 1000;

// From the smallest to the largest, each magnitude as likely as the next.
size_t LogUniform(Random& random, size_t largest) {
  size_t bits = 0;
  while (size_t{1} << bits <= largest) ++bits;
  return std::min<size_t>(random.Below(size_t{1} << random.Below(bits + 1)), largest);
}

Duration Between(Random& random, Duration from, Duration to) {
  return from + Duration(static_cast<int64_t>(
                    random.Below(static_cast<uint64_t>((to - from).count()) + 1)));
}

template <class T, size_t n>
T OneOf(Random& random, const T (&values)[n]) {
  return values[random.Below(n)];
}

}  // namespace

SimTransfer::SimTransfer(uint64_t seed)
    : net_(std::make_unique<SimNetwork>(seed)), random_(seed ^ 0x5eed), buffer_(65536) {
  ChooseLink();
  const int client = net_->AddHost(ChooseMemory());
  const int server = net_->AddHost(ChooseMemory());
  link_ = &net_->Connect(client, server, link_options_);
  const uint64_t n = 1 + random_.Below(4);
  for (uint64_t i = 0; i < n; ++i) ChooseConnection();
}

SimTransfer::~SimTransfer() = default;

void SimTransfer::ChooseLink() {
  const auto chance = [&](double probability, double largest) {
    return random_.Chance(probability) ? random_.UniformDouble() * largest : 0.0;
  };
  for (SimPath& path : link_options_.path) {
    path.delay = Between(random_, microseconds(50), milliseconds(random_.Chance(0.3) ? 60 : 5));
    if (random_.Chance(0.4)) path.jitter = Between(random_, microseconds(1), milliseconds(5));
    if (random_.Chance(0.4)) {
      path.bandwidth = 1'000'000 + random_.Below(100'000'000);
      path.queue_bytes = 20'000 + random_.Below(200'000);
      path.backpressure = random_.Chance(0.5);
    }
    path.loss = chance(0.7, 0.05);
    path.burst_loss = chance(0.2, 0.005);
    path.duplicate = chance(0.4, 0.05);
    path.reorder = chance(0.4, 0.2);
    path.corrupt = chance(0.3, 0.02);
  }
  link_options_.mtu = OneOf<uint16_t>(random_, {1500, 1500, 1500, 1280, 9000});
  link_options_.pool_packets = OneOf<size_t>(random_, {256, 512, 4096, 4096});
  link_options_.max_tx_segments = OneOf<uint16_t>(random_, {1, 4, 64, 64});
  if (random_.Chance(0.2)) link_options_.stall = random_.UniformDouble() * 0.01;
}

stack::StackOptions SimTransfer::ChooseMemory() {
  stack::StackOptions options;
  options.max_tcp_sockets = 64;
  options.max_blocks = OneOf<size_t>(random_, {16, 64, 4096, 4096});
  options.control_packets = OneOf<size_t>(random_, {32, 2048});
  options.batch = OneOf<size_t>(random_, {1, 8, 32, 64});
  options.transmit_batches = 1 + random_.Below(8);
  return options;
}

void SimTransfer::ChooseConnection() {
  auto c = std::make_unique<Connection>();
  c->v6 = random_.Chance(0.5);
  c->start = net_->now() + Between(random_, Duration(0), milliseconds(200));
  for (int i = 0; i < 2; ++i) ChooseSide(c->side[i], i);
  const uint64_t id = connections_.size() * 2;
  for (uint64_t i = 0; i < 2; ++i) {
    c->side[i].stream = id + i;
    c->side[i].peer_stream = id + 1 - i;
  }
  // If both waited for the other's end, nothing would.
  if (c->side[0].closes_late) c->side[1].closes_late = false;
  if (random_.Chance(0.15)) {
    Side& aborter = c->side[random_.Below(2)];
    aborter.aborts = true;
    aborter.abort_at = random_.Below(c->side[0].to_send + c->side[1].to_send + 1);
    // Its RST may get lost: the other side must find out by itself.
    for (Side& side : c->side) {
      side.options.keepalive = true;
      side.options.keepalive_idle = seconds(20);
      side.options.keepalive_interval = seconds(5);
    }
  }
  connections_.push_back(std::move(c));
}

void SimTransfer::ChooseSide(Side& side, int host) {
  side.host = host;
  side.to_send = LogUniform(random_, 200'000);
  side.largest_write = 1 + LogUniform(random_, 60'000);
  side.largest_read = 1 + LogUniform(random_, 60'000);
  // Few writes and reads where they are slow, or the simulation takes hours.
  if (random_.Chance(0.2)) {
    side.write_pause = Between(random_, microseconds(100), milliseconds(10));
    side.largest_write = std::max(side.largest_write, side.to_send / 200 + 1);
  }
  if (random_.Chance(0.3)) {
    side.read_pause = Between(random_, microseconds(100), milliseconds(100));
    side.largest_read = std::max<size_t>(side.largest_read, 2000);
  }
  side.lends = random_.Chance(0.2);
  side.closes_late = random_.Chance(0.3);
  tcp::Options& o = side.options;
  o.no_delay = random_.Chance(0.5);
  o.sack = random_.Chance(0.8);
  o.timestamps = random_.Chance(0.8);
  o.window_scaling = random_.Chance(0.9);
  if (random_.Chance(0.3)) o.receive_buffer = 4096 + static_cast<uint32_t>(random_.Below(60'000));
  if (random_.Chance(0.3)) o.receive_buffer_max = o.receive_buffer;
  if (random_.Chance(0.3)) o.send_buffer = 2048 + static_cast<uint32_t>(random_.Below(60'000));
  if (random_.Chance(0.2)) {
    o.max_segment_size = static_cast<uint16_t>(100 + random_.Below(1300));
  }
}

void SimTransfer::Fail(const std::string& what) {
  if (!failure_.empty()) failure_ += "; ";
  failure_ += what;
}

// --- the applications ---

void SimTransfer::Open(Connection& c) {
  const auto index = static_cast<uint16_t>(c.side[0].stream / 2);
  stack::TcpConnectOptions options;
  options.tcp = c.side[0].options;
  stack::TcpSetupError error;
  c.side[0].socket = net_->host(0).tcp().Connect(
      {link_->address(1, c.v6), static_cast<uint16_t>(kPort + index)}, options, error);
  if (c.side[0].socket == nullptr) Fail(std::string("connect: ") + ToString(error));
}

void SimTransfer::Accept() {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    while (stack::TcpSocket* const socket = listeners_[i]->Accept()) {
      Side& side = connections_[i]->side[1];
      if (side.socket != nullptr || side.done) {
        Fail("a second connection was accepted");
        socket->Abort();
        socket->Release();
        continue;
      }
      side.socket = socket;
    }
  }
}

void SimTransfer::Write(Side& side) {
  while (side.sent < side.to_send && net_->now() >= side.next_write) {
    const size_t n = std::min(1 + random_.Below(side.largest_write), side.to_send - side.sent);
    const size_t written = side.socket->Write(Pattern(n, side.stream, side.sent));
    side.sent += written;
    if (written < n) break;
    if (side.write_pause > Duration(0)) {
      side.next_write = net_->now() + side.write_pause;
      net_->WakeAt(side.next_write);
    }
  }
  // With no memory there is no event to wait for.
  if (side.sent < side.to_send && side.socket->writable_bytes() > 0 &&
      net_->now() >= side.next_look) {
    side.next_look = net_->now() + milliseconds(10);
    net_->WakeAt(side.next_look);
  }
}

size_t SimTransfer::ReadSome(Side& side) {
  if (side.lends) {
    const PacketBuf packet = side.socket->ReadPacket();
    return packet ? packet.CopyOut(0, buffer_) : 0;
  }
  return side.socket->Read(std::span(buffer_).first(1 + random_.Below(side.largest_read)));
}

void SimTransfer::Read(Side& side) {
  while (net_->now() >= side.next_read || side.socket->closed()) {
    const size_t n = ReadSome(side);
    for (size_t i = 0; i < n; ++i) {
      if (buffer_[i] != PatternByte(side.peer_stream, side.received + i)) {
        Fail("stream " + std::to_string(side.peer_stream) + ": wrong byte at " +
             std::to_string(side.received + i));
        break;
      }
    }
    side.received += n;
    if (n == 0) break;
    if (side.read_pause > Duration(0)) {
      side.next_read = net_->now() + side.read_pause;
      net_->WakeAt(side.next_read);
    }
  }
  if (side.socket->end_of_stream()) side.end_of_stream = true;
}

void SimTransfer::Act(Connection& c, Side& side) {
  if (side.done || side.socket == nullptr) return;
  side.socket->TakeEvents();
  if (side.socket->connected()) Write(side);
  Read(side);
  if (side.aborts && side.sent + side.received >= side.abort_at && !side.socket->closed()) {
    side.socket->Abort();
  }
  const bool may_close = !side.closes_late || side.end_of_stream;
  if (!side.close_sent && side.socket->connected() && side.sent == side.to_send && may_close) {
    side.socket->CloseSend();
    side.close_sent = true;
  }
  if (side.socket->closed() && side.socket->readable_bytes() == 0) Finish(c, side);
}

void SimTransfer::Finish(Connection& c, Side& side) {
  side.error = side.socket->error();
  side.done = true;
  const bool established = side.socket->connection().established_once();
  side.socket->Release();
  side.socket = nullptr;
  if (&side == &c.side[0] && !established && side.error == tcp::Error::kUnreachable) {
    // The other side never heard of it.
    ++unresolved_;
    c.side[1].done = true;
    c.side[1].error = side.error;
  }
}

// Aborted before the other side's application knew of the connection, which is gone by now.
bool SimTransfer::NeverAccepted(const Connection& c) const {
  if (c.side[0].error != tcp::Error::kAborted || c.side[1].socket != nullptr) return false;
  const auto port = static_cast<uint16_t>(kPort + c.side[0].stream / 2);
  bool gone = true;
  net_->host(1).tcp().ForEachSocket(
      [&](const stack::TcpSocket& s) { gone = gone && s.local().port != port; });
  return gone;
}

bool SimTransfer::AllDone() const {
  return std::all_of(connections_.begin(), connections_.end(), [this](const auto& c) {
    return c->side[0].done && (c->side[1].done || NeverAccepted(*c));
  });
}

// --- what must hold ---

void SimTransfer::CheckEnd(const Connection& c) {
  const bool aborted = c.side[0].aborts || c.side[1].aborts;
  for (int i = 0; i < 2; ++i) {
    const Side& side = c.side[i];
    const Side& peer = c.side[1 - i];
    const std::string who = "stream " + std::to_string(side.stream) + ": ";
    if (side.received > peer.sent) Fail(who + "more was received than sent");
    if (side.error == tcp::Error::kUnreachable && peer.error == tcp::Error::kUnreachable) continue;
    if (aborted) {
      const bool right = side.error == tcp::Error::kNone || side.error == tcp::Error::kReset ||
                         side.error == tcp::Error::kRefused ||
                         (side.aborts && side.error == tcp::Error::kAborted);
      if (!right) Fail(who + "ended with " + tcp::ToString(side.error));
      continue;
    }
    if (side.error != tcp::Error::kNone) Fail(who + "ended with " + tcp::ToString(side.error));
    if (side.received != peer.to_send) {
      Fail(who + "received " + std::to_string(side.received) + " of " +
           std::to_string(peer.to_send));
    }
    if (!side.end_of_stream) Fail(who + "saw no end of the stream");
  }
}

void SimTransfer::CheckLeaks() {
  for (stack::TcpListener* listener : listeners_) listener->Release();
  listeners_.clear();
  const bool gone = net_->RunUntil(
      [&] { return net_->host(0).tcp().sockets() + net_->host(1).tcp().sockets() == 0; },
      std::chrono::minutes(30));
  if (!gone) Fail("sockets are left");
  net_->RunFor(seconds(90));
  for (int i = 0; i < 2; ++i) {
    stack::Stack& host = net_->host(i);
    const std::string who = "host " + std::to_string(i) + ": ";
    if (host.tcp().time_wait() != 0) Fail(who + "TIME-WAIT goes on");
    if (host.tcp().orphans() != 0) Fail(who + "orphans are left");
    if (host.tcp().blocks_in_use() != 0) {
      Fail(who + std::to_string(host.tcp().blocks_in_use()) + " blocks are left");
    }
    if (host.network().control_pool().in_use() != host.network().neighbors().pending_packets()) {
      Fail(who + std::to_string(host.network().control_pool().in_use()) +
           " control packets are left");
    }
  }
  net_->DestroyHosts();
  for (int end = 0; end < 2; ++end) {
    if (link_->pool(end).in_use() != 0) {
      Fail(std::to_string(link_->pool(end).in_use()) + " packets are left at end " +
           std::to_string(end));
    }
  }
}

std::string SimTransfer::Run() {
  for (size_t i = 0; i < connections_.size(); ++i) {
    stack::TcpSetupError error;
    Connection& c = *connections_[i];
    listeners_.push_back(
        net_->host(1).tcp().Listen({link_->address(1, c.v6), static_cast<uint16_t>(kPort + i)}, 16,
                                   error, &c.side[1].options));
    CL_CHECK(listeners_.back() != nullptr);
    net_->WakeAt(c.start);
  }
  const bool ended = net_->RunUntil(
      [&] {
        Accept();
        for (auto& c : connections_) {
          if (c->side[0].socket == nullptr && !c->side[0].done && net_->now() >= c->start) Open(*c);
          for (Side& side : c->side) Act(*c, side);
        }
        return AllDone() || !failure_.empty();
      },
      kLongest);
  if (!ended) Fail("stalled");
  if (!failure_.empty()) return failure_;
  for (const auto& c : connections_) CheckEnd(*c);
  CheckLeaks();
  return failure_;
}

std::string SimTransfer::Describe() const {
  std::ostringstream os;
  os << "MTU " << link_options_.mtu << ", pool " << link_options_.pool_packets << ", segments "
     << link_options_.max_tx_segments << ", stall " << link_options_.stall << "\n";
  for (int i = 0; i < 2; ++i) {
    const SimPath& p = link_options_.path[i];
    const SimPathStats& s = link_->stats(i);
    os << (i == 0 ? "forth" : "back") << ": delay " << ToMicroseconds(p.delay) << " us, jitter "
       << ToMicroseconds(p.jitter) << " us, bandwidth " << p.bandwidth << ", queue "
       << p.queue_bytes << (p.backpressure ? " (refuses)" : "") << ", loss " << p.loss
       << ", bursts " << p.burst_loss << ", duplication " << p.duplicate << ", reordering "
       << p.reorder << ", corruption " << p.corrupt << "; sent " << s.sent << ", lost " << s.lost
       << ", overflowed " << s.overflowed << ", no buffer " << s.no_buffer << "\n";
  }
  for (const auto& c : connections_) {
    os << (c->v6 ? "v6" : "v4");
    for (const Side& side : c->side) {
      os << (side.host == 0 ? " client" : "; server") << " sent " << side.sent << "/"
         << side.to_send << " received " << side.received << (side.aborts ? " aborts" : "")
         << (side.closes_late ? " closes late" : "") << (side.options.sack ? " sack" : "")
         << (side.options.timestamps ? " ts" : "") << " "
         << (side.done                ? tcp::ToString(side.error)
             : side.socket != nullptr ? tcp::ToString(side.socket->connection().state())
                                      : "unborn");
    }
    os << "\n";
  }
  return os.str();
}

}  // namespace corelane::testing
