// --tls_cert and --tls_key: what a server needs to speak TLS.

#ifndef CORELANE_EXAMPLES_TLS_FLAGS_H_
#define CORELANE_EXAMPLES_TLS_FLAGS_H_

#include <boost/asio/signal_set.hpp>
#include <string>

#include "runtime/flags/flag_parser.h"
#include "runtime/worker.h"
#include "tls/context.h"

namespace corelane::examples {

struct TlsFlags {
  std::string cert;
  std::string key;

  bool enabled() const { return !cert.empty(); }
};

// Adds them; both or none. `flags` must outlive the parser.
void AddTlsFlags(runtime::FlagParser& parser, TlsFlags& flags);

// The context for a server of HTTP/2 and HTTP/1.1.
absl::StatusOr<tls::ServerContext> LoadTls(const TlsFlags& flags);

// Loads the files again at each SIGHUP: new connections get what is in them, those that exist keep
// what they began with. On the worker's thread.
class TlsReload {
 public:
  TlsReload(runtime::Worker& worker, const TlsFlags& flags, tls::ServerContext context);
  void Stop();

 private:
  void Wait();

  const TlsFlags flags_;
  tls::ServerContext context_;
  boost::asio::basic_signal_set<runtime::WorkerExecutor> signals_;
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_TLS_FLAGS_H_
