#include "examples/loadgen/lane.h"

#include <utility>

namespace corelane::load {

Lane::Lane(const Plan& plan, const Request& request, bool http2, const Clock& clock)
    : request_(request),
      serialized_(http2 ? std::string() : request.Http1()),
      http2_(http2),
      clock_(clock),
      pacer_(plan) {
  dirty_.reserve(plan.connections);
}

void Lane::Start() {
  started_ = true;
  unsettled_ = undialed_ = pacer_.plan().connections;
  last_open_ = Now();
  DialMore();
}

void Lane::DialMore() {
  const size_t at_once = unsettled_ == pacer_.plan().connections ? 1 : kMaxDialing;
  for (; undialed_ > 0 && dialing_ < at_once; --undialed_) Dial();
}

void Lane::Add(LinkBase& link) {
  link.begun = Now();
  ++dialing_;
  links_.PushBack(link);
  ++link_count_;
}

std::unique_ptr<Engine> Lane::NewEngine() {
  return http2_ ? NewHttp2Engine(pacer_, request_) : NewHttp1Engine(pacer_, request_, serialized_);
}

void Lane::OnOpen(LinkBase& link) {
  const Instant now = Now();
  link.engine = NewEngine();
  ++open_;
  --dialing_;
  ++pacer_.tally().connections;
  pacer_.tally().connect.Record(now - link.begun);
  Fill(link, now);
  link.Flush();
  Settle();
}

void Lane::OnDialFailed(LinkBase& link, Failure failure, std::string_view reason) {
  pacer_.tally().Fail(failure, reason);
  redial_at_ = Now() + kRedialPause;
  OnEnded(link);
  Settle();
}

// One more of the first attempts has come to an end.
void Lane::Settle() {
  if (unsettled_ == 0) return;
  if (--unsettled_ > 0) return DialMore();
  const Instant now = Now();
  if (open_ == 0) return pacer_.Stop(now);
  pacer_.Begin(now);
  FillAll(now);
}

void Lane::FillAll(Instant now) {
  for (auto it = links_.begin(); it != links_.end();) {
    LinkBase& link = *it++;
    if (link.engine == nullptr || link.engine->room() == 0) continue;
    Fill(link, now);
    link.Flush();
  }
}

void Lane::Fill(LinkBase& link, Instant now) {
  Engine& engine = *link.engine;
  Ticket ticket;
  while (engine.room() > 0 && pacer_.Take(now, ticket)) engine.Send(ticket);
  if (!pacer_.open_loop()) return;
  if (engine.room() == 0) {
    link.free_hook.Unlink();
  } else if (!link.free_hook.linked()) {
    free_.PushBack(link);
  }
}

bool Lane::Dispatch() {
  if (free_.empty() || pacer_.NextDue() == kNever) return false;
  const Instant now = Now();
  Ticket ticket;
  while (!free_.empty()) {
    LinkBase& link = *free_.begin();
    if (!pacer_.Take(now, ticket)) break;
    link.engine->Send(ticket);
    link.free_hook.Unlink();
    if (link.engine->room() > 0) free_.PushBack(link);
    if (!std::exchange(link.dirty, true)) dirty_.push_back(&link);
  }
  const bool any = !dirty_.empty();
  for (LinkBase* const link : dirty_) {
    link->dirty = false;
    link->Flush();
  }
  dirty_.clear();
  return any;
}

void Lane::OnEnded(LinkBase& link) {
  const bool was_open = link.engine != nullptr;
  link.all_hook.Unlink();
  link.free_hook.Unlink();
  --link_count_;
  if (was_open) {
    --open_;
    last_open_ = Now();
  } else {
    --dialing_;
  }
  // A server that closes after some answers is no reason to wait.
  if (was_open && link.engine->has_answered() && pacer_.active()) Dial();
  link.Close();
}

void Lane::CloseAll() {
  while (!links_.empty()) OnEnded(*links_.begin());
}

void Lane::Redial(Instant now) {
  if (now < redial_at_) return;
  const bool wanted = pacer_.active() || (!pacer_.done() && pacer_.outstanding() > 0);
  if (!wanted) return;
  const size_t wanted_now = pacer_.plan().connections - undialed_;
  while (link_count_ < wanted_now && dialing_ < kMaxDialing) Dial();
}

void Lane::ExpireAll(Instant now) {
  if (now < next_expire_) return;
  next_expire_ = now + kExpireInterval;
  const Duration timeout = pacer_.plan().timeout;
  for (auto it = links_.begin(); it != links_.end();) {
    LinkBase& link = *it++;
    if (link.engine == nullptr) {
      if (now - link.begun >= timeout) OnDialFailed(link, Failure::kConnect, "timed out");
      continue;
    }
    link.engine->Expire(now);
    link.Flush();
  }
}

// First what both sides may say at the end, then whatever is left.
void Lane::EndAll(Instant now) {
  if (close_at_ != kNever) {
    if (now >= close_at_) CloseAll();
    return;
  }
  close_at_ = now + kLinger;
  for (auto it = links_.begin(); it != links_.end();) {
    LinkBase& link = *it++;
    if (link.engine == nullptr) {
      OnEnded(link);
      continue;
    }
    link.engine->Finish();
    link.Flush();
  }
}

void Lane::Tick() {
  const Instant now = Now();
  pacer_.Advance(now);
  if (pacer_.done()) return EndAll(now);
  if (pacer_.overdue(now)) {
    for (LinkBase& link : links_) {
      if (link.engine == nullptr) continue;
      link.engine->Fail(Failure::kTimeout, "no whole answer within --timeout", now);
    }
    return CloseAll();
  }
  ExpireAll(now);
  // A server that is gone for good would never take the rest.
  const bool gone = open_ == 0 && now - last_open_ > pacer_.plan().timeout;
  if (gone && !pacer_.plan().seconds && unsettled_ == 0) pacer_.GiveUp(now);
  Redial(now);
  // What was returned goes out on whichever connection is there.
  FillAll(now);
}

}  // namespace corelane::load
