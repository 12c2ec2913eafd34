#include "http/client/client_core.h"

#include <utility>

namespace corelane::http {
namespace {

uint64_t Seed(const ClientOptions& options, const Alarm& alarm) {
  if (options.random_seed != 0) return options.random_seed;
  return static_cast<uint64_t>(alarm.Now().time_since_epoch().count()) ^
         reinterpret_cast<uintptr_t>(&alarm);
}

}  // namespace

ClientCore::ClientCore(const ClientOptions& options, Dialer& dialer, Alarm& alarm)
    : options_(options),
      alarm_(alarm),
      random_(Seed(options, alarm)),
      budget_(options_.retry),
      deadlines_(alarm),
      pool_(options_, dialer, deadlines_, stats_) {}

ClientCore::~ClientCore() {
  while (!open_.empty()) open_.front().OnCoreGone();
}

std::shared_ptr<Call> ClientCore::Send(OutgoingRequest request, std::unique_ptr<SendDone> done) {
  ++stats_.requests;
  budget_.OnRequest();
  const auto call = std::make_shared<Call>(*this, std::move(request), std::move(done));
  call->self = call;
  open_.PushBack(*call);
  call->Start();
  return call;
}

void ClientCore::Close() {
  while (!open_.empty()) {
    const std::shared_ptr<Call> call = open_.front().shared_from_this();
    call->open_node.Unlink();
    call->Cancel();
  }
  pool_.CloseIdle();
  deadlines_.Settle();
}

}  // namespace corelane::http
