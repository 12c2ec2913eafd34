#include "runtime/resolver/cache.h"

#include <algorithm>

namespace corelane::dns {

void Cache::Store(const Question& question, Answer answer, Duration ttl, Instant now) {
  Key key{question.name.Folded(), question.type};
  if (const auto at = index_.find(key); at != index_.end()) {
    entries_.erase(at->second);
    index_.erase(at);
  }
  ttl = std::max(ttl, options_.min_ttl);
  ttl = std::min(
      ttl, answer.kind == AnswerKind::kAddresses ? options_.max_ttl : options_.max_negative_ttl);
  if (ttl <= Duration::zero() || options_.max_entries == 0) return;
  while (entries_.size() >= options_.max_entries) {
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, std::move(answer), now + ttl});
  index_.emplace(std::move(key), entries_.begin());
}

const Answer* Cache::Find(const Question& question, Instant now) {
  const auto at = index_.find({question.name.Folded(), question.type});
  if (at == index_.end()) return nullptr;
  if (at->second->expires <= now) {
    entries_.erase(at->second);
    index_.erase(at);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, at->second);
  return &at->second->answer;
}

}  // namespace corelane::dns
