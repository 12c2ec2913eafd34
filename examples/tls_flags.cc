#include "examples/tls_flags.h"

#include <boost/system/error_code.hpp>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "runtime/flags/value.h"

namespace corelane::examples {
namespace {

tls::ServerOptions ToOptions(const TlsFlags& flags) {
  tls::ServerOptions options;
  tls::Identity identity;
  identity.chain = tls::Pem::File(flags.cert);
  identity.key = tls::Pem::File(flags.key);
  options.identities.push_back(std::move(identity));
  options.alpn = {"h2", "http/1.1"};
  return options;
}

}  // namespace

void AddTlsFlags(runtime::FlagParser& parser, TlsFlags& flags) {
  parser.AddFlag("--tls_cert", runtime::Text(&flags.cert, "PEM"),
                 "speaks TLS with the certificate chain in this file; SIGHUP loads it again");
  parser.AddFlag("--tls_key", runtime::Text(&flags.key, "PEM"),
                 "the certificate's private key, unencrypted");
  parser.AddCheck([&flags]() -> std::optional<runtime::FlagParser::Mistake> {
    if (flags.cert.empty() == flags.key.empty()) return std::nullopt;
    return flags.cert.empty()
               ? runtime::FlagParser::Mistake{"--tls_key", "needs the certificate that it is for",
                                              "--tls_cert as well"}
               : runtime::FlagParser::Mistake{"--tls_cert", "needs its private key",
                                              "--tls_key as well"};
  });
}

absl::StatusOr<tls::ServerContext> LoadTls(const TlsFlags& flags) {
  return tls::ServerContext::Create(ToOptions(flags));
}

TlsReload::TlsReload(runtime::Worker& worker, const TlsFlags& flags, tls::ServerContext context)
    : flags_(flags), context_(std::move(context)), signals_(worker.get_executor(), SIGHUP) {
  Wait();
}

void TlsReload::Stop() {
  boost::system::error_code ignored;
  signals_.cancel(ignored);
}

void TlsReload::Wait() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    const absl::Status status = context_.Reload(ToOptions(flags_));
    std::fprintf(stderr, "certificate: %s\n",
                 status.ok() ? "loaded again" : std::string(status.message()).c_str());
    Wait();
  });
}

}  // namespace corelane::examples
