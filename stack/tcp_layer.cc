#include "stack/tcp_layer.h"

#include <algorithm>
#include <utility>

#include "ip/protocol.h"

namespace corelane::stack {
const char* ToString(TcpSetupError error) {
  static constexpr const char* kNames[] = {
      "none",          "no route to the remote address",       "address in use",
      "no free port",  "the local address is not one of ours", "invalid address",
      "out of sockets"};
  return kNames[static_cast<size_t>(error)];
}

namespace {

tcp::SequenceSecrets Secrets(const StackOptions& options, Random& random) {
  if (!options.secret_seed) return tcp::SequenceSecrets(random);
  Random shared(*options.secret_seed);
  return tcp::SequenceSecrets(shared);
}

}  // namespace

TcpLayer::TcpLayer(const StackOptions& options, Network& network, Random& random, Instant now)
    : options_(options),
      network_(network),
      now_(now),
      secrets_(Secrets(options, random)),
      cookies_(secrets_.CookieKey()),
      reset_limiter_(options.resets_per_second, 100),
      blocks_(new BlockPool(options.max_blocks)),
      chunks_(options.max_blocks * 4),
      reassembly_(options.max_tcp_sockets),
      scoreboards_(options.max_tcp_sockets),
      resources_{blocks_.get(), &chunks_, &reassembly_, &scoreboards_, &counters_},
      sockets_(options.max_tcp_sockets),
      table_(FlowHashKey::FromSeed(random.Next64()), 1024),
      time_wait_(options.max_time_wait, FlowHashKey::FromSeed(random.Next64())),
      timers_(now) {}

TcpLayer::~TcpLayer() {
  for (Held& held : held_) held.payload.Reset();
  for (const auto& listener : listeners_) Announce(listener->local_.port, false);
  listeners_.clear();
  while (!all_.empty()) Free(all_.front());
}

// --- application ---

TcpSocket* TcpLayer::NewSocket(const tcp::FourTuple& tuple, const tcp::Options& options,
                               Path* path) {
  TcpSocket* const socket = sockets_.New(*this, tuple, options, path->tcp_mss, resources_);
  if (socket == nullptr) return nullptr;
  socket->path_ = path;
  socket->created_ = now_;
  CountFlow(*socket);
  all_.PushBack(*socket);
  return socket;
}

bool TcpLayer::PortsDecide() const {
  const Lane* const lane = network_.lane();
  return lane == nullptr || (lane->steering().HashesPorts(ip::protocol::kTcp) &&
                             lane->steering().HasSettledBucket(lane->index()));
}

uint16_t TcpLayer::PickPort(const IpAddress& local, const Endpoint& remote) {
  // RFC 6056 §3.3.3: simple hash-based selection.
  const uint32_t first = options_.first_ephemeral_port;
  const uint32_t count = options_.last_ephemeral_port - first + 1u;
  const uint32_t offset = secrets_.PortOffset(local, remote.address, remote.port);
  const Lane* const lane = network_.lane();
  const bool ports_decide = PortsDecide();
  for (uint32_t i = 0; i < count; ++i) {
    const auto port = static_cast<uint16_t>(first + (offset + port_counter_++) % count);
    const tcp::FourTuple tuple{local, remote.address, port, remote.port};
    // No two lanes choose the same.
    const bool own =
        lane == nullptr ||
        (ports_decide ? lane->steering().SettledOn(ip::protocol::kTcp, tuple, lane->index())
                      : port % lane->steering().lanes() == lane->index());
    if (!own) continue;
    const uint32_t hash = table_.Hash(tuple);
    if (table_.Find(tuple, hash) == nullptr &&
        time_wait_.Find(tuple, time_wait_.Hash(tuple)) == nullptr &&
        FindListener(local, port) == nullptr) {
      return port;
    }
  }
  return 0;
}

TcpSocket* TcpLayer::Connect(const Endpoint& remote, const TcpConnectOptions& options,
                             TcpSetupError& error) {
  const auto fail = [&](TcpSetupError e) {
    error = e;
    return nullptr;
  };
  const bool group = remote.address.is_v4()
                         ? remote.address.v4().IsMulticast() || remote.address.v4().IsBroadcast() ||
                               remote.address.v4().IsUnspecified()
                         : remote.address.v6().IsMulticast() || remote.address.v6().IsUnspecified();
  if (remote.port == 0 || group) return fail(TcpSetupError::kInvalid);
  IpAddress local;
  if (options.local_address) {
    if (network_.addresses().Find(*options.local_address) == nullptr) {
      return fail(TcpSetupError::kNotLocal);
    }
    local = *options.local_address;
  } else {
    const auto source = network_.SourceFor(remote.address);
    if (!source) return fail(TcpSetupError::kNoRoute);
    local = *source;
  }
  const uint16_t port = options.local_port != 0 ? options.local_port : PickPort(local, remote);
  if (port == 0) return fail(TcpSetupError::kNoPort);
  const tcp::FourTuple tuple{local, remote.address, port, remote.port};
  const uint32_t hash = table_.Hash(tuple);
  if (table_.Find(tuple, hash) != nullptr) return fail(TcpSetupError::kAddressInUse);
  Path* const path = network_.paths().Acquire(local, remote.address);
  if (path == nullptr) return fail(TcpSetupError::kOutOfSockets);
  if (!network_.Refresh(*path, now_)) {
    network_.paths().Release(path);
    return fail(TcpSetupError::kNoRoute);
  }
  TcpSocket* const socket = NewSocket(tuple, options.tcp.value_or(options_.tcp), path);
  if (socket == nullptr) {
    network_.paths().Release(path);
    return fail(TcpSetupError::kOutOfSockets);
  }
  table_.Insert(socket, hash);
  socket->in_table_ = true;
  if (!LandsHere(tuple)) Claim(*socket);
  const tcp::InitialNumbers initial = secrets_.ForConnection(tuple, now_);
  socket->connection_.OpenActive(initial.iss, initial.timestamp_offset, now_);
  error = TcpSetupError::kNone;
  Touch(*socket);
  return socket;
}

TcpListener* TcpLayer::Listen(const Endpoint& local, size_t backlog, TcpSetupError& error,
                              const tcp::Options* options) {
  Endpoint at = local;
  const bool any =
      at.address.is_v4() ? at.address.v4().IsUnspecified() : at.address.v6().IsUnspecified();
  if (!any && network_.addresses().Find(at.address) == nullptr) {
    error = TcpSetupError::kNotLocal;
    return nullptr;
  }
  const auto taken = [&](uint16_t port) {
    return std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& l) {
      return l->local_.port == port && l->local_.address == at.address;
    });
  };
  for (uint32_t p = options_.first_ephemeral_port;
       at.port == 0 && p <= options_.last_ephemeral_port; ++p) {
    if (!taken(static_cast<uint16_t>(p))) at.port = static_cast<uint16_t>(p);
  }
  if (at.port == 0 || taken(at.port)) {
    error = at.port == 0 ? TcpSetupError::kNoPort : TcpSetupError::kAddressInUse;
    return nullptr;
  }
  error = TcpSetupError::kNone;
  Announce(at.port, true);
  const auto behind = std::upper_bound(
      listeners_.begin(), listeners_.end(), at.port,
      [](uint16_t port, const auto& listener) { return port < listener->local_.port; });
  return listeners_
      .insert(behind,
              std::make_unique<TcpListener>(*this, at, options != nullptr ? *options : options_.tcp,
                                            std::max<size_t>(backlog, 1)))
      ->get();
}

TcpListener* TcpLayer::FindListener(const IpAddress& address, uint16_t port) const {
  // The exact address before the wildcard of its family, that before [::], which takes both.
  TcpListener* best = nullptr;
  int best_rank = 0;
  auto first =
      std::lower_bound(listeners_.begin(), listeners_.end(), port,
                       [](const auto& listener, uint16_t p) { return listener->local_.port < p; });
  for (; first != listeners_.end() && (*first)->local_.port == port; ++first) {
    TcpListener* const listener = first->get();
    const IpAddress& at = listener->local_.address;
    int rank = 0;
    if (at == address) {
      rank = 3;
    } else if (at.is_v4() ? at.v4().IsUnspecified() && address.is_v4() : at.v6().IsUnspecified()) {
      rank = at.is_v4() ? 2 : 1;
    }
    if (rank > best_rank) {
      best = listener;
      best_rank = rank;
    }
  }
  return best;
}

void TcpLayer::Release(TcpSocket& socket) {
  if (socket.released_) return;
  socket.released_ = true;
  socket.user = nullptr;
  socket.ready_.Unlink();
  socket.connection_.Close(now_);
  if (!socket.closed()) {
    orphans_.PushBack(socket);
    ++orphan_count_;
    LimitOrphans();
  }
  Touch(socket);
}

void TcpLayer::LimitOrphans() {
  if (orphan_count_ <= options_.max_orphans) return;
  TcpSocket* const oldest = orphans_.PopFront();
  --orphan_count_;
  oldest->connection_.Abort(now_);
  Touch(*oldest);
}

void TcpLayer::ReleaseListener(TcpListener& listener) {
  for (auto* list : {&listener.embryonic_, &listener.accepted_}) {
    while (TcpSocket* socket = list->PopFront()) {
      socket->listener_ = nullptr;
      socket->embryonic_ = false;
      socket->connection_.Abort(now_);
      socket->released_ = true;
      Touch(*socket);
    }
  }
  listener.ready_.Unlink();
  Announce(listener.local_.port, false);
  std::erase_if(listeners_, [&](const auto& l) { return l.get() == &listener; });
}

// --- what follows an input ---

void TcpLayer::Touch(TcpSocket& socket) {
  if (!socket.dirty_.linked()) dirty_.PushBack(socket);
}

void TcpLayer::AfterInput(TcpSocket& socket) {
  Touch(socket);
  if (socket.listener_ != nullptr) [[unlikely]] {
    OnEmbryonicProgress(socket);
    return;
  }
  if (socket.connection_.HasEvents() && !socket.released_ && !socket.ready_.linked()) {
    ready_.PushBack(socket);
  }
}

void TcpLayer::OnEmbryonicProgress(TcpSocket& socket) {
  TcpListener& listener = *socket.listener_;
  if (!socket.embryonic_) {
    // Waits to be accepted; its events wait with it. One that was reset leaves the queue.
    if (!socket.connection_.is_closed()) return;
    socket.waiting_.Unlink();
    if (--listener.accepted_count_ == 0) listener.ready_.Unlink();
    socket.listener_ = nullptr;
    socket.released_ = true;
    return;
  }
  if (!socket.connection_.established_once() && !socket.connection_.is_closed()) return;
  socket.waiting_.Unlink();
  socket.embryonic_ = false;
  --listener.embryonic_count_;
  if (socket.connection_.is_closed()) {
    socket.listener_ = nullptr;
    socket.released_ = true;
    return;
  }
  // It came here because not all lanes listen. Which do may change from now on.
  const Lane* const lane = network_.lane();
  if (lane != nullptr && lane->steering().table()[socket.bucket_] != lane->index()) Claim(socket);
  listener.accepted_.PushBack(socket);
  ++listener.accepted_count_;
  if (!listener.ready_.linked()) ready_listeners_.PushBack(listener);
}

void TcpLayer::RemoveFromTable(TcpSocket& socket) {
  if (!socket.in_table_) return;
  table_.Remove(&socket);
  socket.in_table_ = false;
  if (socket.claimed_) Unclaim(socket);
}

void TcpLayer::EnterTimeWait(TcpSocket& socket) {
  const tcp::Connection& c = socket.connection_;
  tcp::TimeWaitRecord record;
  record.four_tuple = socket.tuple_;
  record.snd_nxt = c.snd_nxt();
  record.rcv_nxt = c.rcv_nxt();
  record.ts_recent = c.ts_recent();
  record.ts_offset = c.ts_offset();
  record.window = static_cast<uint16_t>(std::min<uint32_t>(c.rcv_wnd() >> c.rcv_wscale(), 65535));
  record.uses_timestamps = c.uses_timestamps();
  if (!socket.claimed_ || !SendTimeWaitHome(socket, record)) time_wait_.Add(record, now_);
  RemoveFromTable(socket);
}

void TcpLayer::Settle(TcpSocket& socket) {
  tcp::Connection& c = socket.connection_;
  if (c.state() == tcp::State::kTimeWait && socket.in_table_ && !c.WantsTransmit())
    EnterTimeWait(socket);
  if (c.is_closed() && !c.WantsTransmit()) RemoveFromTable(socket);
  if (socket.listener_ == nullptr && c.HasEvents() && !socket.released_ &&
      !socket.ready_.linked()) {
    ready_.PushBack(socket);
  }
  if (socket.released_ && !socket.in_table_) {
    if (socket.waiting_.linked()) --orphan_count_;
    Free(socket);
    return;
  }
  const Instant deadline = c.NextDeadline();
  // The wheel's node moves only when the deadline comes nearer: a later one is found when the node
  // fires.
  if (deadline != kNever && (!socket.timer_.armed() || deadline < socket.timer_.deadline())) {
    timers_.Arm(socket.timer_, deadline);
  }
}

void TcpLayer::Free(TcpSocket& socket) {
  timers_.Cancel(socket.timer_);
  RemoveFromTable(socket);
  if (network_.lane() != nullptr) network_.lane()->CountFlow(socket.bucket_, false);
  network_.paths().Release(socket.path_);
  sockets_.Delete(&socket);
}

// --- time and output ---

void TcpLayer::OnTimer(Instant now) {
  now_ = now;
  timers_.Advance(now, [&](TimerNode& node) {
    TcpSocket& socket = *static_cast<TcpSocketTimer&>(node).socket;
    if (socket.connection_.NextDeadline() <= now) socket.connection_.OnTimer(now);
    AfterInput(socket);
  });
  time_wait_.OnTimer(now);
}

Instant TcpLayer::NextDeadline() const {
  return std::min(timers_.NextDeadline(), time_wait_.NextDeadline());
}

// False: the interface is full, and the socket still wants to send.
bool TcpLayer::TransmitSocket(TcpSocket& socket, Instant now) {
  tcp::Connection& c = socket.connection_;
  if (!c.WantsTransmit()) return true;
  Path& path = *socket.path_;
  if (!network_.Refresh(path, now)) {
    c.OnSoftError(tcp::Error::kUnreachable, now);
    return true;
  }
  Interface& interface = *path.interface;
  c.OnPathMss(path.tcp_mss, now);
  while (c.WantsTransmit()) {
    const size_t room = interface.room();
    if (room == 0) return false;
    const auto frames = static_cast<uint32_t>(std::min<size_t>(room, 44));
    PacketBuf segment = c.PollTransmit(interface.cache(), frames * c.mss(), now);
    if (!segment && frames > 1 && c.WantsTransmit()) {
      // Too few packets for so many frames: there may be enough for one.
      segment = c.PollTransmit(interface.cache(), c.mss(), now);
    }
    if (!segment) return true;
    network_.SendTcp(path, std::move(segment), now);
  }
  return true;
}

bool TcpLayer::Transmit(Instant now) {
  now_ = now;
  if (dirty_.empty()) return false;
  // Sockets that become dirty meanwhile wait for the next turn, behind those that the device had no
  // room for. (Nothing below takes another socket off the list.)
  const TcpSocket* const last = &dirty_.back();
  size_t sent_batches = 0;
  for (bool more = true; more;) {
    TcpSocket& socket = dirty_.front();
    if (!TransmitSocket(socket, now)) {
      const size_t taken = socket.path_->interface->Flush(now);
      // The device takes no more: what is left goes first next time.
      if (taken == 0 || ++sent_batches >= options_.transmit_batches) return true;
      continue;
    }
    more = &socket != last;
    dirty_.PopFront();
    Settle(socket);
  }
  return false;
}

}  // namespace corelane::stack
