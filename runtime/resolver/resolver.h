// Resolver: names to endpoints, with the interface of asio::ip::tcp::resolver, over the worker's
// own stack.
//
//   Resolver resolver(worker.get_executor());
//   for (const auto& entry : co_await resolver.async_resolve("www.example.com", "https", token)) {
//     co_await stream.async_connect(entry, token);
//   }
//
// The servers are those of /etc/resolv.conf, after /etc/hosts; NameService says how to have others.
// Numbers, localhost and what is remembered need no server. IPv6 comes first where the stack has an
// address of its own for it.
//
// Errors are Asio's: host_not_found, no_data (a name without such addresses), service_not_found,
// host_not_found_try_again (no server had an answer), no_recovery (there is no server to ask),
// operation_aborted.
//
// Move-only; belongs to the worker's thread. What is pending when it is destroyed ends with
// operation_aborted.

#ifndef CORELANE_RUNTIME_RESOLVER_RESOLVER_H_
#define CORELANE_RUNTIME_RESOLVER_RESOLVER_H_

#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/resolver_base.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "runtime/completion.h"
#include "runtime/resolver/name_service.h"
#include "runtime/resolver/resolver_results.h"
#include "runtime/worker.h"

namespace corelane::runtime {

template <class Executor = WorkerExecutor>
class BasicResolver : public boost::asio::ip::resolver_base {
 public:
  using executor_type = Executor;
  using endpoint_type = Endpoint;
  using protocol_type = boost::asio::ip::tcp;
  using results_type = ResolverResults;
  template <class Other>
  struct rebind_executor {
    using other = BasicResolver<Other>;
  };

  // Of the worker's first stack.
  explicit BasicResolver(const Executor& executor)
      : BasicResolver(executor, DefaultStack(executor)) {}
  BasicResolver(const Executor& executor, stack::Stack& stack)
      : BasicResolver(executor, NameService::Default(WorkerOf(executor), stack)) {}
  // names: of the executor's worker.
  BasicResolver(const Executor& executor, std::shared_ptr<NameService> names)
      : executor_(executor), names_(std::move(names)), id_(names_->NewResolver()) {}
  ~BasicResolver() { cancel(); }
  // The other may only be destroyed or assigned to afterwards.
  BasicResolver(BasicResolver&& other) noexcept
      : executor_(other.executor_), names_(std::move(other.names_)), id_(other.id_) {}
  BasicResolver& operator=(BasicResolver&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    executor_ = other.executor_;
    names_ = std::move(other.names_);
    id_ = other.id_;
    return *this;
  }

  executor_type get_executor() const noexcept { return executor_; }
  // Pending operations end with operation_aborted.
  void cancel() {
    if (names_ != nullptr) names_->Cancel(id_);
  }

  // void(error_code, results_type). service: a name or a port; empty: port 0. An empty host is this
  // one: its loopback addresses, with `passive` its wildcards. v4_mapped and all_matching mean
  // nothing here, an IPv4 address is what it is.
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_resolve(std::string_view host, std::string_view service, Token&& token = Token()) {
    return Initiate(AddressFamily::kAny, host, service, flags(), token);
  }
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_resolve(std::string_view host, std::string_view service, flags resolve_flags,
                     Token&& token = Token()) {
    return Initiate(AddressFamily::kAny, host, service, resolve_flags, token);
  }
  // Addresses of this protocol's version only.
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_resolve(const protocol_type& protocol, std::string_view host, std::string_view service,
                     Token&& token = Token()) {
    return Initiate(FamilyOf(protocol), host, service, flags(), token);
  }
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_resolve(const protocol_type& protocol, std::string_view host, std::string_view service,
                     flags resolve_flags, Token&& token = Token()) {
    return Initiate(FamilyOf(protocol), host, service, resolve_flags, token);
  }

 private:
  struct InitiateResolve {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return resolver->executor_; }
    template <class Handler>
    void operator()(Handler&& handler, ResolveRequest request) const {
      NameService& names = *resolver->names_;
      CL_CHECK(names.worker() != nullptr);
      auto* const op = internal::HandlerOp<internal::ResolveOp, std::decay_t<Handler>>::New(
          *names.worker(), std::forward<Handler>(handler), std::move(request), resolver->id_);
      if (names.Start(*op)) op->ConnectCancellation();
    }
    BasicResolver* resolver;
  };

  template <class Token>
  auto Initiate(AddressFamily family, std::string_view host, std::string_view service,
                flags resolve_flags, Token& token) {
    return boost::asio::async_initiate<Token, void(error_code, results_type)>(
        InitiateResolve{this}, token,
        ResolveRequest{std::string(host), std::string(service), resolve_flags, family});
  }
  static AddressFamily FamilyOf(const protocol_type& protocol) {
    return protocol == protocol_type::v4() ? AddressFamily::kV4 : AddressFamily::kV6;
  }
  static stack::Stack& DefaultStack(const Executor& executor) {
    stack::Stack* const stack = WorkerOf(executor).default_stack();
    CL_CHECK(stack != nullptr);
    return *stack;
  }

  Executor executor_;
  std::shared_ptr<NameService> names_;
  uint64_t id_;
};

using Resolver = BasicResolver<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_RESOLVER_RESOLVER_H_
