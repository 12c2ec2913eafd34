// What a handler is told of the stream that its request came by.

#ifndef CORELANE_HTTP_DESCRIBE_CONNECTION_H_
#define CORELANE_HTTP_DESCRIBE_CONNECTION_H_

#include <boost/asio/ip/basic_endpoint.hpp>
#include <boost/system/error_code.hpp>

#include "core/ip_address.h"
#include "http/message.h"

namespace corelane::http {

inline Endpoint ToEndpoint(const Endpoint& endpoint) { return endpoint; }
template <class Protocol>
Endpoint ToEndpoint(const boost::asio::ip::basic_endpoint<Protocol>& endpoint) {
  const boost::asio::ip::address address = endpoint.address();
  if (address.is_v4()) return {Ipv4Address(address.to_v4().to_uint()), endpoint.port()};
  const auto bytes = address.to_v6().to_bytes();
  return {Ipv6Address::FromBytes(bytes.data()), endpoint.port()};
}

// What a stream knows of itself; one without endpoints, nothing.
template <class Stream>
ConnectionInfo DescribeConnection(Stream& stream) {
  ConnectionInfo info;
  if constexpr (requires { stream.engine().alpn(); }) {
    info = DescribeConnection(stream.next_layer());
    info.secure = true;
  } else if constexpr (requires(boost::system::error_code ec) { stream.remote_endpoint(ec); }) {
    boost::system::error_code ignored;
    info.remote = ToEndpoint(stream.remote_endpoint(ignored));
    info.local = ToEndpoint(stream.local_endpoint(ignored));
  }
  return info;
}

}  // namespace corelane::http

#endif  // CORELANE_HTTP_DESCRIBE_CONNECTION_H_
