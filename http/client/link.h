// Link: one connection of the pool: a protocol engine over a transport.

#ifndef CORELANE_HTTP_CLIENT_LINK_H_
#define CORELANE_HTTP_CLIENT_LINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/intrusive_list.h"
#include "core/time.h"
#include "http/client/deadlines.h"
#include "http/client/engine.h"
#include "http/client/transport.h"

namespace corelane::http {

// Shared with the transport's pending operations, which may outlast its place in the pool.
class Link final : public std::enable_shared_from_this<Link>, private Transport::Events {
 public:
  // Who is told that its state has changed. Not from within a call of an ExchangeEvents.
  class Owner {
   public:
    virtual void OnLinkChanged(Link& link) = 0;

   protected:
    ~Owner() = default;
  };

  Link(Owner& owner, Deadlines& deadlines, std::unique_ptr<Transport> transport,
       std::unique_ptr<ClientConnection> connection, std::string address);
  ~Link();

  ClientConnection& connection() { return *connection_; }
  // The peer's.
  const std::string& address() const { return address_; }
  Instant born() const { return born_; }
  // Exchanges that have begun.
  uint64_t uses() const { return uses_; }
  void CountUse() { ++uses_; }

  // After any call of the connection or of one of its exchanges.
  void Touch();
  // At once. The owner hears nothing more.
  void Close();

  // For the owner.
  ListNode idle_node;
  Deadline idle_deadline;
  void* host = nullptr;
  size_t index = 0;

 private:
  // Transport::Events
  void OnRead(boost::system::error_code error, size_t size) override;
  void OnWrite(boost::system::error_code error, size_t size) override;
  void OnTls(boost::system::error_code) override {}

  void OnDeadline();
  void Pump();
  // Runs `call`, with what it does to the connection settled afterwards.
  template <class F>
  void Within(F&& call);

  Owner* owner_;
  Deadlines& deadlines_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<ClientConnection> connection_;
  const std::string address_;
  const Instant born_;
  Deadline deadline_;
  std::vector<char> read_buffer_;
  uint64_t uses_ = 0;
  int depth_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  boost::system::error_code write_error_;
  bool closed_ = false;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_LINK_H_
