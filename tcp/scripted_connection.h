// One connection under test and a peer played by hand, segment by segment, in virtual time: for the
// tests of this folder.
//
//   ScriptedConnection t;
//   t.Establish();
//   t.Inject(kAck, 1, 1, 100);                   // peer's bytes 1..100, acknowledging our SYN
//   EXPECT_THAT(t.Sent(), ElementsAre(IsAck(101)));
//
// Sequence numbers of both sides are relative: 0 is the SYN, 1 the first byte.

#ifndef CORELANE_TCP_SCRIPTED_CONNECTION_H_
#define CORELANE_TCP_SCRIPTED_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tcp/connection_harness.h"

namespace corelane::tcp {

// A frame that the connection sent, with relative numbers.
struct SentFrame {
  uint8_t flags = 0;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint32_t length = 0;  // of the payload
  uint32_t window = 0;  // as on the wire
  Segment header;       // absolute
  std::vector<uint8_t> payload;
  Instant at;
};
// "SA 0 ack 1 len 0"
std::string Describe(const SentFrame& frame);
inline void PrintTo(const SentFrame& frame, std::ostream* out) { *out << Describe(frame); }

class ScriptedConnection {
 public:
  using Edit = std::function<void(Segment&)>;
  static constexpr uint32_t kLocalIss = 0x7fffff00u;
  static constexpr uint32_t kRemoteIss = 0xffffff00u;
  static constexpr uint16_t kMss = 1000;

  // Options without timestamps: their tests turn them on.
  static Options Plain() {
    Options options;
    options.timestamps = false;
    options.rack_tlp = false;  // The timer is the RTO.
    return options;
  }

  explicit ScriptedConnection(const Options& options = Plain(), uint16_t header_mss = kMss);
  ~ScriptedConnection();

  Connection& c() { return *connection_; }
  const Counters& counters() const { return memory_.counters; }
  CoreMemory& memory() { return memory_; }
  Instant now() const { return now_; }

  // What the peer's SYN offers: all that ours does, MSS 1000, scale 0; `edit` changes it.
  Segment PeerSyn(uint8_t flags, const Edit& edit = nullptr) const;
  void OpenActive();
  void OpenPassive(const Edit& edit = nullptr);
  // Opens actively and completes the handshake; what was sent is forgotten.
  void Establish(const Edit& edit = nullptr);

  // One segment of the peer. Its window is window(), its timestamps peer_time() and the last TSval
  // that we sent. Numbers and payload as above; the payload is Pattern(seq - 1, length).
  void Inject(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t length = 0,
              const Edit& edit = nullptr);
  // Moves time on; timers fire on the way.
  void Advance(Duration d);
  // Polls and returns all that was sent since the last call.
  std::vector<SentFrame> Sent();
  // Writes n pattern bytes that continue the stream; returns how many were taken.
  size_t Write(size_t n);
  // Reads up to n bytes and checks them against the peer's pattern.
  size_t Read(size_t n);

  uint16_t& window() { return window_; }
  uint32_t& peer_time() { return peer_time_; }
  SeqNum Local(uint32_t n) const { return SeqNum(kLocalIss) + n; }
  SeqNum Remote(uint32_t n) const { return SeqNum(kRemoteIss) + n; }
  // No poll between inputs, as when the device takes nothing.
  void set_stalled(bool stalled) { stalled_ = stalled; }

 private:
  void Poll();

  CoreMemory memory_{4096, 4096};
  std::unique_ptr<Connection> connection_;
  Instant now_{std::chrono::seconds(1000)};
  uint16_t window_ = 60000;
  uint32_t peer_time_ = 5000;
  uint32_t last_tsval_ = 0;
  uint64_t written_ = 0;
  uint64_t read_ = 0;
  bool stalled_ = false;
  std::vector<SentFrame> sent_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_SCRIPTED_CONNECTION_H_
