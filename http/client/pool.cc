#include "http/client/pool.h"

#include <algorithm>
#include <utility>

namespace corelane::http {

Pool::Pool(const ClientOptions& options, Dialer& dialer, Deadlines& deadlines, ClientStats& stats)
    : options_(options),
      dialer_(dialer),
      deadlines_(deadlines),
      stats_(stats),
      contexts_(options.tls) {}

Pool::~Pool() {
  for (const auto& [key, host] : hosts_) {
    for (const auto& link : host->links) link->Close();
    for (const auto& dial : host->dials) dial->Cancel();
  }
}

void Pool::Acquire(Waiter& waiter, const Route& route) {
  std::unique_ptr<Host>& host = hosts_[route.key];
  if (host == nullptr) {
    host = std::make_unique<Host>(route);
    if (route.version != HttpVersion::kAny || !route.secure) {
      host->known = true;
      host->http2 = route.version == HttpVersion::kHttp2;
    }
  }
  Host& to = *host;
  if (to.waiting.empty()) {
    if (Link* const link = FindLink(to)) return waiter.OnLink(*link);
  }
  if (waiting_ >= options_.pool.max_waiting) {
    Failure failure;
    failure.code = ClientError::kPoolTimeout;
    failure.phase = ClientPhase::kPool;
    failure.where = route.name;
    failure.detail = "the queue is full: " + std::to_string(waiting_);
    failure.unprocessed = true;
    return waiter.OnNoLink(failure);
  }
  waiter.host_ = &to;
  waiter.dialing_ = false;
  to.waiting.PushBack(waiter);
  ++to.waiters;
  stats_.waiting = ++waiting_;
  DialFor(to);
}

void Pool::Abandon(Waiter& waiter) {
  if (waiter.host_ == nullptr) return;
  Host& host = *static_cast<Host*>(waiter.host_);
  waiter.waiting_.Unlink();
  waiter.host_ = nullptr;
  --host.waiters;
  stats_.waiting = --waiting_;
  EraseIfEmpty(host);
}

Pool::Waiter& Pool::PopWaiter(Host& host) {
  Waiter& waiter = host.waiting.front();
  waiter.waiting_.Unlink();
  waiter.host_ = nullptr;
  --host.waiters;
  stats_.waiting = --waiting_;
  return waiter;
}

Link* Pool::FindLink(Host& host) {
  for (size_t i = host.links.size(); i > 0; --i) {
    Link& link = *host.links[i - 1];
    if (link.connection().capacity() == 0) continue;
    const bool old = options_.pool.max_age > Duration::zero() &&
                     deadlines_.now() - link.born() >= options_.pool.max_age;
    if (old) {
      link.connection().Drain();
      continue;
    }
    return &link;
  }
  return nullptr;
}

void Pool::Serve(Host& host) {
  if (host.serving) return;  // From within OnLink: the loop below goes on.
  host.serving = true;
  while (!host.waiting.empty()) {
    Link* const link = FindLink(host);
    if (link == nullptr) break;
    PopWaiter(host).OnLink(*link);
  }
  host.serving = false;
  if (!host.waiting.empty()) DialFor(host);
}

bool Pool::MayDial(const Host& host) const {
  if (host.dials.size() >= host.waiters) return false;
  if ((!host.known || host.http2) && !host.dials.empty()) return false;
  return host.links.size() + host.dials.size() < options_.pool.max_per_host;
}

void Pool::DialFor(Host& host) {
  while (MayDial(host)) {
    if (connections_ >= options_.pool.max_connections && !MakeRoom(host)) {
      if (!host.blocked) blocked_.push_back(&host);
      host.blocked = true;
      return;
    }
    ++connections_;
    ++stats_.dials;
    const auto dial = std::make_shared<Dial>(static_cast<Dial::Owner&>(*this), host.route, options_,
                                             contexts_, deadlines_);
    dial->host = &host;
    host.dials.push_back(dial);
    for (Waiter& waiter : host.waiting) {
      if (waiter.dialing_) continue;
      waiter.dialing_ = true;
      waiter.OnDialing();
      break;
    }
    dial->Start(dialer_);
  }
}

// Closes what has been idle for longest.
bool Pool::MakeRoom(const Host& host) {
  if (idle_.empty()) return false;
  ++stats_.evicted;
  Host& other = *static_cast<Host*>(idle_.front().host);
  Remove(idle_.front());
  if (&other != &host) EraseIfEmpty(other);
  return connections_ < options_.pool.max_connections;
}

void Pool::RemoveDial(Host& host, Dial& dial) {
  std::erase_if(host.dials, [&](const auto& other) { return other.get() == &dial; });
}

void Pool::OnDialed(Dial& dial, std::unique_ptr<Transport> transport, bool http2,
                    std::string address) {
  Host& host = *static_cast<Host*>(dial.host);
  RemoveDial(host, dial);
  host.known = true;
  host.http2 = http2;
  std::unique_ptr<ClientConnection> connection;
  if (http2) {
    connection = std::make_unique<H2ClientConnection>(options_.h2, stats_.h2, deadlines_.now());
  } else {
    connection = std::make_unique<H1ClientConnection>(options_.h1);
  }
  const auto link =
      std::make_shared<Link>(static_cast<Link::Owner&>(*this), deadlines_, std::move(transport),
                             std::move(connection), std::move(address));
  link->host = &host;
  link->index = host.links.size();
  host.links.push_back(link);
  ++stats_.connections;
  host.serving = true;  // The host stays, whatever comes of the link.
  link->Touch();
  host.serving = false;
  Serve(host);
  RequeueWaiters(host);
  EraseIfEmpty(host);
}

// Those for whom no connection is being made any more.
void Pool::RequeueWaiters(Host& host) {
  size_t dials = host.dials.size();
  for (Waiter& waiter : host.waiting) {
    if (dials > 0) {
      --dials;
    } else if (waiter.dialing_) {
      waiter.dialing_ = false;
      waiter.OnQueued();
    }
  }
}

void Pool::OnDialFailed(Dial& dial, Failure failure) {
  Host& host = *static_cast<Host*>(dial.host);
  RemoveDial(host, dial);
  --connections_;
  ++stats_.dial_failures;
  if (!host.waiting.empty()) {
    host.serving = true;  // What OnNoLink asks for waits for its turn.
    PopWaiter(host).OnNoLink(failure);
    host.serving = false;
  }
  Serve(host);
  RequeueWaiters(host);
  EraseIfEmpty(host);
  ServeBlocked();
}

// --- Links ---

Instant Pool::IdleDeadline(const Link& link) const {
  Instant at = kNever;
  if (options_.pool.idle_timeout > Duration::zero()) {
    at = deadlines_.now() + options_.pool.idle_timeout;
  }
  if (options_.pool.max_age > Duration::zero()) {
    at = std::min(at, link.born() + options_.pool.max_age);
  }
  return at;
}

void Pool::SetIdle(Link& link, bool idle) {
  if (idle == link.idle_node.linked()) return;
  if (idle) {
    idle_.PushBack(link);
    deadlines_.Arm(link.idle_deadline, IdleDeadline(link));
    ++stats_.idle;
    // The one used last is found first.
    Host& host = *static_cast<Host*>(link.host);
    std::swap(host.links[link.index], host.links.back());
    host.links[link.index]->index = link.index;
    link.index = host.links.size() - 1;
  } else {
    link.idle_node.Unlink();
    deadlines_.Cancel(link.idle_deadline);
    --stats_.idle;
  }
}

void Pool::OnLinkChanged(Link& link) {
  const bool idle = link.connection().active() == 0;
  const bool expired =
      link.idle_node.linked() && idle && link.idle_deadline.deadline() <= deadlines_.now();
  Host& host = *static_cast<Host*>(link.host);
  if (expired || link.connection().finished()) {
    if (link.idle_node.linked()) ++stats_.closed_idle;
    Remove(link);
    Serve(host);
    EraseIfEmpty(host);
    return ServeBlocked();
  }
  SetIdle(link, idle);
  if (!host.waiting.empty() && link.connection().capacity() > 0) Serve(host);
  if (link.connection().active() == 0) ServeBlocked();
}

void Pool::Remove(Link& link) {
  Host& host = *static_cast<Host*>(link.host);
  SetIdle(link, false);
  const std::shared_ptr<Link> keep = host.links[link.index];
  host.links[link.index] = std::move(host.links.back());
  host.links[link.index]->index = link.index;
  host.links.pop_back();
  --connections_;
  --stats_.connections;
  keep->Close();
}

void Pool::ServeBlocked() {
  while (!blocked_.empty() && (connections_ < options_.pool.max_connections || !idle_.empty())) {
    Host& host = *blocked_.front();
    blocked_.pop_front();
    host.blocked = false;
    DialFor(host);
    if (host.blocked) return;
    EraseIfEmpty(host);
  }
}

void Pool::EraseIfEmpty(Host& host) {
  if (!host.links.empty() || !host.waiting.empty() || !host.dials.empty() || host.blocked ||
      host.serving) {
    return;
  }
  hosts_.erase(std::string(host.route.key));
}

void Pool::CloseIdle() {
  while (!idle_.empty()) Remove(idle_.front());
  for (const auto& [key, host] : hosts_) {
    for (const auto& link : host->links) link->connection().Drain();
  }
}

}  // namespace corelane::http
