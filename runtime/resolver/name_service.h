// NameService: what the resolvers of one stack share: configuration, cache, and the questions that
// are on their way. The I/O shell of a dns::ResolverEngine.
//
//   auto names = NameService::New(worker, stack, {dns::LoadResolvConf(), dns::LoadHostsFile()});
//   Resolver resolver(worker.get_executor(), names);
//
// Each exchange with a server has a socket of its own, connected to it: the port is a fresh one
// that nobody can guess, datagrams of others never arrive, and a server that is not there is found
// out by its ICMP error.
//
// Ownership: resolvers and those who made it share it; it may outlive its worker, and is of no use
// then. Threading: the worker's thread.

#ifndef CORELANE_RUNTIME_RESOLVER_NAME_SERVICE_H_
#define CORELANE_RUNTIME_RESOLVER_NAME_SERVICE_H_

#include <boost/asio/ip/resolver_base.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/ip_address.h"
#include "core/siphash.h"
#include "runtime/error.h"
#include "runtime/op.h"
#include "runtime/resolver/config_files.h"
#include "runtime/resolver/engine.h"
#include "runtime/resolver/resolver_results.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::runtime {

struct NameServiceOptions {
  dns::ResolvConf conf;
  dns::HostsFile hosts;
  dns::CacheOptions cache;
  bool randomize_case = false;   // see dns::EngineOptions
  std::optional<SipKey> secret;  // none: the system's randomness
};

enum class AddressFamily : uint8_t { kAny, kV4, kV6 };

using ResolverFlags = boost::asio::ip::resolver_base::flags;

struct ResolveRequest {
  std::string host;
  std::string service;
  ResolverFlags flags{};
  AddressFamily family = AddressFamily::kAny;
};

namespace internal {

class ResolveOp : public WaitingOp {
 public:
  ResolveRequest request;
  uint64_t resolver;  // whose cancel() ends it
  uint64_t lookup = 0;
  ResolverResults results;

  std::tuple<error_code, ResolverResults> TakeResult() { return {ec, std::move(results)}; }

 protected:
  ResolveOp(Function function, ResolveRequest request, uint64_t resolver)
      : WaitingOp(function), request(std::move(request)), resolver(resolver) {}
  ~ResolveOp() = default;
};

struct Exchange;

}  // namespace internal

class NameService final : public IoObject,
                          public OpOwner,
                          public std::enable_shared_from_this<NameService>,
                          private WorkerTimer {
 public:
  static std::shared_ptr<NameService> New(Worker& worker, stack::Stack& stack,
                                          NameServiceOptions options);
  // That of the machine's own files, which are read when it is asked for first. Resolvers that name
  // none share it.
  static std::shared_ptr<NameService> Default(Worker& worker, stack::Stack& stack);
  ~NameService();

  // Null: it is gone.
  Worker* worker() const { return worker_; }
  const dns::EngineCounters& counters() const { return engine_.counters(); }

  // --- for Resolver ---
  uint64_t NewResolver() { return ++last_resolver_; }
  // True: it waits.
  bool Start(internal::ResolveOp& op);
  void Cancel(uint64_t resolver);
  void CancelOp(WaitingOp& op) override;

 private:
  friend struct internal::Exchange;

  NameService(Worker& worker, stack::Stack& stack, NameServiceOptions options);

  static void OnDeadline(WorkerTimer& timer);
  void Detach() override;
  void OnResponse(internal::Exchange& exchange, const Endpoint& from,
                  std::span<const uint8_t> bytes);
  void OnFailed(internal::Exchange& exchange);
  // Does what the engine wants done.
  void Pump();
  void Begin(dns::Transmit transmit);
  void End(uint64_t exchange);
  void Complete(dns::LookupResult& result);
  bool HasGlobalV6() const;
  bool HasFamily(bool v6) const;
  void FillResults(internal::ResolveOp& op, const dns::LookupResult& result) const;

  Worker* worker_;  // null: it is gone
  stack::Stack* stack_;
  dns::ResolverEngine engine_;
  uint64_t last_resolver_ = 0;
  uint64_t last_lookup_ = 0;
  std::map<uint64_t, internal::ResolveOp*> ops_;  // by lookup
  std::map<uint64_t, std::shared_ptr<internal::Exchange>> exchanges_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_RESOLVER_NAME_SERVICE_H_
