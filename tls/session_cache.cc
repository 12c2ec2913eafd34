#include "tls/session_cache.h"

#include <utility>

namespace corelane::tls::internal {

void SessionCache::Put(const std::string& server, SessionPtr session) {
  if (max_servers_ == 0) return;
  const std::lock_guard lock(mutex_);
  const auto [it, added] = servers_.try_emplace(server);
  Entry& entry = it->second;
  if (added) {
    uses_.push_front(&it->first);
  } else {
    uses_.splice(uses_.begin(), uses_, entry.use);
  }
  entry.use = uses_.begin();
  entry.sessions.push_back(std::move(session));
  if (entry.sessions.size() > kPerServer) entry.sessions.pop_front();
  if (servers_.size() > max_servers_) {
    const std::string oldest = *uses_.back();
    uses_.pop_back();
    servers_.erase(oldest);
  }
}

SessionPtr SessionCache::Get(const std::string& server) {
  const std::lock_guard lock(mutex_);
  const auto it = servers_.find(server);
  if (it == servers_.end() || it->second.sessions.empty()) return nullptr;
  std::deque<SessionPtr>& sessions = it->second.sessions;
  if (SSL_SESSION_get_protocol_version(sessions.back().get()) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(sessions.back().get());
    return SessionPtr(sessions.back().get());
  }
  SessionPtr session = std::move(sessions.back());
  sessions.pop_back();
  return session;
}

}  // namespace corelane::tls::internal
