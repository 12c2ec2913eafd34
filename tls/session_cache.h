// A client's sessions by the name of their server, for resumption. Any thread.

#ifndef CORELANE_TLS_SESSION_CACHE_H_
#define CORELANE_TLS_SESSION_CACHE_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "tls/pem.h"

namespace corelane::tls::internal {

using SessionPtr = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;

class SessionCache {
 public:
  explicit SessionCache(size_t max_servers) : max_servers_(max_servers) {}

  void Put(const std::string& server, SessionPtr session);
  // The latest one; null where there is none. A session of TLS 1.3 is given out once (RFC 8446
  // §C.4), one of TLS 1.2 again and again.
  SessionPtr Get(const std::string& server);

 private:
  static constexpr size_t kPerServer = 4;

  struct Entry {
    std::deque<SessionPtr> sessions;
    std::list<const std::string*>::iterator use;
  };

  const size_t max_servers_;
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> servers_;
  std::list<const std::string*> uses_;  // Names of servers_, the latest first.
};

}  // namespace corelane::tls::internal

#endif  // CORELANE_TLS_SESSION_CACHE_H_
