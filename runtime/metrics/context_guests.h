// ContextGuests: what waits for the end of an operation in somebody's execution context, and has to
// go with that. Private to the folder.
//
// A handler belongs to the context of its executor: whatever it refers to may be gone when that is.
// So does the executor itself: a strand's last copy looks for its context.
//
// Threading: any; a context is not used by others while it is destroyed.

#ifndef CORELANE_RUNTIME_METRICS_CONTEXT_GUESTS_H_
#define CORELANE_RUNTIME_METRICS_CONTEXT_GUESTS_H_

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <mutex>

#include "core/intrusive_list.h"

namespace corelane::runtime::internal {

class ContextGuest {
 protected:
  ~ContextGuest() = default;

 private:
  friend class ContextGuests;
  // The context goes; on the thread that destroys it, while all else in it is still there.
  virtual void OnContextEnd() = 0;

  // Guarded by the mutex of ContextGuests:
  std::shared_ptr<ContextGuest> kept_;  // itself, while it is one
  ListNode node_;
};

class ContextGuests final : public boost::asio::execution_context::service {
 public:
  using key_type = ContextGuests;
  static inline boost::asio::execution_context::id id;

  explicit ContextGuests(boost::asio::execution_context& context) : service(context) {}

  // Those of the executor's context: a worker, an io_context, whatever a strand is around.
  template <class Executor>
  static ContextGuests& Of(const Executor& executor);

  // Keeps it, until Remove() or the context's end.
  void Add(const std::shared_ptr<ContextGuest>& guest);
  // A no-op where it is none (any more).
  void Remove(ContextGuest& guest);

 private:
  void shutdown() override;

  std::mutex mutex_;
  IntrusiveList<ContextGuest, &ContextGuest::node_> guests_;
};

// --- implementation ---

template <class Executor>
ContextGuests& ContextGuests::Of(const Executor& executor) {
  namespace asio = boost::asio;
  static_assert(asio::can_query<const Executor&, asio::execution::context_t>::value,
                "the handler's executor has to say what its execution context is");
  auto& context =
      static_cast<asio::execution_context&>(asio::query(executor, asio::execution::context));
  // Services end in the reverse order of their making. The one that strands live in is made first:
  // no thread may use a strand while that one ends, but for this one's end all are waited for.
  if (!asio::has_service<ContextGuests>(context)) {
    [[maybe_unused]] const asio::strand<Executor> first(executor);
  }
  return asio::use_service<ContextGuests>(context);
}

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_METRICS_CONTEXT_GUESTS_H_
