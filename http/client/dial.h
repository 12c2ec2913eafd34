// Dial: one connection in the making: connect, a proxy's tunnel, TLS, each with its time-out.

#ifndef CORELANE_HTTP_CLIENT_DIAL_H_
#define CORELANE_HTTP_CLIENT_DIAL_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/client/deadlines.h"
#include "http/client/engine.h"
#include "http/client/h1_client_connection.h"
#include "http/client/options.h"
#include "http/client/transport.h"
#include "http/client/url.h"

namespace corelane::http {

// What connections have in common that are good for the same requests.
struct Route {
  Route() = default;
  Route(const Url& url, const Url* proxy, HttpVersion version);

  bool secure = false;
  bool absolute_form = false;  // Plain requests to a proxy.
  HttpVersion version = HttpVersion::kAny;
  std::string host;  // Of the server.
  uint16_t port = 0;
  std::optional<Url> proxy;
  std::string key;   // Differs where any of these does.
  std::string name;  // "example.com:443", for messages and for CONNECT.
};

// The contexts of the protocols that may be offered, made when they are first needed.
class TlsContexts {
 public:
  explicit TlsContexts(const tls::ClientOptions& options) : options_(options) {}
  // Null: `why` says what is wrong with the options.
  const tls::ClientContext* For(HttpVersion version, std::string& why);

 private:
  const tls::ClientOptions options_;
  std::array<std::optional<tls::ClientContext>, 3> contexts_;
};

class Dial final : public std::enable_shared_from_this<Dial>,
                   private Transport::Events,
                   private ExchangeEvents {
 public:
  class Owner {
   public:
    // One of them, once; not from within Start. The dial is over.
    virtual void OnDialed(Dial& dial, std::unique_ptr<Transport> transport, bool http2,
                          std::string address) = 0;
    virtual void OnDialFailed(Dial& dial, Failure failure) = 0;

   protected:
    ~Owner() = default;
  };

  Dial(Owner& owner, const Route& route, const ClientOptions& options, TlsContexts& contexts,
       Deadlines& deadlines);
  ~Dial();

  void Start(Dialer& dialer);
  // The owner hears nothing more.
  void Cancel();
  const Route& route() const { return route_; }

  // For the owner.
  void* host = nullptr;

 private:
  void OnConnected(boost::system::error_code error, std::unique_ptr<Transport> transport,
                   ConnectReport report);
  void StartTunnel();
  void PumpTunnel();
  void StartTls();
  void Succeed(bool http2);
  void Fail(ClientError error, std::string detail, boost::system::error_code cause = {});
  void OnTimeout();
  void Enter(ClientPhase phase, Duration timeout);

  // Transport::Events
  void OnRead(boost::system::error_code error, size_t size) override;
  void OnWrite(boost::system::error_code error, size_t size) override;
  void OnTls(boost::system::error_code error) override;
  // ExchangeEvents, of the CONNECT.
  void OnHead(const IncomingHead& head) override { tunnel_status_ = head.status; }
  void OnReadable() override {}
  void OnFailed(const ExchangeFailure& failure) override;

  Owner* owner_;
  const Route route_;
  const ClientOptions& options_;
  TlsContexts& contexts_;
  Deadlines& deadlines_;
  Deadline deadline_;
  ClientPhase phase_ = ClientPhase::kConnect;
  Instant connect_until_ = kNever;
  std::unique_ptr<Dialer::Attempt> attempt_;
  std::unique_ptr<Transport> transport_;
  std::string address_;

  std::unique_ptr<H1ClientConnection> tunnel_;
  Exchange* tunnel_exchange_ = nullptr;
  FieldList tunnel_fields_;
  std::array<char, 4096> tunnel_buffer_;
  int tunnel_status_ = 0;
  std::optional<ExchangeFailure> tunnel_failure_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_DIAL_H_
