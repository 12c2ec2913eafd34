#include "tls/context.h"

#include "tls/context_state.h"

namespace corelane::tls {

using internal::ContextState;

absl::StatusOr<ServerContext> ServerContext::Create(const ServerOptions& options) {
  auto shared = std::make_shared<internal::SharedContext>();
  shared->ticket_keys = std::make_shared<internal::TicketKeys>();
  ServerContext context(std::move(shared));
  if (absl::Status status = context.Reload(options); !status.ok()) return status;
  return context;
}

absl::Status ServerContext::Reload(const ServerOptions& options) {
  auto state = ContextState::ForServer(options, shared_->ticket_keys);
  if (!state.ok()) return state.status();
  shared_->Set(*std::move(state));
  return absl::OkStatus();
}

void ServerContext::RotateTicketKeys() { shared_->ticket_keys->Rotate(); }

absl::StatusOr<ClientContext> ClientContext::Create(const ClientOptions& options) {
  ClientContext context(std::make_shared<internal::SharedContext>());
  if (absl::Status status = context.Reload(options); !status.ok()) return status;
  return context;
}

absl::Status ClientContext::Reload(const ClientOptions& options) {
  auto state = ContextState::ForClient(options);
  if (!state.ok()) return state.status();
  shared_->Set(*std::move(state));
  return absl::OkStatus();
}

}  // namespace corelane::tls
