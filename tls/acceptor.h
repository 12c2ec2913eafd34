// Acceptor: gives TLS streams for the connections of another acceptor, so that what serves plain
// connections serves these.
//
//   http::Serve(tls::Acceptor(TcpListener(executor, stack, endpoint), context), router, options);
//
// A connection is given out before its handshake, which its first read makes: a slow client holds
// up nobody else, and the server's deadlines hold for the handshake too.

#ifndef CORELANE_TLS_ACCEPTOR_H_
#define CORELANE_TLS_ACCEPTOR_H_

#include <boost/asio/async_result.hpp>
#include <boost/asio/compose.hpp>
#include <utility>

#include "tls/context.h"
#include "tls/stream.h"

namespace corelane::tls {

namespace internal {

// What an acceptor gives: of Asio's, a socket of its protocol; of ours, what it names.
template <class Next>
struct AcceptedBy {
  using type = typename Next::protocol_type::socket::template rebind_executor<
      typename Next::executor_type>::other;
};
template <class Next>
  requires requires { typename Next::Stream; }
struct AcceptedBy<Next> {
  using type = typename Next::Stream;
};

}  // namespace internal

// Next: has async_accept(token) that gives a stream, and close. Accepted: that stream.
template <class Next, class Accepted = typename internal::AcceptedBy<Next>::type>
class Acceptor {
 public:
  using executor_type = typename Next::executor_type;
  using Stream = tls::Stream<Accepted>;

  Acceptor(Next next, ServerContext context)
      : next_(std::move(next)), context_(std::move(context)) {}

  executor_type get_executor() noexcept { return next_.get_executor(); }
  Next& next_layer() { return next_; }

  // void(error_code, Stream).
  template <class Token = boost::asio::default_completion_token_t<executor_type>>
  auto async_accept(Token&& token = Token()) {
    return boost::asio::async_compose<Token, void(error_code, Stream)>(AcceptOp{this, context_},
                                                                       token, next_);
  }

  void close(error_code& ec) {
    ec = {};
    if constexpr (requires { next_.close(ec); }) {
      next_.close(ec);
    } else {
      next_.close();
    }
  }
  void close() {
    error_code ignored;
    close(ignored);
  }

 private:
  struct AcceptOp {
    template <class Self>
    void operator()(Self& self) {
      acceptor->next_.async_accept(std::move(self));
    }
    template <class Self>
    void operator()(Self& self, error_code ec, Accepted accepted) {
      self.complete(ec, Stream(std::move(accepted), context));
    }
    Acceptor* acceptor;  // Until the operation has been started.
    ServerContext context;
  };

  Next next_;
  ServerContext context_;
};

}  // namespace corelane::tls

#endif  // CORELANE_TLS_ACCEPTOR_H_
