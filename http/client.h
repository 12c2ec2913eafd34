// A small HTTP/1.1 client: one request at a time on a connection that is kept.
//
//   http::ClientRequest request("GET", "/bytes/1000", "example.com");
//   const http::ClientResponse response = co_await http::AsyncRequest(stream, reader, request);
//   if (!response.error && response.status == 200) Use(response.body);
//
// Redirects, pools, TLS and streamed bodies are beyond it.

#ifndef CORELANE_HTTP_CLIENT_H_
#define CORELANE_HTTP_CLIENT_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "http/client_engine.h"

namespace corelane::http {

// Sends `request` and reads the whole response. `reader` belongs to the connection: it holds what
// came early. All three must live until the end. After an error, or when !response.keep_alive,
// close the stream.
template <class Stream>
boost::asio::awaitable<ClientResponse, typename Stream::executor_type> AsyncRequest(
    Stream& stream, ResponseReader& reader, const ClientRequest& request) {
  namespace asio = boost::asio;
  using Executor = typename Stream::executor_type;
  boost::system::error_code error;
  asio::use_awaitable_t<Executor> await;
  auto token = asio::redirect_error(await, error);

  Buffer out;
  if (!SerializeRequest(request, out)) {
    co_return ClientResponse(asio::error::invalid_argument);
  }
  const auto bytes = asio::buffer(out.data(), out.size());
  co_await asio::async_write(stream, bytes, token);
  if (error) co_return ClientResponse(error);
  reader.Start(ParseMethod(request.method));
  while (!reader.done()) {
    const std::span<char> room = reader.ReadBuffer();
    const auto buffer = asio::buffer(room.data(), room.size());
    const size_t size = co_await stream.async_read_some(buffer, token);
    if (error && error != asio::error::eof) co_return ClientResponse(error);
    reader.OnRead(error ? 0 : size);
  }
  co_return reader.Take();
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_H_
