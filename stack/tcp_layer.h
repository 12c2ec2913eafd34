// TcpLayer: all TCP of one core: demultiplexing, listeners, TIME-WAIT, timers, and who sends next.

#ifndef CORELANE_STACK_TCP_LAYER_H_
#define CORELANE_STACK_TCP_LAYER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/object_pool.h"
#include "core/random.h"
#include "core/timer_wheel.h"
#include "ip/rate_limiter.h"
#include "stack/config.h"
#include "stack/network.h"
#include "stack/tcp_socket.h"
#include "tcp/initial_sequence.h"
#include "tcp/resources.h"
#include "tcp/syn_cookie.h"
#include "tcp/time_wait.h"

namespace corelane::stack {

enum class TcpMoveResult : uint8_t {
  kMoved,
  kNoLane,        // the stack is not one of several, or there is no such other lane
  kNotConnected,  // not yet or no more
  kBusy,          // many are on their way: try again in a later turn
};

enum class TcpSetupError : uint8_t {
  kNone,
  kNoRoute,       // no route or no source address
  kAddressInUse,  // the local endpoint is taken
  kNoPort,        // every ephemeral port to this endpoint is taken
  kNotLocal,      // the local address is not ours
  kInvalid,       // port 0 or a group address
  kOutOfSockets,
};
const char* ToString(TcpSetupError error);

struct TcpConnectOptions {
  TcpConnectOptions() {}

  std::optional<IpAddress> local_address;
  uint16_t local_port = 0;  // 0: an ephemeral one
  std::optional<tcp::Options> tcp;
};

class TcpLayer {
 public:
  TcpLayer(const StackOptions& options, Network& network, Random& random, Instant now);
  ~TcpLayer();

  // --- application ---
  // Starts a connection. Null: error says why.
  TcpSocket* Connect(const Endpoint& remote, const TcpConnectOptions& options,
                     TcpSetupError& error);
  // port 0: an ephemeral one. Null: error says why.
  TcpListener* Listen(const Endpoint& local, size_t backlog, TcpSetupError& error,
                      const tcp::Options* options = nullptr);
  // Sockets with events and listeners with connections since they were last returned; null: no
  // (more) such.
  TcpSocket* NextReady() { return ready_.PopFront(); }
  TcpListener* NextReadyListener() { return ready_listeners_.PopFront(); }

  // --- moving to other lanes ---
  // Gives a connection to another lane: kMoved, and the pointer is dead. Packets find it there.
  // ticket: comes out there, with the socket; what it refers to must be fit for the other thread.
  TcpMoveResult Move(TcpSocket& socket, size_t lane, std::unique_ptr<MoveTicket>& ticket);
  struct Arrival {
    TcpSocket* socket;  // the caller's; null: there was no memory, and the connection was reset
    std::unique_ptr<MoveTicket> ticket;
  };
  // A connection that came from another lane; none: no (more) such.
  std::optional<Arrival> TakeArrival();
  // Connections that were given to other lanes, less those that came from them: the sum over all
  // lanes is how many are on their way.
  int64_t moved_away() const { return moved_away_; }

  // --- the turn ---
  // What came from other lanes; returns how many.
  size_t TakeMoved(Instant now);
  // The short way: takes a whole frame if it is a good segment of an open connection, without
  // options of IP. False: the frame is as it was.
  bool TakeKnown(Interface& interface, PacketBuf& frame, Instant now);
  // A TCP packet for one of our addresses, IP header at data().
  void OnPacket(PacketBuf packet, const ip::IpIngress& ip, Instant now);
  // Delivers what was held back to be merged with more of the same burst.
  void FlushMerged(Instant now);
  void OnTimer(Instant now);
  // Lets each socket of the dirty list send once, until the interfaces are full. True: some socket
  // still owes output.
  bool Transmit(Instant now);
  Instant NextDeadline() const;
  // False: OnTimer() has nothing to do at `now`.
  bool MayBeDue(Instant now) const {
    return timers_.MayBeDue(now) || time_wait_.NextDeadline() <= now;
  }
  bool HasDirty() const { return !dirty_.empty(); }
  bool HasReady() const {
    return !ready_.empty() || !ready_listeners_.empty() || !arrivals_.empty();
  }

  void OnIcmpError(const ip::IcmpErrorReport& report, Instant now);
  void OnUnreachable(const tcp::FourTuple& tuple, Instant now);

  // --- looking at it ---
  tcp::Counters& counters() { return counters_; }
  bool HasConnection(const tcp::FourTuple& tuple) const { return table_.Find(tuple) != nullptr; }
  bool HasTimeWait(const tcp::FourTuple& tuple) const {
    return time_wait_.Find(tuple, time_wait_.Hash(tuple)) != nullptr;
  }
  size_t sockets() const { return table_.size(); }
  size_t time_wait() const { return time_wait_.size(); }
  size_t orphans() const { return orphan_count_; }
  size_t blocks_in_use() const { return blocks_->in_use(); }
  template <class F>
  void ForEachSocket(F&& visit) const {
    table_.ForEach([&](const TcpSocket& s) { visit(s); });
  }
  // The same in pieces; see tcp::FlowTable.
  size_t socket_buckets() const { return table_.buckets(); }
  template <class F>
  void ForEachSocketIn(size_t first, size_t n, F&& visit) const {
    table_.ForEachIn(first, n, [&](const TcpSocket& s) { visit(s); });
  }
  template <class F>
  void ForEachListener(F&& visit) const {
    for (const auto& listener : listeners_) visit(static_cast<const TcpListener&>(*listener));
  }
  const BlockPool& blocks() const { return *blocks_; }
  Instant now() const { return now_; }
  void set_now(Instant now) { now_ = now; }
  // false: what arrives until further notice is the only packet of its burst, so none waits for the
  // next one to merge with.
  void set_merging(bool merging) { merging_ = merging; }

 private:
  friend class TcpSocket;
  friend class TcpListener;

  // A run of in-order segments of one connection within a burst (GRO).
  struct Held {
    TcpSocket* socket = nullptr;
    tcp::Segment segment;
    PacketBuf payload;
    PacketHead* tail = nullptr;
  };
  static constexpr size_t kMaxHeld = 4;

  void OnSocketSegment(TcpSocket& socket, const tcp::Segment& segment, PacketBuf payload,
                       Instant now);
  bool TryMerge(TcpSocket& socket, const tcp::Segment& segment, PacketBuf& payload, Instant now);
  void Deliver(TcpSocket& socket, const tcp::Segment& segment, PacketBuf payload, Instant now);
  void DeliverHeld(Held& held, Instant now);
  void OnUnknown(const tcp::FourTuple& tuple, const tcp::Segment& segment, PacketBuf payload,
                 uint32_t hash, Instant now);
  bool OnTimeWaitSegment(const tcp::FourTuple& tuple, const tcp::Segment& segment,
                         std::optional<tcp::SeqNum>& reopen, Instant now);
  void OnSyn(TcpListener& listener, const tcp::FourTuple& tuple, const tcp::Segment& segment,
             uint32_t hash, std::optional<tcp::SeqNum> reopen, Instant now);
  TcpSocket* NewEmbryonic(TcpListener& listener, const tcp::FourTuple& tuple, uint32_t hash,
                          Instant now);
  void SendCookie(TcpListener& listener, const tcp::FourTuple& tuple, const tcp::Segment& syn,
                  Instant now);
  bool AwaitsCookies(const TcpListener& listener, Instant now);
  bool OnCookie(TcpListener& listener, const tcp::FourTuple& tuple, const tcp::Segment& segment,
                PacketBuf& payload, uint32_t hash, Instant now);
  void SendReset(const tcp::FourTuple& tuple, const tcp::Segment& segment, Instant now);
  void SendBare(const tcp::FourTuple& tuple, const tcp::OutgoingHeader& header,
                const tcp::OutgoingOptions& options, Instant now);

  // Tells the other lanes of a port that is listened on.
  void Announce(uint16_t port, bool listening);
  // Of its bucket, for rebalancing; until Free().
  void CountFlow(TcpSocket& socket);
  void Claim(TcpSocket& socket);
  void Unclaim(TcpSocket& socket);
  void Arrive(MovingSocket& moved, Instant now);
  bool SendTimeWaitHome(TcpSocket& socket, const tcp::TimeWaitRecord& record);
  // Whether packets to the flow come to this core by themselves.
  bool LandsHere(const tcp::FourTuple& tuple) const {
    const Lane* const lane = network_.lane();
    return lane == nullptr || lane->steering().LandsOn(ip::protocol::kTcp, tuple, lane->index());
  }
  TcpListener* FindListener(const IpAddress& address, uint16_t port) const;
  // Whether a port can be chosen so that packets to it come to this core by themselves.
  bool PortsDecide() const;
  uint16_t PickPort(const IpAddress& local, const Endpoint& remote);
  TcpSocket* NewSocket(const tcp::FourTuple& tuple, const tcp::Options& options, Path* path);
  void Touch(TcpSocket& socket);  // after any input: dirty, ready, states
  void AfterInput(TcpSocket& socket);
  void OnEmbryonicProgress(TcpSocket& socket);
  void Settle(TcpSocket& socket);  // end of its turn: timer, TIME-WAIT, freeing
  bool TransmitSocket(TcpSocket& socket, Instant now);
  void EmitUrgentAck(TcpSocket& socket, Instant now);
  void RemoveFromTable(TcpSocket& socket);
  void EnterTimeWait(TcpSocket& socket);
  void Free(TcpSocket& socket);
  void Release(TcpSocket& socket);
  void ReleaseListener(TcpListener& listener);
  void LimitOrphans();

  const StackOptions& options_;
  Network& network_;
  Instant now_;
  tcp::SequenceSecrets secrets_;
  tcp::SynCookies cookies_;
  uint32_t port_counter_ = 0;
  ip::TokenBucket reset_limiter_;

  BlockPoolPtr blocks_;
  ObjectPool<tcp::SendChunk> chunks_;
  ObjectPool<tcp::ReassemblyQueue> reassembly_;
  ObjectPool<tcp::Scoreboard> scoreboards_;
  tcp::Counters counters_;
  tcp::Resources resources_;

  ObjectPool<TcpSocket> sockets_;
  tcp::FlowTable<TcpSocket> table_;
  tcp::TimeWaitTable time_wait_;
  std::vector<std::unique_ptr<TcpListener>> listeners_;  // by port
  TimerWheel timers_;
  IntrusiveList<TcpSocket, &TcpSocket::all_> all_;
  IntrusiveList<TcpSocket, &TcpSocket::dirty_> dirty_;
  IntrusiveList<TcpSocket, &TcpSocket::ready_> ready_;
  IntrusiveList<TcpListener, &TcpListener::ready_> ready_listeners_;
  IntrusiveList<TcpSocket, &TcpSocket::waiting_> orphans_;
  size_t orphan_count_ = 0;
  std::deque<Arrival> arrivals_;
  int64_t moved_away_ = 0;
  std::array<Held, kMaxHeld> held_;
  size_t held_count_ = 0;
  bool merging_ = true;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_TCP_LAYER_H_
