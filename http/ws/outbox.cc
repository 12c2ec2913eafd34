#include "http/ws/outbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace corelane::ws::internal {

Outbox::Outbox(Encoder encoder, size_t fragment, size_t room)
    : encoder_(std::move(encoder)), fragment_(fragment), room_(room) {
  CL_CHECK(fragment > 0);
}

void Outbox::Copy(MessageType type, std::string_view data) {
  if (settled() && has_room() && data.size() <= fragment_) return MakeFrame(type, data);
  const QueueHead head{type, data.size()};
  char* const at = queue_.Prepare(sizeof head + data.size());
  std::memcpy(at, &head, sizeof head);
  if (!data.empty()) std::memcpy(at + sizeof head, data.data(), data.size());
  queue_.Commit(sizeof head + data.size());
  Refill();
}

void Outbox::Lend(MessageType type, std::string_view data) {
  CL_DCHECK(!lent_);
  if (settled() && has_room() && data.size() <= fragment_) return MakeFrame(type, data);
  lent_ = true;
  lent_type_ = type;
  lent_rest_ = data;
  ahead_ = queue_.size();
  Refill();
}

void Outbox::MakeFrame(MessageType type, std::string_view& rest) {
  if (!std::exchange(begun_, true)) encoder_.Begin(type, rest.size());
  const std::string_view piece = rest.substr(0, fragment_);
  rest.remove_prefix(piece.size());
  encoder_.Add(piece, rest.empty(), out_);
  begun_ = !rest.empty();
}

void Outbox::StepQueue() {
  const size_t before = queue_.size();
  if (!begun_) {
    QueueHead head;
    std::memcpy(&head, queue_.data(), sizeof head);
    queue_.Consume(sizeof head);
    front_type_ = head.type;
    front_left_ = head.size;
  }
  std::string_view rest = queue_.view().substr(0, front_left_);
  MakeFrame(front_type_, rest);
  queue_.Consume(front_left_ - rest.size());
  front_left_ = rest.size();
  ahead_ -= std::min(ahead_, before - queue_.size());
}

bool Outbox::Refill() {
  bool returned = false;
  while (has_room() && !settled()) {
    if (!lent_ || ahead_ > 0) {
      StepQueue();
      continue;
    }
    MakeFrame(lent_type_, lent_rest_);
    lent_ = !lent_rest_.empty();
    returned = !lent_;
  }
  if (closing_ && settled()) MakeClose();
  return returned;
}

void Outbox::Close(CloseCode code, std::string_view reason) {
  if (std::exchange(closing_, true)) return;
  close_code_ = code;
  close_reason_ = reason.substr(0, kMaxControlPayload);
  Refill();
}

void Outbox::MakeClose() {
  if (!std::exchange(close_made_, true)) encoder_.Close(close_code_, close_reason_, out_);
}

void Outbox::Abandon() {
  lent_ = false;
  lent_rest_ = {};
  queue_.Clear();
  if (closing_) MakeClose();
}

void Outbox::ReleaseMemory() {
  if (out_.empty()) out_ = http::Buffer();
  if (queue_.empty()) queue_ = http::Buffer();
  if (settled()) encoder_.ReleaseMemory();
}

}  // namespace corelane::ws::internal
