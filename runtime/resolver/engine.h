// ResolverEngine: a stub resolver (RFC 1035 §5.3.1), sans-IO: names in, questions to name servers
// out, addresses out. It has no clock, socket or thread.
//
//   engine.Start(1, {"www.example.com"}, now);
//   while (auto t = engine.PollTransmit()) ...     // send t->bytes to t->server, from a port of
//   its own while (auto e = engine.PollEnded()) ...        // close that exchange's socket while
//   (auto r = engine.PollResult()) ...       // a lookup is over engine.OnResponse(exchange, from,
//   bytes, now); // or OnFailed(), OnTimer() at NextDeadline()
//
// A lookup's names, in order: itself, or with the search list's domains behind it. Each is asked
// for A and AAAA at once; a question that is on its way already is not sent twice.
//
//   lookup --- name, type ---> query --- one try at one server ---> exchange
//
// An exchange is one question to one server over a socket of its own, with a port and an id that
// nobody can guess (RFC 5452 §9.2). It ends with the answer, an error, or after the time-out, when
// the next server is asked; what comes later is nobody's.
//
// Belongs to one core.

#ifndef CORELANE_RUNTIME_RESOLVER_ENGINE_H_
#define CORELANE_RUNTIME_RESOLVER_ENGINE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/ip_address.h"
#include "core/siphash.h"
#include "core/time.h"
#include "runtime/resolver/cache.h"
#include "runtime/resolver/config_files.h"
#include "runtime/resolver/message.h"

namespace corelane::dns {

struct EngineOptions {
  ResolvConf conf;
  HostsFile hosts;
  CacheOptions cache;
  // Letters' case in questions is random, and answers repeat it: more bits to guess. Some servers
  // do not repeat it, and are not understood then.
  bool randomize_case = false;
  SipKey secret;  // what ids, ports and case come from: random
};

struct LookupRequest {
  std::string host;
  bool want_v4 = true;
  bool want_v6 = true;
  bool numeric_only = false;  // only addresses in text form are taken
};

enum class LookupStatus : uint8_t {
  kOk,
  kNotFound,   // no such name
  kNoData,     // the name has no addresses of the families asked for
  kTryAgain,   // no server had an answer
  kNoServers,  // there is none to ask
};

struct LookupResult {
  uint64_t lookup = 0;
  LookupStatus status = LookupStatus::kOk;
  std::vector<IpAddress> addresses;  // IPv6 before IPv4; each family as the server gave it
  std::string canonical;
};

struct Transmit {
  uint64_t exchange = 0;
  Endpoint server;
  bool tcp = false;  // as one message of RFC 1035 §4.2.2; the length is the sender's
  std::vector<uint8_t> bytes;
};

struct EngineCounters {
  uint64_t queries = 0;   // sent
  uint64_t ignored = 0;   // datagrams that were no answer to what was asked
  uint64_t timeouts = 0;  // of exchanges
  uint64_t cache_hits = 0;
};

class ResolverEngine {
 public:
  explicit ResolverEngine(EngineOptions options);

  // --- inputs ---
  // id: the caller's, of no lookup that goes on. The result may be there at once.
  void Start(uint64_t id, const LookupRequest& request, Instant now);
  // No result comes any more, unless it was polled already. A no-op for a lookup that is over.
  void Cancel(uint64_t id);
  // What arrived on an exchange's socket: a datagram, or a whole message of its TCP connection. A
  // datagram that does not answer the question changes nothing.
  void OnResponse(uint64_t exchange, const Endpoint& from, std::span<const uint8_t> bytes,
                  Instant now);
  // It could not be sent, or the server refused it or closed the connection.
  void OnFailed(uint64_t exchange, Instant now);
  void OnTimer(Instant now);  // Too early: a no-op.

  // --- outputs ---
  std::optional<Transmit> PollTransmit();
  // An exchange that was transmitted and is over. Also those that never were.
  std::optional<uint64_t> PollEnded();
  std::optional<LookupResult> PollResult();
  Instant NextDeadline() const;

  const EngineCounters& counters() const { return counters_; }
  size_t lookups() const { return lookups_.size(); }
  size_t queries() const { return queries_.size(); }

 private:
  using Key = std::pair<std::string, RecordType>;

  // What one name is asked of the servers, for everybody who wants to know.
  struct Query {
    Question question;
    std::vector<uint64_t> lookups;
    size_t first_server = 0;
    size_t tries = 0;  // servers asked so far, and again
    bool tcp = false;
    Edns edns = Edns::kYes;
    // The exchange.
    uint64_t exchange = 0;
    uint16_t id = 0;
    Endpoint server;
    Name sent;
    Instant deadline = kNever;
  };
  struct Lookup {
    LookupRequest request;
    std::vector<Name> names;
    size_t at = 0;                // of names
    size_t waiting = 0;           // queries for it
    bool has_data = false;        // one of the names exists
    std::vector<Answer> answers;  // to the questions about names[at]
  };
  using Queries = std::map<Key, Query>;

  // Lookups.
  bool AnswerWithoutServers(uint64_t id, const LookupRequest& request);
  std::vector<Name> NamesOf(const Name& name, bool absolute) const;
  // Asks about names[at]; true: it waits for an answer.
  bool AskServers(uint64_t id, Lookup& lookup, Instant now);
  void Advance(uint64_t id, Instant now);
  // What the answers about one name come to; null: try the next one.
  std::optional<LookupStatus> Judge(Lookup& lookup) const;
  void Finish(uint64_t id, LookupStatus status, std::vector<IpAddress> addresses,
              std::string canonical);

  // Queries.
  void Join(uint64_t lookup, const Question& question, Instant now);
  void Send(Query& query, Instant now);
  void EndExchange(Query& query);
  void TryNextServer(Queries::iterator at, Instant now);
  void OnAnswer(Queries::iterator at, const Response& response, Instant now);
  void Conclude(Queries::iterator at, Answer answer, Instant now);
  bool Answers(const Query& query, const Response& response) const;
  uint64_t Secret();

  const EngineOptions options_;
  const std::vector<Endpoint>& servers_;
  Cache cache_;
  std::map<uint64_t, Lookup> lookups_;
  Queries queries_;
  std::map<uint64_t, Key> exchanges_;  // in the order of their deadlines
  uint64_t last_exchange_ = 0;
  uint64_t secrets_used_ = 0;
  size_t next_server_ = 0;  // where the next query begins
  std::deque<Transmit> transmits_;
  std::deque<uint64_t> ended_;
  std::deque<LookupResult> results_;
  EngineCounters counters_;
};

}  // namespace corelane::dns

#endif  // CORELANE_RUNTIME_RESOLVER_ENGINE_H_
