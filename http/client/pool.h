// Pool: the connections of one client, and who waits for one.
//
// For each route (server, proxy, HTTP version) it keeps links and a queue. A request takes a link
// that has room: the one used last, so that the others can go idle. Else it joins the queue, and a
// connection is made for it where the limits allow; whichever link has room first takes it, in the
// order of the queue. A server whose protocol is not yet known is dialled once at first, since its
// first connection may carry all that wait; one that speaks HTTP/2 gets another connection only
// when the first is full.

#ifndef CORELANE_HTTP_CLIENT_POOL_H_
#define CORELANE_HTTP_CLIENT_POOL_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/intrusive_list.h"
#include "http/client/deadlines.h"
#include "http/client/dial.h"
#include "http/client/link.h"
#include "http/client/options.h"
#include "http/client/transport.h"

namespace corelane::http {

class Pool final : private Link::Owner, private Dial::Owner {
 public:
  // Who waits for a link. Gets one of the calls, once, maybe from within Acquire.
  class Waiter {
   public:
    virtual void OnLink(Link& link) = 0;
    virtual void OnNoLink(const Failure& failure) = 0;
    // A connection is being made for it: the dial has time-outs of its own.
    virtual void OnDialing() = 0;
    // Another has taken that one.
    virtual void OnQueued() = 0;

   protected:
    ~Waiter() = default;

   private:
    friend class Pool;
    ListNode waiting_;
    void* host_ = nullptr;
    bool dialing_ = false;
  };

  // All must outlive it.
  Pool(const ClientOptions& options, Dialer& dialer, Deadlines& deadlines, ClientStats& stats);
  ~Pool();

  void Acquire(Waiter& waiter, const Route& route);
  // It waits no more.
  void Abandon(Waiter& waiter);
  // Connections that are idle are closed; those in use afterwards.
  void CloseIdle();

 private:
  using Waiting = IntrusiveList<Waiter, &Waiter::waiting_>;
  struct Host {
    explicit Host(const Route& route) : route(route) {}
    const Route route;
    std::vector<std::shared_ptr<Link>> links;
    Waiting waiting;
    size_t waiters = 0;
    std::vector<std::shared_ptr<Dial>> dials;
    bool known = false;  // Whether it speaks HTTP/2 or not.
    bool http2 = false;
    bool blocked = false;  // By the limit of all connections; in blocked_.
    bool serving = false;
  };

  // Link::Owner, Dial::Owner
  void OnLinkChanged(Link& link) override;
  void OnDialed(Dial& dial, std::unique_ptr<Transport> transport, bool http2,
                std::string address) override;
  void OnDialFailed(Dial& dial, Failure failure) override;

  Link* FindLink(Host& host);
  // Gives links to those who wait, and dials for the rest.
  void Serve(Host& host);
  void DialFor(Host& host);
  bool MayDial(const Host& host) const;
  bool MakeRoom(const Host& host);
  void RequeueWaiters(Host& host);
  Waiter& PopWaiter(Host& host);
  void SetIdle(Link& link, bool idle);
  void Remove(Link& link);
  void ServeBlocked();
  void RemoveDial(Host& host, Dial& dial);
  void EraseIfEmpty(Host& host);
  Instant IdleDeadline(const Link& link) const;

  const ClientOptions& options_;
  Dialer& dialer_;
  Deadlines& deadlines_;
  ClientStats& stats_;
  TlsContexts contexts_;
  std::unordered_map<std::string, std::unique_ptr<Host>> hosts_;
  IntrusiveList<Link, &Link::idle_node> idle_;  // The one that has been idle for longest first.
  std::deque<Host*> blocked_;
  size_t connections_ = 0;  // Dials included.
  size_t waiting_ = 0;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_POOL_H_
