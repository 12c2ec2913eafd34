// What Beast's WebSocket asks of the stream below it, found by argument-dependent lookup.

#ifndef CORELANE_RUNTIME_BEAST_H_
#define CORELANE_RUNTIME_BEAST_H_

#include <boost/asio/post.hpp>
#include <boost/asio/prepend.hpp>
#include <boost/beast/core/role.hpp>
#include <utility>

#include "runtime/tcp_stream.h"

namespace corelane::runtime {

template <class Executor>
void beast_close_socket(BasicTcpStream<Executor>& stream) {
  stream.close();
}

// Ends a WebSocket connection: the peer reads the end of the stream.
template <class Executor>
void teardown(boost::beast::role_type, BasicTcpStream<Executor>& stream, error_code& ec) {
  stream.shutdown(stream.shutdown_both, ec);
}
template <class Executor, class Handler>
void async_teardown(boost::beast::role_type role, BasicTcpStream<Executor>& stream,
                    Handler&& handler) {
  error_code ec;
  teardown(role, stream, ec);
  boost::asio::post(stream.get_executor(),
                    boost::asio::prepend(std::forward<Handler>(handler), ec));
}

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_BEAST_H_
