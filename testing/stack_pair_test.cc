#include "testing/stack_pair.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace corelane::testing {
namespace {

using stack::TcpListener;
using stack::TcpSetupError;
using stack::TcpSocket;

std::vector<uint8_t> Pattern(size_t n) {
  std::vector<uint8_t> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 251);
  return bytes;
}

struct Pair {
  TcpSocket* client;
  TcpSocket* server;
};

Pair Connect(StackPair& net, const Endpoint& to) {
  TcpSetupError error;
  TcpListener* const listener = net.b().tcp().Listen(to, 16, error);
  EXPECT_NE(listener, nullptr) << ToString(error);
  TcpSocket* const client = net.a().tcp().Connect(to, {}, error);
  EXPECT_NE(client, nullptr) << ToString(error);
  EXPECT_TRUE(net.RunUntil([&] { return listener->ready(); }, std::chrono::seconds(5)));
  return {client, listener->Accept()};
}

class StackPairTest : public ::testing::TestWithParam<bool> {
 protected:
  Endpoint Server(StackPair& net) const {
    return {GetParam() ? net.address_v6(1) : net.address(1), 80};
  }
};

TEST_P(StackPairTest, ConnectsTransfersAndCloses) {
  StackPair net;
  const auto [client, server] = Connect(net, Server(net));
  ASSERT_NE(server, nullptr);
  EXPECT_TRUE(client->connected());
  const std::vector<uint8_t> sent = Pattern(2'000'000);
  std::vector<uint8_t> received;
  size_t written = 0;
  ASSERT_TRUE(net.RunUntil([&] {
    written += client->Write(std::span(sent).subspan(written));
    if (written == sent.size()) client->CloseSend();
    std::vector<uint8_t> buffer(65536);
    while (const size_t n = server->Read(buffer)) {
      received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<long>(n));
    }
    return server->end_of_stream();
  }));
  EXPECT_EQ(received, sent);
  EXPECT_EQ(net.a().tcp().counters().retransmitted_segments.value(), 0u);
  server->Release();
  ASSERT_TRUE(net.RunUntil([&] { return client->closed(); }, std::chrono::seconds(5)));
  client->Release();
  net.RunUntil([&] { return net.a().tcp().sockets() + net.b().tcp().sockets() == 0; });
  EXPECT_EQ(net.a().tcp().time_wait(), 1u);
  net.RunFor(std::chrono::seconds(61));
  EXPECT_EQ(net.a().tcp().time_wait(), 0u);
  EXPECT_EQ(net.a().tcp().blocks_in_use(), 0u);
}

TEST_P(StackPairTest, RefusesWhereNobodyListens) {
  StackPair net;
  TcpSetupError error;
  TcpSocket* const client = net.a().tcp().Connect(Server(net), {}, error);
  ASSERT_TRUE(net.RunUntil([&] { return client->closed(); }, std::chrono::seconds(1)));
  EXPECT_EQ(client->error(), tcp::Error::kRefused);
  client->Release();
}

TEST_P(StackPairTest, UdpArrivesAndUnreachablePortsAreReported) {
  StackPair net;
  const Endpoint to{Server(net).address, 5000};
  udp::UdpSocket* const server = net.b().udp().Open({});
  ASSERT_EQ(net.b().udp().Bind(*server, to), udp::BindResult::kOk);
  udp::UdpSocket* const client = net.a().udp().Open({});
  ASSERT_EQ(net.a().udp().Connect(*client, to), udp::BindResult::kOk);
  const std::vector<uint8_t> sent = Pattern(4000);  // three fragments
  EXPECT_EQ(net.a().udp().Send(*client, sent, std::nullopt, net.clock().Now()),
            stack::UdpSendResult::kOk);
  ASSERT_TRUE(net.RunUntil([&] { return server->readable(); }, std::chrono::seconds(5)));
  udp::Datagram datagram;
  ASSERT_TRUE(server->Receive(datagram));
  std::vector<uint8_t> received(datagram.payload.packet_size());
  datagram.payload.CopyOut(0, received);
  EXPECT_EQ(received, sent);
  datagram.payload.Reset();
  net.b().udp().Close(server);
  net.a().udp().Send(*client, std::span(sent).first(10), std::nullopt, net.clock().Now());
  ASSERT_TRUE(net.RunUntil([&] { return client->has_error(); }, std::chrono::seconds(5)));
  EXPECT_EQ(client->TakeError(), udp::UdpError::kPortUnreachable);
}

TEST_P(StackPairTest, ManyConnectionsThroughOneListener) {
  StackPair net;
  TcpSetupError error;
  TcpListener* const listener = net.b().tcp().Listen(Server(net), 1000, error);
  std::vector<TcpSocket*> clients;
  for (int i = 0; i < 500; ++i) {
    clients.push_back(net.a().tcp().Connect(Server(net), {}, error));
    ASSERT_NE(clients.back(), nullptr);
  }
  std::vector<TcpSocket*> servers;
  ASSERT_TRUE(net.RunUntil([&] {
    while (TcpSocket* s = listener->Accept()) servers.push_back(s);
    return servers.size() == clients.size();
  }));
  for (TcpSocket* s : servers) s->Release();
  ASSERT_TRUE(net.RunUntil([&] {
    return std::all_of(clients.begin(), clients.end(), [](auto* c) { return c->end_of_stream(); });
  }));
  for (TcpSocket* c : clients) c->Release();
  net.RunUntil([&] { return net.a().tcp().sockets() + net.b().tcp().sockets() == 0; });
  EXPECT_EQ(net.b().tcp().time_wait(), 500u);
}

TEST_P(StackPairTest, SocketsMayOutliveNothing) {
  // Everything is left open: destruction frees it.
  StackPair net;
  const auto [client, server] = Connect(net, Server(net));
  client->Write(Pattern(100'000));
  net.Poll();
}

INSTANTIATE_TEST_SUITE_P(Families, StackPairTest, ::testing::Bool());

}  // namespace
}  // namespace corelane::testing
