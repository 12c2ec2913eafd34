// ClientCore: all of a client but its executor: requests, pool, deadlines, policies.

#ifndef CORELANE_HTTP_CLIENT_CLIENT_CORE_H_
#define CORELANE_HTTP_CLIENT_CLIENT_CORE_H_

#include <memory>

#include "core/intrusive_list.h"
#include "core/random.h"
#include "http/client/call.h"
#include "http/client/deadlines.h"
#include "http/client/options.h"
#include "http/client/policy.h"
#include "http/client/pool.h"
#include "http/client/transport.h"

namespace corelane::http {

class ClientCore {
 public:
  // dialer and alarm must outlive it.
  ClientCore(const ClientOptions& options, Dialer& dialer, Alarm& alarm);
  // Requests that have no response yet are dropped without a call; bodies fail with
  // operation_aborted.
  ~ClientCore();
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;

  // `done` may be called from within.
  std::shared_ptr<Call> Send(OutgoingRequest request, std::unique_ptr<SendDone> done);
  void OnAlarm() { deadlines_.OnAlarm(); }
  // Ends every request with operation_aborted, and closes all that is idle.
  void Close();

  const ClientOptions& options() const { return options_; }
  const ClientStats& stats() const { return stats_; }

 private:
  friend class Call;

  const ClientOptions options_;
  Alarm& alarm_;
  ClientStats stats_;
  Random random_;
  RetryBudget budget_;
  Deadlines deadlines_;
  IntrusiveList<Call, &Call::open_node> open_;
  Pool pool_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_CLIENT_CORE_H_
