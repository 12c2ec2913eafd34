// A stack's TCP sockets and a peer that the fuzzer's bytes play: segments, ICMP errors, a device
// that stalls, an application that writes, reads and closes, and time.
//
//   byte 0: the connection's settings     byte 1: the peer's SYN     then: operations
//
// What must hold: no check fails; every frame that leaves is well-formed, and its payload is what
// was written there; what is read is what the peer sent there; connections end once their owner is
// gone and time passes, and give everything back.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/check.h"
#include "testing/fuzz_input.h"
#include "testing/segment_builder.h"
#include "testing/segment_matchers.h"
#include "testing/wire.h"

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint16_t kPort = 80;
constexpr uint16_t kPeerPort = 4000;
constexpr uint32_t kPeerIss = 0xffff'f000;  // its numbers wrap soon
constexpr int kMaxOperations = 400;
constexpr size_t kBlocks = 32;
constexpr uint64_t kOurStream = 1;
// The peer's bytes that are remembered: [kPeerIss, kPeerIss + kRemembered).
constexpr uint32_t kRemembered = 1 << 18;

// The peer's byte at an absolute sequence number, whatever segment carries it.
uint8_t PeerByte(uint32_t seq) { return PatternByte(2, seq); }

WireOptions Options(uint8_t settings) {
  WireOptions options;
  options.v6 = (settings & 1) != 0;
  options.pool_packets = 256;
  options.stack.max_tcp_sockets = 16;
  options.stack.max_blocks = kBlocks;
  options.stack.control_packets = 64;
  options.stack.max_time_wait = 8;
  options.stack.max_orphans = 4;
  tcp::Options& tcp = options.stack.tcp;
  tcp.no_delay = (settings & 4) != 0;
  tcp.sack = (settings & 8) != 0;
  tcp.timestamps = (settings & 16) != 0;
  tcp.window_scaling = (settings & 32) != 0;
  tcp.keepalive = (settings & 64) != 0;
  tcp.keepalive_idle = seconds(30);
  tcp.keepalive_interval = seconds(5);
  tcp.receive_buffer = (settings & 128) != 0 ? 4096 : 65536;
  tcp.receive_buffer_max = 128 * 1024;
  tcp.send_buffer_max = 128 * 1024;
  return options;
}

class Conversation {
 public:
  explicit Conversation(FuzzInput input)
      : input_(input), settings_(input_.U8()), wire_(Options(settings_)), sent_(kRemembered) {}

  void Run() {
    listener_ = wire_.Listen(kPort, 4);
    Open();
    for (int i = 0; i < kMaxOperations && !input_.empty(); ++i) {
      Step();
      Look();
    }
    End();
  }

 private:
  void Open() {
    const uint8_t syn = input_.U8();
    if ((settings_ & 2) != 0) {
      stack::TcpSetupError error;
      stack::TcpConnectOptions options;
      options.local_port = kPort;
      socket_ = wire_.stack().tcp().Connect({wire_.peer(), kPeerPort}, options, error);
      CL_CHECK(socket_ != nullptr);
      wire_.Settle();
      Look();
    }
    testing::Tcp frame = Header();
    frame.Seq(kPeerIss).Window(static_cast<uint16_t>(input_.U8() << 8));
    if ((syn & 1) != 0) frame.Mss(static_cast<uint16_t>(input_.U8() * 8));
    if ((syn & 2) != 0) frame.SackPermitted();
    if ((syn & 4) != 0) frame.WindowScale(static_cast<uint8_t>(syn >> 5));
    if ((syn & 8) != 0) frame.Timestamps(peer_time_, last_tsval_);
    frame.Flags(tcp::kSyn);
    if ((settings_ & 2) != 0 && (syn & 16) == 0) frame.Ack(snd_nxt_);
    peer_nxt_ = kPeerIss + 1;
    wire_.Inject(frame);
    Look();
    // The handshake's last segment; the fuzzer rarely finds it by itself.
    if ((syn & 16) == 0) wire_.Inject(Common(0).Seq(peer_nxt_).Ack(snd_nxt_).Window(0x4000));
    Look();
  }

  testing::Tcp Header() const { return wire_.Tcp(kPeerPort, kPort); }
  testing::Tcp Common(uint8_t age) const {
    testing::Tcp frame = Header();
    if (timestamps_) frame.Timestamps(peer_time_ - age, last_tsval_);
    return frame;
  }

  void Step() {
    const uint8_t operation = input_.U8();
    switch (operation & 15) {
      case 0:  // in order
      case 1:
        SendData(peer_nxt_, snd_nxt_, LengthOf(input_.U8()));
        break;
      case 2: {  // anywhere near
        const auto offset = static_cast<int16_t>(input_.U16());
        SendData(peer_nxt_ + static_cast<uint32_t>(int32_t{offset}), snd_nxt_,
                 LengthOf(input_.U8()));
        break;
      }
      case 3:  // acknowledges a part
        Acknowledge(std::min<uint32_t>(input_.U16(), snd_nxt_ - snd_una_), 0);
        break;
      case 4:
        Acknowledge(0, 1 + (operation >> 4) % 4);
        break;
      case 5:
        SendAnything();
        break;
      case 6:
        SendRaw();
        break;
      case 7:
        SendIcmp(operation >> 4);
        break;
      case 8:
        wire_.Advance(milliseconds(1) * (int64_t{1} << (operation >> 4)));
        break;
      case 9:
        if (socket_ != nullptr) {
          written_ += socket_->Write(Pattern(input_.U16() & 0x3fff, kOurStream, written_));
        }
        break;
      case 10:
        Read(input_.U16() + size_t{1});
        break;
      case 11:
        Lend();
        break;
      case 12:
        Application(operation >> 4);
        break;
      case 13:
        wire_.device().blocked = (operation & 16) != 0;
        break;
      case 14:
        peer_time_ += input_.U8();
        break;
      default:
        hold_ = (operation & 16) != 0;
    }
    if (!hold_) Deliver();
  }

  static size_t LengthOf(uint8_t byte) { return byte < 128 ? byte : (byte - 127u) * 11; }

  // Held frames arrive in one burst.
  void Send(Bytes frame) {
    held_.push_back(std::move(frame));
    if (held_.size() >= 24) Deliver();
  }
  void Deliver() {
    wire_.InjectAll(held_);
    held_.clear();
  }

  void SendData(uint32_t seq, uint32_t ack, size_t length, uint8_t flags = 0) {
    testing::Tcp frame = Common(0);
    frame.Flags(flags).Seq(seq).Ack(ack).Window(window_).Payload(PeerBytes(seq, length));
    Send(frame);
    if (seq == peer_nxt_) peer_nxt_ += static_cast<uint32_t>(length);
  }

  Bytes PeerBytes(uint32_t seq, size_t length) {
    Bytes bytes(length);
    for (size_t i = 0; i < length; ++i) {
      const uint32_t at = seq + static_cast<uint32_t>(i);
      bytes[i] = PeerByte(at);
      if (at - kPeerIss < kRemembered) sent_[at - kPeerIss] = true;
    }
    return bytes;
  }

  void Acknowledge(uint32_t bytes, int sack_blocks) {
    testing::Tcp frame = Common(0);
    snd_una_ += bytes;
    frame.Seq(peer_nxt_).Ack(snd_una_).Window(window_);
    for (int i = 0; i < sack_blocks; ++i) {
      const uint32_t begin = snd_una_ + input_.U16();
      frame.Sack(begin, begin + input_.U16());
    }
    Send(frame);
  }

  // Every field is the fuzzer's, near what the connection expects.
  void SendAnything() {
    const uint8_t flags = input_.U8();
    const auto seq = static_cast<int16_t>(input_.U16());
    const auto ack = static_cast<int16_t>(input_.U16());
    window_ = static_cast<uint16_t>(input_.U8() << 8);
    const uint8_t shape = input_.U8();
    testing::Tcp frame = Common(shape & 0x0f);
    const uint32_t at = peer_nxt_ + static_cast<uint32_t>(int32_t{seq});
    if ((flags & tcp::kAck) != 0) frame.Ack(snd_nxt_ + static_cast<uint32_t>(int32_t{ack}));
    frame.Flags(flags).Seq(at).Window(window_).Urgent(shape);
    const uint32_t data = (flags & tcp::kSyn) != 0 ? at + 1 : at;
    if ((shape & 0x10) != 0) frame.Payload(PeerBytes(data, LengthOf(input_.U8())));
    Send(frame);
    if ((flags & tcp::kFin) != 0 && seq == 0) ++peer_nxt_;
  }

  void SendRaw() {
    testing::Tcp frame = Header();
    const uint8_t length = input_.U8();
    const auto options = input_.Take(length % 41);
    frame.Seq(peer_nxt_).Ack(snd_nxt_).Window(window_);
    frame.RawOptions(Bytes(options.begin(), options.end()));
    if ((length & 0x80) != 0) {
      // Smaller ones than the true one would make data of options, which is not the stream's.
      const uint8_t words = input_.U8() & 15;
      if (words < 5 || words >= 5 + (options.size() + 3) / 4) frame.DataOffset(words);
    }
    if ((length & 0x40) != 0) frame.Flags(tcp::kSyn);
    Send(frame);
  }

  void SendIcmp(uint8_t kind) {
    if (last_from_stack_.empty()) return;
    Bytes frame = (kind & 1) != 0 ? PacketTooBigFrame(wire_.route(), input_.U16(), last_from_stack_)
                                  : UnreachableFrame(wire_.route(), static_cast<uint8_t>(kind >> 1),
                                                     last_from_stack_);
    Send(std::move(frame));
  }

  void Application(uint8_t what) {
    if (socket_ == nullptr) return;
    switch (what & 3) {
      case 0:
        socket_->CloseSend();
        break;
      case 1:
        socket_->Abort();
        break;
      case 2:
        socket_->Release();
        socket_ = nullptr;
        break;
      default: {
        tcp::Options options = socket_->options();
        options.no_delay = !options.no_delay;
        socket_->SetOptions(options);
      }
    }
  }

  void Check(std::span<const uint8_t> bytes) {
    const uint32_t first = socket_->connection().irs().value() + 1;
    for (const uint8_t byte : bytes) {
      const uint32_t seq = first + static_cast<uint32_t>(read_++);
      CL_CHECK(byte == PeerByte(seq));
      CL_CHECK(seq - kPeerIss >= kRemembered || sent_[seq - kPeerIss]);
    }
  }
  void Read(size_t n) {
    if (socket_ == nullptr) return;
    std::vector<uint8_t> bytes(n);
    Check(std::span(bytes).first(socket_->Read(bytes)));
  }
  void Lend() {
    if (socket_ == nullptr) return;
    const PacketBuf packet = socket_->ReadPacket();
    if (!packet) return;
    std::vector<uint8_t> bytes(packet.packet_size());
    packet.CopyOut(0, bytes);
    Check(bytes);
  }

  // At what the stack did.
  void Look() {
    while (stack::TcpSocket* const accepted = listener_->Accept()) {
      if (socket_ != nullptr) socket_->Release();
      socket_ = accepted;
      read_ = written_ = 0;
    }
    for (Bytes frame = wire_.Next(); !frame.empty(); frame = wire_.Next()) LookAt(frame);
    if (socket_ != nullptr) socket_->TakeEvents();
    wire_.stack().tcp().ForEachSocket(
        [](const stack::TcpSocket& s) { s.connection().CheckInvariants(); });
    CL_CHECK(wire_.stack().tcp().blocks_in_use() <= kBlocks);
  }

  void LookAt(const Bytes& frame) {
    const ParsedFrame parsed = ParseFrame(frame);
    CL_CHECK(parsed.problem.empty());
    if (!parsed.is_tcp() || parsed.src_port != kPort) return;
    last_from_stack_ = frame;
    const tcp::Segment& s = parsed.tcp;
    if (s.has_timestamps) last_tsval_ = s.timestamps.value;
    if (s.rst()) return;
    if (s.syn()) {
      our_first_ = s.seq.value() + 1;
      snd_una_ = snd_nxt_ = our_first_;
      timestamps_ = s.has_timestamps;
    }
    for (size_t i = 0; i < parsed.payload.size(); ++i) {
      CL_CHECK(parsed.payload[i] == PatternByte(kOurStream, s.seq.value() - our_first_ + i));
    }
    const uint32_t end = s.end().value();
    if (static_cast<int32_t>(end - snd_nxt_) > 0) snd_nxt_ = end;
  }

  void End() {
    wire_.device().blocked = false;
    Deliver();
    Look();
    if (socket_ != nullptr) socket_->Release();
    socket_ = nullptr;
    listener_->Release();
    wire_.Advance(minutes(20));
    stack::Stack& stack = wire_.stack();
    CL_CHECK(stack.tcp().sockets() == 0);
    CL_CHECK(stack.tcp().orphans() == 0);
    CL_CHECK(stack.tcp().time_wait() == 0);
    CL_CHECK(stack.tcp().blocks_in_use() == 0);
    CL_CHECK(stack.network().control_pool().in_use() == 0);
  }

  FuzzInput input_;
  uint8_t settings_;
  Wire wire_;
  stack::TcpListener* listener_ = nullptr;
  stack::TcpSocket* socket_ = nullptr;
  std::vector<bool> sent_;
  uint32_t peer_nxt_ = kPeerIss;
  uint32_t peer_time_ = 1000;
  uint16_t window_ = 0x4000;
  uint32_t our_first_ = 0;
  uint32_t snd_una_ = 0;
  uint32_t snd_nxt_ = 0;
  uint32_t last_tsval_ = 0;
  bool timestamps_ = false;
  bool hold_ = false;
  uint64_t written_ = 0;
  uint64_t read_ = 0;
  std::vector<Bytes> held_;
  Bytes last_from_stack_;
};

}  // namespace
}  // namespace corelane::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::testing::Conversation;
  using corelane::testing::FuzzInput;
  std::make_unique<Conversation>(FuzzInput(std::span(data, size)))->Run();
  return 0;
}
