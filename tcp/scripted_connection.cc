#include "tcp/scripted_connection.h"

#include <algorithm>

namespace corelane::tcp {

std::string Describe(const SentFrame& frame) {
  std::string flags;
  constexpr std::pair<uint8_t, char> kLetters[] = {
      {kSyn, 'S'}, {kFin, 'F'}, {kRst, 'R'}, {kPsh, 'P'}, {kAck, 'A'}};
  for (const auto& [bit, letter] : kLetters) {
    if ((frame.flags & bit) != 0) flags += letter;
  }
  return flags + " " + std::to_string(frame.seq) + " ack " + std::to_string(frame.ack) + " len " +
         std::to_string(frame.length);
}

ScriptedConnection::ScriptedConnection(const Options& options, uint16_t header_mss)
    : connection_(std::make_unique<Connection>(options, Connection::Ports{1, 2}, header_mss,
                                               memory_.resources)) {}

ScriptedConnection::~ScriptedConnection() { connection_.reset(); }

Segment ScriptedConnection::PeerSyn(uint8_t flags, const Edit& edit) const {
  const Options& options = connection_->options();
  Segment s;
  s.flags = flags;
  s.seq = Remote(0);
  s.ack = Local(1);
  s.window = window_;
  s.mss = kMss;
  s.sack_permitted = options.sack;
  if (options.window_scaling) s.window_scale = 0;
  s.has_timestamps = options.timestamps;
  s.timestamps = {peer_time_, last_tsval_};
  if (edit) edit(s);
  return s;
}

void ScriptedConnection::OpenActive() {
  c().OpenActive(Local(0), 0x1234, now_);
  Poll();
}

void ScriptedConnection::OpenPassive(const Edit& edit) {
  c().OpenPassive(PeerSyn(kSyn, edit), Local(0), 0x1234, now_);
  Poll();
}

void ScriptedConnection::Establish(const Edit& edit) {
  OpenActive();
  Advance(std::chrono::milliseconds(10));
  c().OnSegment(PeerSyn(kSyn | kAck, edit), PacketBuf(), now_);
  Poll();
  CL_CHECK(c().state() == State::kEstablished);
  c().TakeEvents();
  sent_.clear();
}

void ScriptedConnection::Inject(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t length,
                                const Edit& edit) {
  Segment s;
  s.flags = flags;
  s.seq = Remote(seq);
  s.ack = Local(ack);
  s.payload_length = length;
  s.window = window_;
  s.has_timestamps = c().uses_timestamps();
  s.timestamps = {peer_time_, last_tsval_};
  if (edit) edit(s);
  PacketBuf payload;
  if (length > 0) {
    payload = memory_.packets.Allocate();
    const auto bytes = Pattern(seq - 1, length);
    std::copy(bytes.begin(), bytes.end(), payload.Append(length));
  }
  if (c().AckIsUrgent()) Poll();
  c().OnSegment(s, std::move(payload), now_);
  c().CheckInvariants();
  if (!stalled_) Poll();
}

void ScriptedConnection::Advance(Duration d) {
  const Instant end = now_ + d;
  while (c().NextDeadline() <= end) {
    now_ = std::max(now_, c().NextDeadline());
    c().OnTimer(now_ - Duration(1));  // too early: harmless
    c().OnTimer(now_);
    c().CheckInvariants();
    if (!stalled_) Poll();
  }
  now_ = end;
}

void ScriptedConnection::Poll() {
  while (PacketBuf packet = c().PollTransmit(memory_.cache, 65000, now_)) {
    for (WireSegment& frame : Frames(packet)) {
      SentFrame sent;
      sent.header = frame.header;
      sent.flags = frame.header.flags;
      sent.seq = frame.header.seq.value() - kLocalIss;
      sent.ack = frame.header.has_ack() ? frame.header.ack.value() - kRemoteIss : 0;
      sent.length = static_cast<uint32_t>(frame.payload.size());
      sent.window = frame.header.window;
      sent.payload = std::move(frame.payload);
      sent.at = now_;
      if (frame.header.has_timestamps) last_tsval_ = frame.header.timestamps.value;
      for (size_t i = 0; i < sent.payload.size(); ++i) {
        CL_CHECK(sent.payload[i] == PatternByte(sent.seq - 1 + i));
      }
      sent_.push_back(std::move(sent));
    }
  }
  c().CheckInvariants();
}

std::vector<SentFrame> ScriptedConnection::Sent() {
  Poll();
  return std::exchange(sent_, {});
}

size_t ScriptedConnection::Write(size_t n) {
  const size_t taken = c().Write(Pattern(written_, n), now_);
  written_ += taken;
  if (!stalled_) Poll();
  return taken;
}

size_t ScriptedConnection::Read(size_t n) {
  std::vector<uint8_t> bytes(n);
  const size_t got = c().Read(bytes, now_);
  for (size_t i = 0; i < got; ++i) CL_CHECK(bytes[i] == PatternByte(read_ + i));
  read_ += got;
  if (!stalled_) Poll();
  return got;
}

}  // namespace corelane::tcp
