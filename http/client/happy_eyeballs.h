// Happy eyeballs (RFC 8305): a name is resolved, and its addresses are tried one by one, each with
// a head start before the next; the first that connects wins. IPv6 and IPv4 take turns, so that a
// family that does not work costs a fraction of a second and not a time-out.
//
// Net says whose sockets: kernel_connector.h and worker_connector.h have one each.

#ifndef CORELANE_HTTP_CLIENT_HAPPY_EYEBALLS_H_
#define CORELANE_HTTP_CLIENT_HAPPY_EYEBALLS_H_

#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/time.h"
#include "http/client/transport.h"
#include "http/stream_traits.h"

namespace corelane::http {

// RFC 8305 §4: the families take turns, beginning with that of the first address; within a family
// the order stays.
template <class Endpoint, class IsV6>
std::vector<Endpoint> TakeTurns(const std::vector<Endpoint>& sorted, IsV6 is_v6) {
  std::vector<Endpoint> families[2];
  for (const Endpoint& endpoint : sorted) {
    families[is_v6(endpoint) == is_v6(sorted.front()) ? 0 : 1].push_back(endpoint);
  }
  std::vector<Endpoint> turns;
  for (size_t i = 0; i < std::max(families[0].size(), families[1].size()); ++i) {
    for (const auto& family : families) {
      if (i < family.size()) turns.push_back(family[i]);
    }
  }
  return turns;
}

struct HappyEyeballsOptions {
  HappyEyeballsOptions() {}
  Duration attempt_delay = std::chrono::milliseconds(250);  // RFC 8305 §5
  size_t max_addresses = 16;
  bool no_delay = true;  // RFC 9293 §3.7.4 off: small requests go at once.
};

namespace internal {

// One race. Shared with what is pending.
template <class Net>
class ConnectRace : public std::enable_shared_from_this<ConnectRace<Net>> {
 public:
  using Stream = typename Net::Stream;
  using Endpoint = typename Net::Endpoint;
  using Executor = typename Net::Executor;
  using Timer = typename TimerFor<Executor>::type;
  using error_code = boost::system::error_code;

  ConnectRace(Net& net, const HappyEyeballsOptions& options, std::shared_ptr<ConnectReport> report)
      : net_(net),
        options_(options),
        report_(std::move(report)),
        timer_(net.executor()),
        resolver_(net.MakeResolver()) {}
  virtual ~ConnectRace() = default;

  void Start(const std::string& host, uint16_t port) {
    if (const std::optional<Endpoint> literal = Net::Literal(host, port)) {
      endpoints_.push_back(*literal);
      return Next();
    }
    Report(ClientPhase::kResolve, "");
    resolver_.async_resolve(host, std::to_string(port),
                            [self = this->shared_from_this()](
                                error_code error, typename Net::Resolver::results_type results) {
                              self->OnResolved(error, results);
                            });
  }
  void Cancel() { Finish(boost::asio::error::operation_aborted, nullptr); }

 protected:
  virtual void Complete(error_code error, Stream stream) = 0;

 private:
  template <class Results>
  void OnResolved(error_code error, const Results& results) {
    if (done_) return;
    std::vector<Endpoint> sorted;
    for (const auto& entry : results) sorted.push_back(Endpoint(entry.endpoint()));
    if (!error && sorted.empty()) error = boost::asio::error::host_not_found;
    if (error) return Finish(error, nullptr);
    endpoints_ = TakeTurns(sorted, [](const Endpoint& endpoint) { return Net::IsV6(endpoint); });
    if (endpoints_.size() > options_.max_addresses) endpoints_.resize(options_.max_addresses);
    Next();
  }

  void Report(ClientPhase phase, std::string address) {
    if (report_ == nullptr) return;
    report_->phase = phase;
    report_->address = std::move(address);
  }

  void Next() {
    const size_t at = streams_.size();
    Report(ClientPhase::kConnect, Net::Text(endpoints_[at]));
    streams_.push_back(std::make_unique<Stream>(net_.MakeStream()));
    ++pending_;
    streams_[at]->async_connect(
        endpoints_[at],
        [self = this->shared_from_this(), at](error_code error) { self->OnConnected(at, error); });
    if (streams_.size() == endpoints_.size()) return;
    timer_.expires_at(
        ToTimerTime<Timer>(TimerNow<Timer>(net_.executor()) + options_.attempt_delay));
    timer_.async_wait([self = this->shared_from_this(), at](error_code error) {
      if (!error && !self->done_ && self->streams_.size() == at + 1) self->Next();
    });
  }

  void OnConnected(size_t at, error_code error) {
    if (done_) return;
    --pending_;
    if (!error) return Finish({}, streams_[at].get());
    Report(ClientPhase::kConnect, Net::Text(endpoints_[at]));
    if (streams_.size() < endpoints_.size()) {
      timer_.cancel();
      return Next();  // RFC 8305 §5: a failure need not wait for the delay.
    }
    if (pending_ == 0) Finish(error, nullptr);
  }

  void Finish(error_code error, Stream* winner) {
    if (done_) return;
    done_ = true;
    const auto keep = this->shared_from_this();
    timer_.cancel();
    resolver_.cancel();
    for (const auto& stream : streams_) {
      if (stream.get() != winner) CloseStream(*stream);
    }
    if (winner == nullptr) return Complete(error, net_.MakeStream());
    if (options_.no_delay) Net::SetNoDelay(*winner);
    Complete({}, std::move(*winner));
  }

  Net net_;
  const HappyEyeballsOptions options_;
  const std::shared_ptr<ConnectReport> report_;
  Timer timer_;
  typename Net::Resolver resolver_;
  std::vector<Endpoint> endpoints_;
  std::vector<std::unique_ptr<Stream>> streams_;
  size_t pending_ = 0;
  bool done_ = false;
};

template <class Net, class Handler>
class ConnectRaceOp final : public ConnectRace<Net> {
 public:
  using Race = ConnectRace<Net>;

  ConnectRaceOp(Net& net, const HappyEyeballsOptions& options,
                std::shared_ptr<ConnectReport> report, Handler handler)
      : Race(net, options, std::move(report)),
        executor_(net.executor()),
        handler_(std::move(handler)),
        work_(boost::asio::get_associated_executor(*handler_, executor_)) {}

  void ConnectCancellation() {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (!slot.is_connected()) return;
    slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type) {
      if (const auto self = weak.lock()) self->Cancel();
    });
  }

 private:
  void Complete(boost::system::error_code error, typename Net::Stream stream) override {
    Handler handler = std::move(*handler_);
    handler_.reset();
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.clear();
    boost::asio::post(executor_, boost::asio::append(std::move(handler), error, std::move(stream)));
    work_.reset();
  }

  const typename Net::Executor executor_;
  std::optional<Handler> handler_;
  boost::asio::executor_work_guard<
      boost::asio::associated_executor_t<Handler, typename Net::Executor>>
      work_;
};

}  // namespace internal

// A connector made of a Net.
template <class Net>
class HappyConnector {
 public:
  using executor_type = typename Net::Executor;
  using stream_type = typename Net::Stream;

  explicit HappyConnector(Net net, const HappyEyeballsOptions& options = HappyEyeballsOptions())
      : net_(std::move(net)), options_(options) {}

  executor_type get_executor() const { return net_.executor(); }

  // void(error_code, stream_type). `report` may be null, else says how far it is.
  template <class Token>
  auto async_connect(const std::string& host, uint16_t port, std::shared_ptr<ConnectReport> report,
                     Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, stream_type)>(
        [this](auto handler, const std::string& name, uint16_t to,
               std::shared_ptr<ConnectReport> how_far) {
          using Op = internal::ConnectRaceOp<Net, decltype(handler)>;
          const auto op =
              std::make_shared<Op>(net_, options_, std::move(how_far), std::move(handler));
          op->ConnectCancellation();
          op->Start(name, to);
        },
        token, host, port, std::move(report));
  }
  template <class Token>
  auto async_connect(const std::string& host, uint16_t port, Token&& token) {
    return async_connect(host, port, std::shared_ptr<ConnectReport>(), std::forward<Token>(token));
  }

 private:
  Net net_;
  HappyEyeballsOptions options_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_HAPPY_EYEBALLS_H_
