#include "runtime/resolver/engine.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/check.h"

namespace corelane::dns {
namespace {

Name Constant(std::string_view text) { return *Name::Parse(text); }

bool IsAllDigits(std::string_view label) {
  return std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether the text's last dot ends the name, and is no part of a label.
bool IsAbsolute(std::string_view text) {
  if (text.empty() || text.back() != '.') return false;
  const std::string_view rest = text.substr(0, text.size() - 1);
  const size_t last = rest.find_last_not_of('\\');
  const size_t backslashes = rest.size() - (last == std::string_view::npos ? 0 : last + 1);
  return backslashes % 2 == 0;
}

// The addresses of the families that were asked for, IPv6 first.
std::vector<IpAddress> Wanted(const LookupRequest& request, std::span<const IpAddress> all) {
  std::vector<IpAddress> wanted;
  for (const IpAddress& a : all) {
    if (a.is_v6() && request.want_v6) wanted.push_back(a);
  }
  for (const IpAddress& a : all) {
    if (a.is_v4() && request.want_v4) wanted.push_back(a);
  }
  return wanted;
}

}  // namespace

ResolverEngine::ResolverEngine(EngineOptions options)
    : options_(std::move(options)), servers_(options_.conf.servers), cache_(options_.cache) {}

// SipHash over a counter: what was used tells nothing about what comes.
uint64_t ResolverEngine::Secret() {
  std::array<uint8_t, 8> input;
  StoreBe64(input.data(), secrets_used_++);
  return SipHash24(options_.secret, input);
}

// --- lookups ---

void ResolverEngine::Start(uint64_t id, const LookupRequest& request, Instant now) {
  if (AnswerWithoutServers(id, request)) return;
  const auto name = Name::Parse(request.host);
  CL_DCHECK(name.has_value());
  Lookup& lookup = lookups_[id];
  lookup.request = request;
  lookup.names = NamesOf(*name, IsAbsolute(request.host));
  Advance(id, now);
}

bool ResolverEngine::AnswerWithoutServers(uint64_t id, const LookupRequest& request) {
  const auto answer = [&](std::span<const IpAddress> addresses, const std::string& canonical) {
    auto wanted = Wanted(request, addresses);
    const bool none = wanted.empty();
    Finish(id, none ? LookupStatus::kNoData : LookupStatus::kOk, std::move(wanted), canonical);
    return true;
  };
  const auto refuse = [&](LookupStatus status) {
    Finish(id, status, {}, request.host);
    return true;
  };
  if (const auto numeric = IpAddress::Parse(request.host)) {
    return answer(std::span(&*numeric, 1), request.host);
  }
  const auto name = Name::Parse(request.host);
  if (request.numeric_only || !name || name->is_root()) return refuse(LookupStatus::kNotFound);
  // RFC 6761 §6.3: never asked of a server, never anything else.
  if (name->IsWithin(Constant("localhost"))) {
    const std::array<IpAddress, 2> loopback = {Ipv6Address::Loopback(), Ipv4Address::Loopback()};
    return answer(loopback, "localhost");
  }
  // RFC 6761 §6.4 and RFC 7686 §2. What ends in a number was meant to be an address.
  if (name->IsWithin(Constant("invalid")) || name->IsWithin(Constant("onion")) ||
      IsAllDigits(name->last_label())) {
    return refuse(LookupStatus::kNotFound);
  }
  if (const HostsFile::Host* const host = options_.hosts.Find(*name)) {
    if (!Wanted(request, host->addresses).empty()) {
      return answer(host->addresses, host->canonical.ToString());
    }
  }
  if (servers_.empty()) return refuse(LookupStatus::kNoServers);
  if (!request.want_v4 && (!request.want_v6 || options_.conf.no_aaaa)) {
    return refuse(LookupStatus::kNoData);
  }
  return false;
}

// RFC 1535 §6: a name with dots enough is itself first, and domains are only those of the list.
std::vector<Name> ResolverEngine::NamesOf(const Name& name, bool absolute) const {
  if (absolute) return {name};
  std::vector<Name> names;
  for (const Name& domain : options_.conf.search) {
    if (auto longer = name.Under(domain)) names.push_back(*std::move(longer));
  }
  const bool dots_enough = name.labels() > options_.conf.ndots;
  names.insert(dots_enough ? names.begin() : names.end(), name);
  return names;
}

bool ResolverEngine::AskServers(uint64_t id, Lookup& lookup, Instant now) {
  lookup.answers.clear();
  const Name& name = lookup.names[lookup.at];
  std::vector<Question> unknown;
  const auto ask = [&](RecordType type) {
    Question question{name, type};
    if (const Answer* const answer = cache_.Find(question, now)) {
      ++counters_.cache_hits;
      lookup.answers.push_back(*answer);
    } else {
      unknown.push_back(std::move(question));
    }
  };
  if (lookup.request.want_v6 && !options_.conf.no_aaaa) ask(RecordType::kAaaa);
  if (lookup.request.want_v4) ask(RecordType::kA);
  lookup.waiting = unknown.size();
  for (const Question& question : unknown) Join(id, question, now);
  return !unknown.empty();
}

// From one name to the next, until one waits or the lookup is over.
void ResolverEngine::Advance(uint64_t id, Instant now) {
  Lookup& lookup = lookups_.at(id);
  for (; lookup.at < lookup.names.size(); ++lookup.at) {
    if (lookup.answers.empty() && AskServers(id, lookup, now)) return;
    if (const auto status = Judge(lookup)) {
      std::vector<IpAddress> all;
      std::string canonical = lookup.names[lookup.at].ToString();
      for (const Answer& answer : lookup.answers) {
        if (answer.addresses.empty()) continue;
        all.insert(all.end(), answer.addresses.begin(), answer.addresses.end());
        canonical = answer.canonical.ToString();
      }
      return Finish(id, *status, Wanted(lookup.request, all), std::move(canonical));
    }
    lookup.answers.clear();
  }
  const auto status = lookup.has_data ? LookupStatus::kNoData : LookupStatus::kNotFound;
  Finish(id, status, {}, lookup.request.host);
}

std::optional<LookupStatus> ResolverEngine::Judge(Lookup& lookup) const {
  const auto any = [&](AnswerKind kind) {
    return std::any_of(lookup.answers.begin(), lookup.answers.end(),
                       [kind](const Answer& a) { return a.kind == kind; });
  };
  if (any(AnswerKind::kAddresses)) return LookupStatus::kOk;
  // Where nobody could say, the next name of the list might be another host's.
  if (any(AnswerKind::kFailed)) return LookupStatus::kTryAgain;
  if (any(AnswerKind::kNoData)) lookup.has_data = true;
  return std::nullopt;
}

void ResolverEngine::Finish(uint64_t id, LookupStatus status, std::vector<IpAddress> addresses,
                            std::string canonical) {
  results_.push_back({id, status, std::move(addresses), std::move(canonical)});
  lookups_.erase(id);
}

void ResolverEngine::Cancel(uint64_t id) {
  std::erase_if(results_, [id](const LookupResult& r) { return r.lookup == id; });
  const auto found = lookups_.find(id);
  if (found == lookups_.end()) return;
  const std::string name = found->second.names[found->second.at].Folded();
  lookups_.erase(found);
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa}) {
    const auto at = queries_.find({name, type});
    if (at == queries_.end()) continue;
    std::erase(at->second.lookups, id);
    if (!at->second.lookups.empty()) continue;
    EndExchange(at->second);
    queries_.erase(at);
  }
}

// --- queries ---

void ResolverEngine::Join(uint64_t lookup, const Question& question, Instant now) {
  const auto [at, is_new] = queries_.try_emplace({question.name.Folded(), question.type});
  Query& query = at->second;
  query.lookups.push_back(lookup);
  if (!is_new) return;
  query.question = question;
  query.tcp = options_.conf.use_vc;
  query.edns = options_.conf.edns0 ? Edns::kYes : Edns::kNo;
  query.first_server = next_server_;
  if (options_.conf.rotate) next_server_ = (next_server_ + 1) % servers_.size();
  Send(query, now);
}

void ResolverEngine::Send(Query& query, Instant now) {
  query.exchange = ++last_exchange_;
  query.server = servers_[(query.first_server + query.tries) % servers_.size()];
  query.id = static_cast<uint16_t>(Secret());
  query.sent =
      options_.randomize_case ? query.question.name.WithCase(Secret()) : query.question.name;
  query.deadline = now + options_.conf.timeout;
  exchanges_.emplace(query.exchange, Key{query.question.name.Folded(), query.question.type});
  transmits_.push_back({query.exchange, query.server, query.tcp,
                        EncodeQuery({query.sent, query.question.type}, query.id, query.edns)});
  ++counters_.queries;
}

void ResolverEngine::EndExchange(Query& query) {
  std::erase_if(transmits_, [&](const Transmit& t) { return t.exchange == query.exchange; });
  exchanges_.erase(query.exchange);
  ended_.push_back(query.exchange);
}

void ResolverEngine::TryNextServer(Queries::iterator at, Instant now) {
  Query& query = at->second;
  ++query.tries;
  if (query.tries >= servers_.size() * options_.conf.attempts) {
    return Conclude(at, Answer{AnswerKind::kFailed, {}, query.question.name}, now);
  }
  EndExchange(query);
  query.tcp = options_.conf.use_vc;
  query.edns = options_.conf.edns0 ? Edns::kYes : Edns::kNo;
  Send(query, now);
}

// RFC 5452 §9.1, with the name's spelling where it is a secret.
bool ResolverEngine::Answers(const Query& query, const Response& response) const {
  if (response.id != query.id) return false;
  // A server that does not know EDNS may repeat no question.
  if (!response.question) return response.rcode == Rcode::kFormErr && query.edns == Edns::kYes;
  return response.question->type == query.question.type &&
         (options_.randomize_case ? response.question->name.IsSpelledLike(query.sent)
                                  : response.question->name == query.sent);
}

void ResolverEngine::OnResponse(uint64_t exchange, const Endpoint& from,
                                std::span<const uint8_t> bytes, Instant now) {
  const auto found = exchanges_.find(exchange);
  if (found == exchanges_.end()) {
    ++counters_.ignored;
    return;
  }
  const auto at = queries_.find(found->second);
  const Query& query = at->second;
  const std::optional<Response> response = DecodeResponse(bytes);
  if (from == query.server && response && Answers(query, *response)) {
    OnAnswer(at, *response, now);
  } else if (query.tcp) {
    // Nobody else's: the server is of no use.
    TryNextServer(at, now);
  } else {
    ++counters_.ignored;
  }
}

void ResolverEngine::OnAnswer(Queries::iterator at, const Response& response, Instant now) {
  Query& query = at->second;
  const bool no_edns = response.rcode == Rcode::kFormErr || response.rcode == Rcode::kNotImp ||
                       response.rcode == Rcode::kBadVers;
  if (no_edns && query.edns == Edns::kYes) {  // RFC 6891 §7
    EndExchange(query);
    query.edns = Edns::kNo;
    return Send(query, now);
  }
  if (response.truncated && !query.tcp) {  // RFC 7766 §5
    EndExchange(query);
    query.tcp = true;
    return Send(query, now);
  }
  const bool found = response.rcode == Rcode::kNoError;
  if ((!found && response.rcode != Rcode::kNxDomain) || response.is_lame() || response.truncated) {
    return TryNextServer(at, now);
  }
  // The server that had an answer is asked first from now on.
  if (!options_.conf.rotate) next_server_ = (query.first_server + query.tries) % servers_.size();
  Answer answer{AnswerKind::kAddresses, response.addresses, response.canonical};
  uint32_t ttl = response.ttl;
  if (!found || answer.addresses.empty()) {
    answer.kind = found ? AnswerKind::kNoData : AnswerKind::kNotFound;
    answer.addresses.clear();
    ttl = response.negative_ttl.value_or(0);
  }
  // RFC 2308 §5: what came without a SOA is not remembered, whatever the least TTL.
  if (answer.kind == AnswerKind::kAddresses || response.negative_ttl) {
    cache_.Store(query.question, answer, std::chrono::seconds(ttl), now);
  }
  Conclude(at, std::move(answer), now);
}

void ResolverEngine::Conclude(Queries::iterator at, Answer answer, Instant now) {
  EndExchange(at->second);
  const std::vector<uint64_t> lookups = std::move(at->second.lookups);
  queries_.erase(at);
  for (const uint64_t id : lookups) {
    const auto found = lookups_.find(id);
    if (found == lookups_.end()) continue;
    found->second.answers.push_back(answer);
    if (--found->second.waiting == 0) Advance(id, now);
  }
}

void ResolverEngine::OnFailed(uint64_t exchange, Instant now) {
  const auto found = exchanges_.find(exchange);
  if (found != exchanges_.end()) TryNextServer(queries_.find(found->second), now);
}

void ResolverEngine::OnTimer(Instant now) {
  while (NextDeadline() <= now) {
    ++counters_.timeouts;
    OnFailed(exchanges_.begin()->first, now);
  }
}

// --- outputs ---

namespace {

template <class T>
std::optional<T> TakeFront(std::deque<T>& queue) {
  if (queue.empty()) return std::nullopt;
  T front = std::move(queue.front());
  queue.pop_front();
  return front;
}

}  // namespace

std::optional<Transmit> ResolverEngine::PollTransmit() { return TakeFront(transmits_); }
std::optional<uint64_t> ResolverEngine::PollEnded() { return TakeFront(ended_); }
std::optional<LookupResult> ResolverEngine::PollResult() { return TakeFront(results_); }

// All wait equally long, so that the oldest exchange is the first to be late.
Instant ResolverEngine::NextDeadline() const {
  return exchanges_.empty() ? kNever : queries_.at(exchanges_.begin()->second).deadline;
}

}  // namespace corelane::dns
