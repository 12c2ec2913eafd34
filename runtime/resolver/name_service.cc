#include "runtime/resolver/name_service.h"

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "core/bytes.h"
#include "runtime/resolver/services.h"
#include "runtime/system.h"
#include "runtime/tcp_stream.h"
#include "runtime/udp_socket.h"

namespace corelane::runtime {

namespace asio = boost::asio;
namespace error = boost::asio::error;

namespace internal {

// One question to one server. Its task and the NameService share it; whoever ends it closes the
// socket, which ends what the task waits for.
struct Exchange {
  Exchange(NameService& names, dns::Transmit transmit)
      : names(&names), transmit(std::move(transmit)) {}

  void End() {
    names = nullptr;
    if (udp) udp->close();
    if (tcp) tcp->close();
  }
  void Respond(const Endpoint& from, std::span<const uint8_t> bytes) {
    if (names != nullptr) names->OnResponse(*this, from, bytes);
  }
  void Fail() {
    if (names != nullptr) names->OnFailed(*this);
  }

  NameService* names;  // null: it is over
  dns::Transmit transmit;
  std::optional<UdpSocket> udp;
  std::optional<TcpStream> tcp;
};

namespace {

using Task = asio::awaitable<void, WorkerExecutor>;
using Shared = std::shared_ptr<Exchange>;
constexpr asio::use_awaitable_t<WorkerExecutor> kAwait;

// More than EDNS offers: what is longer is cut, and no answer then.
constexpr size_t kReceiveBytes = 2048;
static_assert(kReceiveBytes > dns::kUdpPayload);

Task AskByUdp(Shared exchange) {
  if (exchange->names == nullptr) co_return;
  error_code ec;
  auto token = asio::redirect_error(kAwait, ec);
  co_await exchange->udp->async_send(asio::buffer(exchange->transmit.bytes), token);
  std::vector<uint8_t> bytes(kReceiveBytes);
  while (!ec && exchange->names != nullptr) {
    Endpoint from;
    const size_t n = co_await exchange->udp->async_receive_from(asio::buffer(bytes), from, token);
    if (!ec) exchange->Respond(from, std::span(bytes).first(n));
  }
  exchange->Fail();
}

// RFC 1035 §4.2.2: two bytes of length in front of each message.
Task AskByTcp(Shared exchange) {
  if (exchange->names == nullptr) co_return;
  error_code ec;
  auto token = asio::redirect_error(kAwait, ec);
  TcpStream& stream = *exchange->tcp;
  co_await stream.async_connect(exchange->transmit.server, token);
  if (ec) co_return exchange->Fail();
  std::vector<uint8_t> bytes(2 + exchange->transmit.bytes.size());
  StoreBe16(bytes.data(), static_cast<uint16_t>(exchange->transmit.bytes.size()));
  std::copy(exchange->transmit.bytes.begin(), exchange->transmit.bytes.end(), bytes.begin() + 2);
  co_await asio::async_write(stream, asio::buffer(bytes), token);
  if (ec) co_return exchange->Fail();
  bytes.resize(2);
  co_await asio::async_read(stream, asio::buffer(bytes), token);
  if (ec) co_return exchange->Fail();
  bytes.resize(LoadBe16(bytes.data()));
  co_await asio::async_read(stream, asio::buffer(bytes), token);
  if (ec) co_return exchange->Fail();
  exchange->Respond(exchange->transmit.server, bytes);
}

SipKey RandomKey() { return {RandomSeed(), RandomSeed()}; }

dns::EngineOptions ToEngineOptions(NameServiceOptions options) {
  dns::EngineOptions to;
  to.conf = std::move(options.conf);
  to.hosts = std::move(options.hosts);
  to.cache = options.cache;
  to.randomize_case = options.randomize_case;
  to.secret = options.secret ? *options.secret : RandomKey();
  return to;
}

error_code ToErrorCode(dns::LookupStatus status) {
  switch (status) {
    case dns::LookupStatus::kOk:
      return {};
    case dns::LookupStatus::kNotFound:
      return error::host_not_found;
    case dns::LookupStatus::kNoData:
      return error::no_data;
    case dns::LookupStatus::kTryAgain:
      return error::host_not_found_try_again;
    case dns::LookupStatus::kNoServers:
      return error::no_recovery;
  }
  return error::no_recovery;
}

bool Has(ResolverFlags flags, ResolverFlags flag) { return (flags & flag) != ResolverFlags{}; }

// The default of each of a worker's stacks, for as long as the worker lives.
class DefaultNames final : public asio::execution_context::service {
 public:
  using key_type = DefaultNames;
  inline static asio::execution_context::id id;

  explicit DefaultNames(asio::execution_context& context)
      : asio::execution_context::service(context) {}

  std::shared_ptr<NameService>& of(stack::Stack& stack) { return names_[&stack]; }

 private:
  void shutdown() override { names_.clear(); }

  std::map<stack::Stack*, std::shared_ptr<NameService>> names_;
};

}  // namespace
}  // namespace internal

using internal::Exchange;
using internal::ResolveOp;

std::shared_ptr<NameService> NameService::New(Worker& worker, stack::Stack& stack,
                                              NameServiceOptions options) {
  return std::shared_ptr<NameService>(new NameService(worker, stack, std::move(options)));
}

std::shared_ptr<NameService> NameService::Default(Worker& worker, stack::Stack& stack) {
  auto& names = asio::use_service<internal::DefaultNames>(worker).of(stack);
  if (names == nullptr) {
    NameServiceOptions options;
    options.conf = dns::LoadResolvConf();
    options.hosts = dns::LoadHostsFile();
    names = New(worker, stack, std::move(options));
  }
  return names;
}

NameService::NameService(Worker& worker, stack::Stack& stack, NameServiceOptions options)
    : WorkerTimer(&OnDeadline),
      worker_(&worker),
      stack_(&stack),
      engine_(internal::ToEngineOptions(std::move(options))) {
  worker.Register(*this);
}

NameService::~NameService() {
  if (worker_ != nullptr) Detach();
}

void NameService::Detach() {
  worker_->Disarm(*this);
  for (const auto& [id, op] : std::exchange(ops_, {})) worker_->Abandon(*op);
  for (const auto& [id, exchange] : std::exchange(exchanges_, {})) exchange->End();
  worker_ = nullptr;
  stack_ = nullptr;
}

bool NameService::Start(ResolveOp& op) {
  ResolveRequest& request = op.request;
  const bool numeric = internal::Has(request.flags, asio::ip::resolver_base::numeric_service);
  const auto port = numeric && !request.service.empty() ? dns::ParsePort(request.service)
                                                        : dns::FindService(request.service);
  if (!port) {
    op.ec = error::service_not_found;
    worker_->Ready(op);
    return false;
  }
  dns::LookupRequest lookup{request.host};
  // Without a host: this one, as getaddrinfo() has it.
  const bool passive = internal::Has(request.flags, asio::ip::resolver_base::passive);
  lookup.want_v4 = request.family != AddressFamily::kV6;
  lookup.want_v6 = request.family != AddressFamily::kV4;
  lookup.numeric_only = internal::Has(request.flags, asio::ip::resolver_base::numeric_host);
  if (internal::Has(request.flags, asio::ip::resolver_base::address_configured)) {
    lookup.want_v4 = lookup.want_v4 && HasFamily(false);
    lookup.want_v6 = lookup.want_v6 && HasFamily(true);
  }
  op.lookup = ++last_lookup_;
  op.owner = this;
  ops_.emplace(op.lookup, &op);
  if (request.host.empty()) {
    dns::LookupResult result{op.lookup, dns::LookupStatus::kOk, {}, {}};
    if (lookup.want_v6) {
      result.addresses.push_back(passive ? Ipv6Address() : Ipv6Address::Loopback());
    }
    if (lookup.want_v4) {
      result.addresses.push_back(passive ? Ipv4Address() : Ipv4Address::Loopback());
    }
    Complete(result);
    return false;
  }
  engine_.Start(op.lookup, lookup, worker_->now());
  const uint64_t id = op.lookup;
  Pump();
  return ops_.contains(id);
}

void NameService::Pump() {
  for (bool busy = true; busy;) {
    busy = false;
    while (const auto ended = engine_.PollEnded()) End(*ended);
    while (auto transmit = engine_.PollTransmit()) {
      busy = true;
      Begin(*std::move(transmit));
    }
    while (auto result = engine_.PollResult()) Complete(*result);
  }
  const Instant deadline = engine_.NextDeadline();
  worker_->Disarm(*this);
  if (deadline != kNever) worker_->Arm(*this, deadline);
}

void NameService::Begin(dns::Transmit transmit) {
  const uint64_t id = transmit.exchange;
  const WorkerExecutor executor = worker_->get_executor();
  const auto exchange = std::make_shared<Exchange>(*this, std::move(transmit));
  exchanges_.emplace(id, exchange);
  if (exchange->transmit.tcp) {
    exchange->tcp.emplace(executor, *stack_);
    asio::co_spawn(executor, internal::AskByTcp(exchange), asio::detached);
    return;
  }
  exchange->udp.emplace(executor, *stack_);
  error_code ec;
  exchange->udp->connect(exchange->transmit.server, ec);
  if (ec) {
    engine_.OnFailed(id, worker_->now());
  } else {
    asio::co_spawn(executor, internal::AskByUdp(exchange), asio::detached);
  }
}

void NameService::End(uint64_t exchange) {
  const auto at = exchanges_.find(exchange);
  if (at == exchanges_.end()) return;
  at->second->End();
  exchanges_.erase(at);
}

void NameService::OnResponse(Exchange& exchange, const Endpoint& from,
                             std::span<const uint8_t> bytes) {
  engine_.OnResponse(exchange.transmit.exchange, from, bytes, worker_->now());
  Pump();
}

void NameService::OnFailed(Exchange& exchange) {
  engine_.OnFailed(exchange.transmit.exchange, worker_->now());
  Pump();
}

void NameService::OnDeadline(WorkerTimer& timer) {
  auto& self = static_cast<NameService&>(timer);
  self.engine_.OnTimer(self.worker_->now());
  self.Pump();
}

void NameService::Complete(dns::LookupResult& result) {
  const auto at = ops_.find(result.lookup);
  if (at == ops_.end()) return;
  ResolveOp& op = *at->second;
  ops_.erase(at);
  // RFC 6724 §5 comes to this where the stack can reach either: the connector does the rest.
  if (!HasGlobalV6()) {
    auto& all = result.addresses;
    const auto first_v4 =
        std::find_if(all.begin(), all.end(), [](const IpAddress& a) { return a.is_v4(); });
    std::rotate(all.begin(), first_v4, all.end());
  }
  FillResults(op, result);
  worker_->Complete(op, internal::ToErrorCode(result.status));
}

void NameService::FillResults(ResolveOp& op, const dns::LookupResult& result) const {
  const ResolveRequest& request = op.request;
  const uint16_t port = dns::FindService(request.service).value_or(0);
  const bool canonical = internal::Has(request.flags, asio::ip::resolver_base::canonical_name);
  std::vector<ResolverEntry> entries;
  entries.reserve(result.addresses.size());
  for (const IpAddress& address : result.addresses) {
    entries.emplace_back(Endpoint{address, port}, canonical ? result.canonical : request.host,
                         request.service);
  }
  op.results = ResolverResults(std::move(entries));
}

bool NameService::HasFamily(bool v6) const {
  const auto all = stack_->network().addresses().addresses();
  return std::any_of(all.begin(), all.end(), [v6](const auto& a) {
    return a.prefix.address.is_v6() == v6 && !a.prefix.address.IsLoopback();
  });
}

bool NameService::HasGlobalV6() const {
  const auto all = stack_->network().addresses().addresses();
  return std::any_of(all.begin(), all.end(), [](const auto& a) {
    const IpAddress& address = a.prefix.address;
    return address.is_v6() && !address.IsLinkLocal() && !address.IsLoopback();
  });
}

void NameService::Cancel(uint64_t resolver) {
  if (worker_ == nullptr) return;
  std::vector<ResolveOp*> found;
  for (const auto& [id, op] : ops_) {
    if (op->resolver == resolver) found.push_back(op);
  }
  for (ResolveOp* const op : found) CancelOp(*op);
}

void NameService::CancelOp(WaitingOp& op) {
  const uint64_t id = static_cast<ResolveOp&>(op).lookup;
  if (ops_.erase(id) == 0) return;
  engine_.Cancel(id);
  worker_->Complete(op, error::operation_aborted);
  Pump();
}

}  // namespace corelane::runtime
