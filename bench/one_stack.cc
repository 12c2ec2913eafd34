#include "bench/one_stack.h"

#include <array>
#include <cstring>

#include "core/bytes.h"
#include "core/check.h"

namespace corelane::bench {
namespace {

// Ethernet, IPv4 without options, TCP with timestamps behind two NOPs.
constexpr size_t kIp = 14;
constexpr size_t kTcp = kIp + 20;
constexpr size_t kSeq = kTcp + 4;
constexpr size_t kAck = kTcp + 8;
constexpr size_t kChecksum = kTcp + 16;
constexpr size_t kTimestamp = kTcp + 24;
constexpr size_t kTimestampEcho = kTcp + 28;
constexpr size_t kPayload = kTcp + 32;
constexpr uint8_t kTcpProtocol = 6;

std::vector<uint8_t> BytesOf(const PacketBuf& packet) {
  std::vector<uint8_t> bytes(packet.packet_size());
  packet.CopyOut(0, bytes);
  return bytes;
}

}  // namespace

OneStack::OneStack(size_t batch, bool subject_connects) {
  driver::RingOptions options;
  options.depth = 512;
  ring_ = driver::MakeRingPair(options);
  const auto make = [&](driver::Device& device, uint8_t host, size_t at_most) {
    stack::StackOptions stack_options;
    stack_options.seed = host;
    stack_options.batch = at_most;
    stack_options.tcp.no_delay = true;
    auto made = std::make_unique<stack::Stack>(stack_options, now_);
    stack::InterfaceOptions interface;
    interface.addresses = {{Ipv4Address(10, 0, 0, host), 24}};
    CL_CHECK(made->AddInterface(device.queue(0), device.info(), interface).ok());
    return made;
  };
  other_ = make(*ring_.a, 1, 32);
  subject_ = make(*ring_.b, 2, batch);
  stack::Stack& server = subject_connects ? *other_ : *subject_;
  stack::Stack& client = subject_connects ? *subject_ : *other_;
  const Endpoint endpoint{Ipv4Address(10, 0, 0, subject_connects ? 1 : 2), 80};
  stack::TcpSetupError error;
  CL_CHECK(server.tcp().Listen(endpoint, 4, error) != nullptr);
  stack::TcpSocket* const connecting = client.tcp().Connect(endpoint, {}, error);
  CL_CHECK(connecting != nullptr);
  Exchange(64);
  stack::TcpListener* const listener = server.tcp().NextReadyListener();
  CL_CHECK(listener != nullptr);
  stack::TcpSocket* const accepted = listener->Accept();
  CL_CHECK(accepted != nullptr && connecting->connected());
  socket_ = subject_connects ? connecting : accepted;
  other_socket_ = subject_connects ? accepted : connecting;
}

void OneStack::Exchange(int turns) {
  for (int i = 0; i < turns; ++i) {
    Tick();
    other_->Poll(now_);
    subject_->Poll(now_);
  }
}

std::vector<uint8_t> OneStack::CaptureData(size_t n) {
  const std::vector<uint8_t> bytes(n, 'd');
  CL_CHECK(other_socket_->Write(bytes) == n);
  other_->Transmit(Tick());
  PacketBuf frame;
  CL_CHECK(ring_.b->queue(0).ReceiveBurst(now_, {&frame, 1}) == 1);
  return BytesOf(frame);
}

std::vector<uint8_t> OneStack::CaptureAck() {
  std::vector<uint8_t> last;
  // Delayed ACKs are 40 ms late.
  for (int i = 0; i < 100; ++i) {
    now_ += std::chrono::milliseconds(1);
    other_->Poll(now_);
    PacketBuf frame;
    while (ring_.b->queue(0).ReceiveBurst(now_, {&frame, 1}) == 1) last = BytesOf(frame);
  }
  CL_CHECK(!last.empty());
  return last;
}

void OneStack::Play(const std::vector<uint8_t>& bytes) {
  driver::DeviceQueue& queue = ring_.a->queue(0);
  PacketBuf packet;
  CL_CHECK(queue.AllocateBurst({&packet, 1}) == 1);
  std::memcpy(packet.Append(bytes.size()), bytes.data(), bytes.size());
  CL_CHECK(queue.TransmitBurst(now_, {&packet, 1}) == 1);
}

size_t OneStack::TakeSent(std::vector<uint8_t>* last) {
  std::array<PacketBuf, 64> burst;
  size_t total = 0;
  while (const size_t n = ring_.a->queue(0).ReceiveBurst(now_, burst)) {
    total += n;
    if (last != nullptr) *last = BytesOf(burst[n - 1]);
    for (size_t i = 0; i < n; ++i) burst[i].Reset();
  }
  return total;
}

FrameTemplate::FrameTemplate(std::vector<uint8_t> frame) : frame_(std::move(frame)) {
  CL_CHECK(frame_.size() >= kPayload && frame_[kTcp + 12] == 0x80);
  const std::vector<uint8_t> whole = frame_;
  for (const size_t field : {kSeq, kAck, kTimestampEcho}) std::memset(&frame_[field], 0, 4);
  std::memset(&frame_[kChecksum], 0, 2);
  const std::span<const uint8_t> tcp = std::span<const uint8_t>(frame_).subspan(kTcp);
  rest_ = SumBytes(tcp) + PseudoHeaderSum(Ipv4Address(LoadBe32(&frame_[kIp + 12])),
                                          Ipv4Address(LoadBe32(&frame_[kIp + 16])), kTcpProtocol,
                                          static_cast<uint32_t>(tcp.size()));
  frame_ = whole;
}

uint32_t FrameTemplate::seq() const { return LoadBe32(&frame_[kSeq]); }
uint32_t FrameTemplate::ack() const { return LoadBe32(&frame_[kAck]); }
uint32_t FrameTemplate::timestamp() const { return LoadBe32(&frame_[kTimestamp]); }
size_t FrameTemplate::payload() const { return frame_.size() - kPayload; }
void FrameTemplate::set_seq(uint32_t seq) { StoreBe32(&frame_[kSeq], seq); }
void FrameTemplate::set_ack(uint32_t ack) { StoreBe32(&frame_[kAck], ack); }
void FrameTemplate::set_timestamp_echo(uint32_t echo) { StoreBe32(&frame_[kTimestampEcho], echo); }

const std::vector<uint8_t>& FrameTemplate::frame() {
  Sum16 sum = rest_;
  for (const size_t field : {kSeq, kAck, kTimestampEcho}) {
    sum += Sum16::OfWord(LoadBe16(&frame_[field])) + Sum16::OfWord(LoadBe16(&frame_[field + 2]));
  }
  sum.StoreComplement(&frame_[kChecksum]);
  return frame_;
}

ReceivePath::ReceivePath(size_t payload, size_t batch)
    : OneStack(batch, /*subject_connects=*/false), buffer_(256 * 1024) {
  data_.emplace(CaptureData(payload));
  CL_CHECK(data_->payload() == payload);
  seq_ = data_->seq();
}

void ReceivePath::Prepare(size_t n) {
  for (size_t i = 0; i < n; ++i) {
    data_->set_seq(seq_);
    Play(data_->frame());
    seq_ += static_cast<uint32_t>(data_->payload());
  }
}

void ReceivePath::Turn() {
  const Instant now = Tick();
  subject().Receive(now);
  while (stack::TcpSocket* const s = subject().tcp().NextReady()) {
    s->TakeEvents();
    while (const size_t n = s->Read(buffer_)) bytes_read_ += n;
  }
  subject().Transmit(now);
}

SendPath::SendPath(size_t payload) : OneStack(32, /*subject_connects=*/true), data_(payload, 'd') {
  // A first segment that the other acknowledges, for the sake of its ACK.
  Turn();
  ack_.emplace(CaptureAck());
  acked_at_capture_ = ack_->ack() - static_cast<uint32_t>(written_);
  Play(ack_->frame());
  subject().Poll(Tick());
}

void SendPath::Turn() {
  const Instant now = Tick();
  written_ += socket().Write(data_);
  subject().Transmit(now);
}

size_t SendPath::Acknowledge() {
  const size_t sent = TakeSent(&last_);
  if (sent == 0) return 0;
  ack_->set_ack(acked_at_capture_ + static_cast<uint32_t>(written_));
  ack_->set_timestamp_echo(FrameTemplate(last_).timestamp());
  Play(ack_->frame());
  subject().Receive(Tick());
  while (stack::TcpSocket* const s = subject().tcp().NextReady()) s->TakeEvents();
  subject().Transmit(now());
  return sent;
}

}  // namespace corelane::bench
