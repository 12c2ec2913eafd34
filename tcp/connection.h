// One TCP connection (RFC 9293 §3.10): a pure state machine.
//
// No clock, threads, callbacks or randomness. Feed an input, then poll the outputs until they are
// exhausted:
//
//   inputs    OpenActive OpenPassive OnSegment OnTimer Write Read CloseSend Abort OnSoftError OnMtu
//   outputs   PollTransmit() segments, until null (a null with WantsTransmit() still true: out of
//   packets, poll later)
//             TakeEvents()   what changed for the application
//             NextDeadline() when OnTimer() is due; calling it too early is harmless
//
//        send sequence space (RFC 9293 §3.3.1)             receive sequence space
//
//     snd_una        snd_nxt      snd_una+snd_wnd         rcv_nxt          rcv_adv
//   ----|--------------|---------------|-------         -----|----------------|-----
//  acked|  in flight   |    usable     |                 read|    window      |
//       [ send_queue_ .......... ]  end of data
//
// Merging of acknowledgements: ACKs of in-order data merge until the next PollTransmit(); every
// segment that must be acknowledged by itself (out of order, duplicate, filling a gap) leaves
// AckIsUrgent() true, and the caller polls before the next OnSegment().
//
// Threading: belongs to one core. Errors: error() once TakeEvents() said kClosed.

#ifndef CORELANE_TCP_CONNECTION_H_
#define CORELANE_TCP_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/packet.h"
#include "core/packet_cache.h"
#include "core/time.h"
#include "tcp/congestion_control.h"
#include "tcp/options.h"
#include "tcp/resources.h"
#include "tcp/rtt_estimator.h"
#include "tcp/segment.h"
#include "tcp/send_queue.h"
#include "tcp/seq_num.h"

namespace corelane::tcp {

enum class State : uint8_t {
  kClosed,
  kSynSent,
  kSynReceived,
  kEstablished,
  kFinWait1,
  kFinWait2,
  kCloseWait,
  kClosing,
  kLastAck,
  kTimeWait,
};
const char* ToString(State state);

// Why a connection ended.
enum class Error : uint8_t {
  kNone,         // closed by both sides
  kRefused,      // RST in answer to our SYN
  kReset,        // RST later
  kTimedOut,     // no answer (R2 of RFC 9293 §3.8.3), keepalive or user time-out
  kUnreachable,  // the network or host could not be reached (ICMP, no route, no neighbor) until we
                 // gave up
  kAborted,      // by Abort()
};
const char* ToString(Error error);

// Bits of TakeEvents().
inline constexpr uint8_t kConnected = 1;
inline constexpr uint8_t kReadable = 2;  // bytes, or the end of the stream
inline constexpr uint8_t kWritable = 4;  // room again after a Write() that took less than offered
inline constexpr uint8_t kClosed = 8;    // nothing more will come; see error()

class MovingConnection;

class Connection {
 public:
  struct Ports {
    uint16_t local = 0;
    uint16_t remote = 0;
  };

  // r outlives the connection. header_mss: the largest TCP payload of a segment without options
  // that fits the path's MTU (RFC 6691); also what we announce.
  Connection(const Options& options, Ports ports, uint16_t header_mss, Resources& r)
      : r_(&r),
        options_(options),
        ports_(ports),
        header_mss_(header_mss),
        announced_mss_(header_mss) {}
  // One that comes from another core; see tcp/moving_connection.h. Without memory for its bytes it
  // is aborted.
  Connection(MovingConnection&& from, Resources& r, Instant now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- inputs ---
  // iss: RFC 6528; ts_offset: a secret added to our timestamps (RFC 7323 §7.1).
  void OpenActive(SeqNum iss, uint32_t ts_offset, Instant now);
  // `syn` is a SYN without ACK that a listener accepted.
  void OpenPassive(const Segment& syn, SeqNum iss, uint32_t ts_offset, Instant now);
  // The same for a SYN that a cookie remembered: our answer was sent already, and offered a window
  // of CookieWindow(). The segment that returned the cookie is to follow as the first OnSegment().
  void OpenFromCookie(const Segment& syn, SeqNum iss, uint32_t ts_offset, Instant now);
  static uint16_t CookieWindow(const Options& options) {
    return static_cast<uint16_t>(std::min<uint32_t>(options.receive_buffer, 65535));
  }
  // What a connection with these options announces in its SYN.
  static uint8_t WindowScale(const Options& options);
  // payload: exactly segment.payload_length bytes; null when there are none.
  void OnSegment(const Segment& segment, PacketBuf payload, Instant now);
  void OnTimer(Instant now);
  // Copies a prefix of `data`; returns its length. Less than data.size(): kWritable follows when
  // there is room. 0 after CloseSend() or the end.
  size_t Write(std::span<const uint8_t> data, Instant now);
  // Moves received bytes to `out`; returns how many. 0: none there, or the end of the stream (see
  // end_of_stream()).
  size_t Read(std::span<uint8_t> out, Instant now);
  // Lends received packets instead of copying: the first packet in the queue, null when there is
  // none.
  PacketBuf ReadPacket(Instant now);
  // No more Write()s: a FIN follows the queued bytes (RFC 9293 §3.10.4). Reading goes on.
  void CloseSend(Instant now);
  // The application will neither read nor write again: CloseSend(), and data that comes from now on
  // is answered by a reset (RFC 9293 §3.6, MAY-1).
  void Close(Instant now);
  // RST where the state asks for one (RFC 9293 §3.10.5); the connection is closed at once.
  void Abort(Instant now);
  // Gives a half-open connection up without a word.
  void Drop() { Finish(Error::kAborted); }
  // New settings from now on: keepalive, Nagle, buffer limits, time-outs. What the handshake
  // negotiates stays as it is.
  void SetOptions(const Options& options, Instant now);
  // ICMP or the network layer cannot reach the peer at present (RFC 5461: not fatal once
  // connected).
  void OnSoftError(Error error, Instant now);
  // The path's MTU now allows segments of header_mss payload bytes: lost segments that were too
  // long go out again.
  void OnPathMss(uint16_t header_mss, Instant now) {
    if (header_mss < header_mss_) [[unlikely]]
      ShrinkMss(header_mss, now);
  }

  // --- outputs ---
  // The next segment, TCP header first, checksum field zero, segment_size set where it holds more
  // than one frame's payload. Null: nothing to send, or out of packets. max_payload: bytes that may
  // go into one segment.
  PacketBuf PollTransmit(PacketCache& cache, uint32_t max_payload, Instant now);
  bool WantsTransmit() const { return transmit_wanted_; }
  bool AckIsUrgent() const { return ack_urgent_; }
  Instant NextDeadline() const {
    Instant next = deadlines_[0];
    for (size_t i = 1; i < kTimerCount; ++i) next = std::min(next, deadlines_[i]);
    return next;
  }
  uint8_t TakeEvents() { return std::exchange(events_, uint8_t{0}); }
  bool HasEvents() const { return events_ != 0; }

  // --- state ---
  State state() const { return state_; }
  Error error() const { return error_; }
  bool is_closed() const { return state_ == State::kClosed; }
  bool established_once() const { return established_; }
  bool passive() const { return passive_; }
  size_t readable_bytes() const { return receive_queue_.bytes(); }
  bool end_of_stream() const { return fin_received_ && receive_queue_.empty(); }
  // Room for Write() now.
  size_t writable_bytes() const;
  size_t unacknowledged_bytes() const { return send_queue_.bytes(); }
  bool all_data_acknowledged() const { return send_queue_.empty(); }
  Ports ports() const { return ports_; }
  const Options& options() const { return options_; }

  SeqNum snd_una() const { return snd_una_; }
  SeqNum snd_nxt() const { return snd_nxt_; }
  uint32_t snd_wnd() const { return snd_wnd_; }
  SeqNum rcv_nxt() const { return rcv_nxt_; }
  uint32_t rcv_wnd() const { return Distance(rcv_nxt_, rcv_adv_); }
  SeqNum iss() const { return iss_; }
  SeqNum irs() const { return irs_; }
  uint32_t flight_size() const { return Distance(snd_una_, snd_nxt_); }
  uint16_t mss() const { return mss_; }
  bool uses_timestamps() const { return ts_ok_; }
  bool uses_sack() const { return sack_ok_; }
  uint32_t ts_recent() const { return ts_recent_; }
  uint32_t ts_offset() const { return ts_offset_; }
  uint8_t snd_wscale() const { return snd_wscale_; }
  uint8_t rcv_wscale() const { return rcv_wscale_; }
  const RttEstimator& rtt() const { return rtt_; }
  const CongestionControl& congestion() const { return cc_; }
  uint64_t bytes_in() const { return bytes_in_; }
  uint64_t bytes_out() const { return bytes_out_; }
  uint32_t retransmits() const { return retransmits_; }
  uint32_t out_of_order_bytes() const { return reassembly_ != nullptr ? reassembly_->bytes() : 0; }
  // RFC 7323 §5.4: our timestamp clock, one tick a millisecond.
  uint32_t TimestampNow(Instant now) const;

  // Verifies what must hold after every input; aborts the program when it does not. For tests and
  // fuzz targets.
  void CheckInvariants() const;

 private:
  friend class MovingConnection;
  // All but what the queues hold.
  Connection(Connection&&) = default;
  void MoveBytes(MovingConnection& to);

  enum class Recovery : uint8_t { kOpen, kFast, kLoss };
  enum TimerKind : uint8_t {
    kRetransmit,
    kReorder,  // what something later has overtaken counts as lost then
    kDelayedAck,
    kPersist,
    kKeepalive,
    kLinger,
    kTimerCount
  };

  // connection_input.cc: RFC 9293 §3.10.7
  bool PredictedHeader(const Segment& s) const;
  void OnPredicted(const Segment& s, PacketBuf payload, Instant now);
  void OnSegmentSynSent(const Segment& s, PacketBuf payload, Instant now);
  void OnSegmentGeneral(const Segment& s, PacketBuf payload, Instant now);
  bool PassesTimestampCheck(const Segment& s, Instant now);
  bool IsAcceptable(const Segment& s) const;
  bool IsBesideWindow(const Segment& s) const;
  bool OnRst(const Segment& s, Instant now);
  bool OnAck(const Segment& s, Instant now);
  void UpdateSendWindow(const Segment& s);
  void SetSendWindow(const Segment& s);
  void OnAlive(Instant now);
  void UpdateTimestamp(const Segment& s, Instant now);
  void OnData(const Segment& s, PacketBuf payload, Instant now);
  bool MayKeep(const PacketBuf& payload, bool in_order) const;
  void RefuseData();
  void AcceptInOrder(PacketBuf payload, uint32_t frames, Instant now);
  void AcceptOutOfOrder(SeqNum seq, PacketBuf payload);
  void OnFin();
  void OnFinAcknowledged(Instant now);
  void NegotiateOptions(const Segment& syn);
  void EnterEstablished(Instant now);
  bool AnswerAllowed(Instant now);
  void ChallengeAck(Instant now);
  void AnswerUnacceptable(const Segment& s, Instant now);
  void GrowReceiveBuffer(Instant now);

  // connection_recovery.cc: RFC 5681, 6582, 6675
  void OnNewAck(const Segment& s, Instant now);
  void OnDuplicateAck();
  bool MayRetransmit() const;
  void RestartFlight(Instant now);
  struct SackNews {
    uint32_t bytes = 0;      // newly SACKed
    bool overtaken = false;  // a later retransmission arrived before that of the first hole
  };
  SackNews UpdateScoreboard(const Segment& s);
  bool LossIsSacked() const;
  void OnSack();
  void WatchForLoss(bool overtaken, Instant now);
  bool RetransmissionIsLost() const;
  void OnTailProbeAnswered(const Segment& s);
  void SampleRtt(const Segment& s, Instant now);
  uint32_t WindowInUse() const;
  void EnterFastRecovery();
  void LeaveRecovery();
  void OnRetransmissionTimeout();
  SeqNum LostEdge() const;
  uint32_t Pipe() const;
  bool NextRetransmission(SeqRange& range) const;

  // connection_output.cc
  PacketBuf TransmitSyn(PacketCache& cache, Instant now);
  PacketBuf TransmitReset(PacketCache& cache, Instant now);
  PacketBuf TransmitRetransmission(PacketCache& cache, SeqRange lost, uint32_t max_payload,
                                   Instant now);
  bool NextNewData(uint32_t max_payload, SeqRange& range, Instant now);
  PacketBuf TransmitNewData(PacketCache& cache, SeqRange range, Instant now);
  PacketBuf TransmitTailProbe(PacketCache& cache, Instant now);
  PacketBuf TransmitProbe(PacketCache& cache, Instant now);
  PacketBuf TransmitAck(PacketCache& cache, Instant now);
  bool MaySendSmall(uint32_t length, uint32_t queued) const;
  PacketBuf BuildSegment(PacketCache& cache, SeqRange& range, uint8_t flags, Instant now);
  PacketBuf BuildPlainSegment(PacketCache& cache, SeqRange range, uint8_t flags, Instant now);
  OutgoingHeader NextHeader(SeqRange range, uint8_t flags);
  bool FinishSegment(PacketCache& cache, PacketBuf& packet, size_t header_length, SeqRange range);
  OutgoingOptions DataOptions(Instant now) const;
  void AddSackBlocks(OutgoingOptions& options, SeqRange& range) const;
  uint32_t UsableWindow() const;
  SeqNum AckSequence() const;
  void AckSent();
  uint16_t AdvertiseWindow();
  uint32_t ReceiveSpace() const;
  void WantTransmit() { transmit_wanted_ = true; }

  // connection.cc, connection_timers.cc
  void ShrinkMss(uint16_t header_mss, Instant now);
  void ArmRetransmit(Instant now);
  bool MayProbeTail() const;
  void ArmPersist(Instant now);
  void ArmKeepalive(Instant now);
  void ArmLinger(Instant now);
  void OnRetransmitTimer(Instant now);
  void OnReorderTimer(Instant now);
  void OnPersistTimer(Instant now);
  void OnLingerTimer(Instant now);
  bool UserTimedOut(Instant now) const;
  void OnKeepaliveTimer(Instant now);
  void SetTimer(TimerKind kind, Instant deadline) { deadlines_[kind] = deadline; }
  void ClearTimer(TimerKind kind) { deadlines_[kind] = kNever; }
  bool TimerArmed(TimerKind kind) const { return deadlines_[kind] != kNever; }
  void UpdateWindowAfterRead(Instant now);
  void PrepareReset();
  void Finish(Error error);
  void EnterTimeWait();
  bool CanSendData() const;
  bool FinSent() const { return fin_queued_ && snd_nxt_ == send_queue_.end() + 1; }
  bool AnythingToSend() const {
    return snd_nxt_ < send_queue_.end() || (fin_queued_ && !FinSent());
  }

  // --- hot: touched by every segment ---
  Resources* r_;
  State state_ = State::kClosed;
  Recovery recovery_ = Recovery::kOpen;
  Error error_ = Error::kNone;
  uint8_t events_ = 0;
  bool transmit_wanted_ = false;
  bool ack_now_ = false;     // an ACK is due at the next PollTransmit()
  bool ack_urgent_ = false;  // ... and must not merge with the next segment's
  bool sack_ok_ = false;
  bool ts_ok_ = false;
  bool syn_due_ = false;
  bool rst_due_ = false;
  bool probe_due_ = false;
  bool override_due_ = false;  // the persist timer lets a small segment go
  bool fin_queued_ = false;
  bool fin_received_ = false;
  bool established_ = false;
  bool passive_ = false;
  bool write_blocked_ = false;
  bool reading_ended_ = false;     // Close(): nobody reads any more
  bool force_retransmit_ = false;  // recovery just began: the first segment ignores the window
  bool rtt_timing_ = false;
  bool cwnd_limited_ = false;
  bool soft_error_ = false;
  bool out_of_order_fin_ = false;
  bool tail_armed_ = false;    // kRetransmit is the tail probe's time, not the RTO
  bool tail_due_ = false;      // the tail probe leaves at the next PollTransmit()
  bool tail_probed_ = false;   // and waits for its answer: tail_end_
  bool tail_retrans_ = false;  // it carried old data
  SeqNum snd_una_;
  SeqNum snd_nxt_;
  uint32_t snd_wnd_ = 0;
  SeqNum snd_wl1_;
  SeqNum snd_wl2_;
  SeqNum rcv_nxt_;
  SeqNum rcv_adv_;        // rcv_nxt + the window last advertised: never moves left
  SeqNum last_ack_sent_;  // RFC 7323 §4.3
  uint32_t ts_recent_ = 0;
  uint32_t ts_offset_ = 0;
  uint16_t mss_ = 536;           // payload of a full segment with its usual options
  uint16_t unacked_frames_ = 0;  // received in order since our last ACK
  uint32_t receive_limit_ = 0;
  PacketQueue receive_queue_;
  SendQueue send_queue_;
  CongestionControl cc_;
  std::array<Instant, kTimerCount> deadlines_ = {kNever, kNever, kNever, kNever, kNever, kNever};

  // --- cooler ---
  RttEstimator rtt_;
  Instant rtt_start_{};
  SeqNum rtt_seq_;
  uint32_t send_limit_ = 0;
  uint32_t max_snd_wnd_ = 0;
  SeqNum recover_;
  SeqNum high_rxt_;
  SeqNum rxt_mark_;  // what is sent from here on was sent after the first hole's retransmission
  SeqNum tail_end_;  // RFC 8985 §7: TLP.end_seq
  uint32_t dup_acks_ = 0;
  uint8_t retries_ = 0;
  uint8_t probes_ = 0;
  uint8_t quick_acks_ = 0;  // segments that are still acknowledged at once
  uint8_t snd_wscale_ = 0;
  uint8_t rcv_wscale_ = 0;
  ReassemblyQueue* reassembly_ = nullptr;
  Scoreboard* scoreboard_ = nullptr;
  SeqNum iss_;
  SeqNum irs_;
  SeqNum rst_seq_;
  SeqNum fin_seq_;  // of an out-of-order FIN
  Instant ts_recent_age_{};
  Instant last_received_{};
  Instant last_sent_{};
  Instant stalled_since_{};  // RFC 5482: since when nothing was acknowledged; zero: no time-out yet
  Instant last_retransmit_{};
  Instant challenge_window_{};
  uint32_t challenges_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  uint32_t retransmits_ = 0;
  uint32_t read_since_ = 0;   // bytes the application read since rcv_space_time_
  uint32_t linger_left_ = 0;  // what was unacknowledged when kLinger was armed
  Instant rcv_space_time_{};
  Options options_;
  Ports ports_;
  uint16_t header_mss_;  // payload of our largest segment, its options included
  uint16_t announced_mss_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_CONNECTION_H_
