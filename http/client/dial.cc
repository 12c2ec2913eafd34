#include "http/client/dial.h"

#include <algorithm>
#include <utility>

namespace corelane::http {

Route::Route(const Url& url, const Url* through, HttpVersion wanted)
    : secure(url.secure()),
      absolute_form(through != nullptr && !url.secure()),
      version(wanted),
      host(url.host()),
      port(url.port()),
      name(url.host_and_port()) {
  if (through != nullptr) proxy = *through;
  // Through a plain proxy any server is reached over the same connections.
  key = absolute_form ? std::string("proxied") : url.scheme() + "://" + name;
  key += version == HttpVersion::kHttp1 ? "|1" : version == HttpVersion::kHttp2 ? "|2" : "|";
  if (proxy) key += "|" + proxy->host_and_port() + "|" + proxy->user() + ":" + proxy->password();
}

const tls::ClientContext* TlsContexts::For(HttpVersion version, std::string& why) {
  std::optional<tls::ClientContext>& context = contexts_[static_cast<size_t>(version)];
  if (context) return &*context;
  tls::ClientOptions options = options_;
  options.alpn.clear();
  if (version != HttpVersion::kHttp1) options.alpn.push_back("h2");
  if (version != HttpVersion::kHttp2) options.alpn.push_back("http/1.1");
  auto made = tls::ClientContext::Create(options);
  if (!made.ok()) {
    why = std::string(made.status().message());
    return nullptr;
  }
  context = *std::move(made);
  return &*context;
}

Dial::Dial(Owner& owner, const Route& route, const ClientOptions& options, TlsContexts& contexts,
           Deadlines& deadlines)
    : owner_(&owner),
      route_(route),
      options_(options),
      contexts_(contexts),
      deadlines_(deadlines),
      deadline_([](void* self) { static_cast<Dial*>(self)->OnTimeout(); }, this) {}

Dial::~Dial() { Cancel(); }

void Dial::Enter(ClientPhase phase, Duration timeout) {
  phase_ = phase;
  deadlines_.ArmAfter(deadline_, timeout);
}

void Dial::Start(Dialer& dialer) {
  const ClientTimeouts& timeouts = options_.timeouts;
  const Instant now = deadlines_.now();
  if (timeouts.connect > Duration::zero()) connect_until_ = now + timeouts.connect;
  Instant first = connect_until_;
  if (timeouts.resolve > Duration::zero()) first = std::min(first, now + timeouts.resolve);
  deadlines_.Arm(deadline_, first);
  const std::string& host = route_.proxy ? route_.proxy->host() : route_.host;
  const uint16_t port = route_.proxy ? route_.proxy->port() : route_.port;
  attempt_ = dialer.Dial(
      host, port,
      [self = weak_from_this()](boost::system::error_code error,
                                std::unique_ptr<Transport> transport, ConnectReport report) {
        const std::shared_ptr<Dial> dial = self.lock();
        if (dial != nullptr && dial->owner_ != nullptr) {
          dial->OnConnected(error, std::move(transport), std::move(report));
        }
      });
}

void Dial::OnConnected(boost::system::error_code error, std::unique_ptr<Transport> transport,
                       ConnectReport report) {
  address_ = report.address;
  if (error) {
    phase_ = report.phase;
    const bool resolving = report.phase == ClientPhase::kResolve;
    return Fail(resolving ? ClientError::kResolve : ClientError::kConnect, "", error);
  }
  transport_ = std::move(transport);
  transport_->set_events(this);
  if (const std::string remote = transport_->remote(); !remote.empty()) address_ = remote;
  if (route_.proxy && route_.secure) return StartTunnel();
  if (route_.secure) return StartTls();
  Succeed(route_.version == HttpVersion::kHttp2 && !route_.absolute_form);
}

// --- CONNECT (RFC 9110 §9.3.6) ---

void Dial::StartTunnel() {
  Enter(ClientPhase::kProxy, options_.timeouts.proxy);
  tunnel_ = std::make_unique<H1ClientConnection>(options_.h1);
  if (route_.proxy->has_credentials()) {
    tunnel_fields_.Add("Proxy-Authorization",
                       BasicCredentials(route_.proxy->user(), route_.proxy->password()));
  }
  ExchangeRequest request;
  request.method = "CONNECT";
  request.authority = request.target = route_.name;
  request.fields = &tunnel_fields_;
  tunnel_exchange_ = tunnel_->Start(request, *this, deadlines_.now());
  if (tunnel_exchange_ == nullptr) return Fail(ClientError::kProxy, "the request cannot be sent");
  PumpTunnel();
  transport_->Read(tunnel_buffer_, shared_from_this());
}

void Dial::PumpTunnel() {
  const auto out = tunnel_->Output(deadlines_.now());
  if (!out[0].empty()) transport_->Write(out, shared_from_this());
}

void Dial::OnWrite(boost::system::error_code error, size_t size) {
  if (owner_ == nullptr || tunnel_ == nullptr) return;
  if (error) return Fail(ClientError::kProxy, "", error);
  tunnel_->OnWritten(size, deadlines_.now());
  PumpTunnel();
}

void Dial::OnRead(boost::system::error_code error, size_t size) {
  if (owner_ == nullptr || tunnel_ == nullptr) return;
  if (size > 0) {
    tunnel_->OnReceived({tunnel_buffer_.data(), size}, deadlines_.now());
  } else {
    tunnel_->OnTransportEnd(error, deadlines_.now());
  }
  if (tunnel_failure_) {
    return Fail(ClientError::kProxy,
                make_error_code(tunnel_failure_->error).message() + " " + tunnel_failure_->detail,
                tunnel_failure_->cause);
  }
  if (tunnel_status_ == 0) return transport_->Read(tunnel_buffer_, shared_from_this());
  if (tunnel_status_ / 100 != 2) {
    return Fail(ClientError::kProxy, "it answered " + std::to_string(tunnel_status_));
  }
  // A server of TLS speaks second; whatever is here came from someone else.
  if (!tunnel_->unread().empty()) return Fail(ClientError::kProxy, "bytes behind its answer");
  tunnel_exchange_ = nullptr;
  tunnel_.reset();
  StartTls();
}

void Dial::OnFailed(const ExchangeFailure& failure) { tunnel_failure_ = failure; }

// --- TLS ---

void Dial::StartTls() {
  Enter(ClientPhase::kTls, options_.timeouts.tls);
  std::string why;
  const tls::ClientContext* const context = contexts_.For(route_.version, why);
  if (context == nullptr) return Fail(ClientError::kTls, "options: " + why);
  transport_->StartTls(*context, route_.host, shared_from_this());
}

void Dial::OnTls(boost::system::error_code error) {
  if (owner_ == nullptr) return;
  if (error) return Fail(ClientError::kTls, "", error);
  const std::string chosen = transport_->alpn();
  const bool http2 = chosen == "h2";
  if (route_.version == HttpVersion::kHttp2 && !http2) {
    return Fail(ClientError::kNoProtocol, "ALPN chose '" + chosen + "', not 'h2'");
  }
  Succeed(http2);
}

// --- Ends ---

void Dial::Succeed(bool http2) {
  const std::shared_ptr<Dial> self = shared_from_this();
  deadlines_.Cancel(deadline_);
  transport_->set_events(nullptr);
  attempt_.reset();
  Owner* const owner = std::exchange(owner_, nullptr);
  owner->OnDialed(*this, std::move(transport_), http2, address_);
}

void Dial::Fail(ClientError error, std::string detail, boost::system::error_code cause) {
  const std::shared_ptr<Dial> self = shared_from_this();
  Failure failure;
  failure.code = error;
  failure.cause = cause;
  failure.phase = phase_;
  failure.where = route_.name;
  if (route_.absolute_form) {
    failure.where = "proxy " + route_.proxy->host_and_port();
  } else if (route_.proxy) {
    failure.where += " through " + route_.proxy->host_and_port();
  }
  if (!address_.empty()) failure.where += " [" + address_ + "]";
  failure.detail = std::move(detail);
  failure.unprocessed = true;
  Owner* const owner = std::exchange(owner_, nullptr);
  Cancel();
  if (owner != nullptr) owner->OnDialFailed(*this, std::move(failure));
}

void Dial::OnTimeout() {
  if (owner_ == nullptr) return;
  switch (phase_) {
    case ClientPhase::kTls:
      return Fail(ClientError::kTlsTimeout, "");
    case ClientPhase::kProxy:
      return Fail(ClientError::kProxyTimeout, "");
    default:
      break;
  }
  if (attempt_ != nullptr) {
    const ConnectReport report = attempt_->report();
    phase_ = report.phase;
    address_ = report.address;
  }
  const bool resolving = phase_ == ClientPhase::kResolve;
  if (!resolving && deadlines_.now() < connect_until_) {
    return deadlines_.Arm(deadline_, connect_until_);
  }
  Fail(resolving ? ClientError::kResolveTimeout : ClientError::kConnectTimeout, "");
}

void Dial::Cancel() {
  owner_ = nullptr;
  if (deadline_.armed()) deadlines_.Cancel(deadline_);
  attempt_.reset();
  if (transport_ == nullptr) return;
  transport_->set_events(nullptr);
  transport_->Close();
  transport_.reset();
}

}  // namespace corelane::http
