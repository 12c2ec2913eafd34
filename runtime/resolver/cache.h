// Cache: what answers said, for as long as they allowed (RFC 1035 §7.4, RFC 2308).
//
//   cache.Store(question, answer, ttl, now);
//   const Answer* answer = cache.Find(question, now);   // null: ask
//
// A bounded number of questions; the one that was asked longest ago goes first. One core.

#ifndef CORELANE_RUNTIME_RESOLVER_CACHE_H_
#define CORELANE_RUNTIME_RESOLVER_CACHE_H_

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/ip_address.h"
#include "core/time.h"
#include "runtime/resolver/message.h"

namespace corelane::dns {

struct CacheOptions {
  size_t max_entries = 4096;  // 0: nothing is remembered
  // An answer's TTL counts as at least, and at most, this.
  Duration min_ttl{};
  Duration max_ttl = std::chrono::hours(24);
  Duration max_negative_ttl = std::chrono::hours(1);  // RFC 2308 §5 calls up to three hours useful
};

enum class AnswerKind : uint8_t {
  kAddresses,
  kNoData,    // the name exists, without such addresses
  kNotFound,  // it does not exist
  kFailed,    // nobody could say
};

struct Answer {
  AnswerKind kind = AnswerKind::kFailed;
  std::vector<IpAddress> addresses;
  Name canonical;
};

class Cache {
 public:
  explicit Cache(const CacheOptions& options = {}) : options_(options) {}

  // Takes the place of an earlier answer. One with a TTL of zero is for those who asked only.
  void Store(const Question& question, Answer answer, Duration ttl, Instant now);
  // Valid until the next Store(). Null: unknown, or too old.
  const Answer* Find(const Question& question, Instant now);
  size_t size() const { return entries_.size(); }

 private:
  using Key = std::pair<std::string, RecordType>;
  struct Entry {
    Key key;
    Answer answer;
    Instant expires;
  };
  using Entries = std::list<Entry>;

  CacheOptions options_;
  Entries entries_;  // the most recently used first
  std::map<Key, Entries::iterator> index_;
};

}  // namespace corelane::dns

#endif  // CORELANE_RUNTIME_RESOLVER_CACHE_H_
