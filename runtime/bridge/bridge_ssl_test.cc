// boost::asio::ssl::stream over the bridge.

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <optional>
#include <string>

#include "runtime/bridge/bridge_test_fixture.h"
#include "runtime/test_certificate.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;

static_assert(std::is_same_v<boost::beast::lowest_layer_type<ssl::stream<IoStream>>, IoStream>);

TEST_F(BridgeTest, AsioSsl) {
  Connect();
  ssl::context server_context(ssl::context::tls_server);
  UseSelfSignedCertificate(server_context);
  ssl::context client_context(ssl::context::tls_client);
  ssl::stream<IoStream> server(std::move(server_), server_context);
  ssl::stream<IoStream> client(std::move(client_), client_context);
  std::optional<error_code> at_server;
  std::optional<error_code> at_client;
  server.async_handshake(ssl::stream_base::server, Into(at_server));
  client.async_handshake(ssl::stream_base::client, Into(at_client));
  EXPECT_EQ(Ended(at_server), error_code());
  EXPECT_EQ(Ended(at_client), error_code());
  const std::string sent(300000, 's');
  std::string got(sent.size(), ' ');
  asio::async_write(server, asio::buffer(sent), Into(at_server));
  asio::async_read(client, asio::buffer(got), Into(at_client));
  EXPECT_EQ(Ended(at_server), error_code());
  EXPECT_EQ(Ended(at_client), error_code());
  EXPECT_EQ(got, sent);
  std::array<char, 1> more;
  server.async_read_some(asio::buffer(more), Into(at_server));
  client.async_shutdown(Into(at_client));
  EXPECT_EQ(Ended(at_server), asio::error::eof);
  server.async_shutdown(Into(at_server));
  EXPECT_EQ(Ended(at_server), error_code());
  EXPECT_EQ(Ended(at_client), error_code());
  client.lowest_layer().close();
}

}  // namespace
}  // namespace corelane::runtime
