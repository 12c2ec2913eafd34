// Cancellation of each operation at each stage, and the ends of sockets, contexts, bridges and
// workers, in any order.

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/bridge/bridge_test_fixture.h"
#include "runtime/bridge/udp_socket.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;

// How far an operation has come when it is ended: not seen by the worker, or waiting there.
class BridgeEndTest : public BridgeTest, public testing::WithParamInterface<bool> {
 protected:
  void Reach() {
    if (GetParam()) RunFor(3);
  }
};
INSTANTIATE_TEST_SUITE_P(Stages, BridgeEndTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Waiting" : "Posted"; });

TEST_P(BridgeEndTest, CancelEndsAConnect) {
  std::optional<error_code> ended;
  client_.async_connect(Nobody(), Into(ended));
  Reach();
  client_.cancel();
  EXPECT_FALSE(ended);
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  EXPECT_FALSE(client_.is_open());
  RunFor(3);
  EXPECT_EQ(pair_->client.tcp().sockets(), 0u);
  Connect();
}

TEST_P(BridgeEndTest, SlotEndsAConnect) {
  asio::cancellation_signal signal;
  std::optional<error_code> ended;
  client_.async_connect(Nobody(), asio::bind_cancellation_slot(signal.slot(), Into(ended)));
  Reach();
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  EXPECT_FALSE(signal.slot().has_handler());
  RunFor(3);
  EXPECT_EQ(pair_->client.tcp().sockets(), 0u);
}

TEST_P(BridgeEndTest, SlotEndsOneReadOnly) {
  Connect();
  asio::cancellation_signal signal;
  std::optional<error_code> first;
  std::optional<error_code> second;
  client_.async_read_some(asio::buffer(bytes_),
                          asio::bind_cancellation_slot(signal.slot(), Into(first)));
  client_.async_read_some(asio::buffer(bytes_), Into(second));
  Reach();
  signal.emit(asio::cancellation_type::partial);
  signal.emit(asio::cancellation_type::total);  // complete, but not called yet
  EXPECT_EQ(Ended(first), asio::error::operation_aborted);
  EXPECT_FALSE(second);
  std::optional<error_code> written;
  server_.async_write_some(asio::buffer("x", 1), Into(written));
  EXPECT_EQ(Ended(second), error_code());
  EXPECT_EQ(bytes_[0], 'x');
}

TEST_P(BridgeEndTest, CancelEndsReadsAndWritesAndNothingElse) {
  Connect();
  const auto much = RandomBytes(1 << 20, 1);
  std::optional<error_code> read;
  std::optional<error_code> write;
  asio::async_write(client_, asio::buffer(much), Into(write));
  if (GetParam()) RunFor(100);  // nobody reads
  client_.async_read_some(asio::buffer(bytes_), Into(read));
  Reach();
  EXPECT_FALSE(write);
  client_.cancel();
  EXPECT_EQ(Ended(read), asio::error::operation_aborted);
  EXPECT_EQ(Ended(write), asio::error::operation_aborted);
  EXPECT_TRUE(client_.is_open());
  // A cancelled write has sent all or nothing of each piece, and the stream goes on.
  server_.async_write_some(asio::buffer("x", 1), Into(write));
  EXPECT_EQ(Ended(write), error_code());
  client_.async_read_some(asio::buffer(bytes_), Into(read));
  EXPECT_EQ(Ended(read), error_code());
}

TEST_P(BridgeEndTest, CloseEndsEverythingPending) {
  Connect();
  std::optional<error_code> read;
  std::optional<error_code> read2;
  client_.async_read_some(asio::buffer(bytes_), Into(read));
  client_.async_read_some(asio::buffer(bytes_), Into(read2));
  Reach();
  client_.close();
  EXPECT_FALSE(read);
  EXPECT_EQ(Ended(read), asio::error::operation_aborted);
  EXPECT_EQ(Ended(read2), asio::error::operation_aborted);
  client_.async_read_some(asio::buffer(bytes_), Into(read));
  EXPECT_EQ(Ended(read), asio::error::bad_descriptor);
  client_.async_write_some(asio::buffer(bytes_), Into(read));
  EXPECT_EQ(Ended(read), asio::error::bad_descriptor);
  server_.async_read_some(asio::buffer(bytes_), Into(read));
  EXPECT_EQ(Ended(read), asio::error::eof);
}

TEST_P(BridgeEndTest, DestructionEndsEverythingPending) {
  Connect();
  std::optional<error_code> read;
  std::optional<error_code> connect;
  {
    IoStream gone = std::move(client_);
    gone.async_read_some(asio::buffer(bytes_), Into(read));
    IoStream connecting(io_->get_executor(), *client_bridge_);
    connecting.async_connect(Nobody(), Into(connect));
    Reach();
  }
  EXPECT_EQ(Ended(read), asio::error::operation_aborted);
  EXPECT_EQ(Ended(connect), asio::error::operation_aborted);
}

TEST_P(BridgeEndTest, AcceptsEnd) {
  IoListener listener(io_->get_executor(), *server_bridge_, Server());
  std::optional<error_code> ended;
  listener.async_accept(Into(ended));
  Reach();
  listener.cancel();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  asio::cancellation_signal signal;
  listener.async_accept(asio::bind_cancellation_slot(signal.slot(), Into(ended)));
  Reach();
  signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  listener.async_accept(Into(ended));
  Reach();
  listener.close();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  listener.async_accept(Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::bad_descriptor);
  // The port is free again.
  EXPECT_TRUE(IoListener(io_->get_executor(), *server_bridge_, Server()).is_open());
}

// As at the stop of an App.
TEST_P(BridgeEndTest, ListenersCloseWithThoseOfTheirWorker) {
  IoListener listener(io_->get_executor(), *server_bridge_, Server());
  IoListener idle(io_->get_executor(), *server_bridge_, Server(81));
  std::optional<error_code> ended;
  listener.async_accept(Into(ended));
  Reach();
  pair_->worker.CloseListeners();
  EXPECT_FALSE(ended);
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  EXPECT_FALSE(listener.is_open());
  EXPECT_FALSE(idle.is_open());
  // Whether an accept came before or after is chance: it ends alike.
  listener.async_accept(Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  idle.async_accept(Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  client_.async_connect(Server(), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::connection_refused);
  // The ports are free, and what is closed may listen again.
  EXPECT_TRUE(IoListener(io_->get_executor(), *server_bridge_, Server(81)).is_open());
  listener.close();
  listener.listen(Server());
  EXPECT_TRUE(listener.is_open());
}

// --- contexts ---

TEST_P(BridgeEndTest, ContextGoesFirst) {
  Connect();
  auto alive = std::make_shared<int>(0);
  const auto fail = [alive](error_code, auto&&...) { FAIL() << "called after its context's end"; };
  IoListener listener(io_->get_executor(), *server_bridge_, Server(81));
  listener.async_accept(fail);
  client_.async_read_some(asio::buffer(bytes_), fail);
  IoStream connecting(io_->get_executor(), *client_bridge_);
  connecting.async_connect(Nobody(), fail);
  BasicBridgeUdpSocket udp(io_->get_executor(), *client_bridge_);
  udp.async_receive(asio::buffer(bytes_), fail);
  // A coroutine that owns its stream.
  const auto read = [](IoStream stream, std::shared_ptr<int>) -> asio::awaitable<void, IoExecutor> {
    std::array<char, 10> bytes;
    asio::use_awaitable_t<IoExecutor> token;
    co_await stream.async_read_some(asio::buffer(bytes), token);
  };
  asio::co_spawn(*io_, read(std::move(server_), alive), asio::detached);
  EXPECT_EQ(alive.use_count(), 2 + 5);
  Reach();
  io_.reset();
  EXPECT_EQ(alive.use_count(), 2);  // here and in `fail`
  pair_->worker.RunFor(std::chrono::milliseconds(10));
  EXPECT_EQ(pair_->client.tcp().sockets(), 1u);  // client_'s: its peer went with the coroutine
  // What outlived the context may go to another one.
  io_ = std::make_unique<asio::io_context>(1);
  client_ = IoStream(io_->get_executor(), std::move(client_));
  std::optional<error_code> ended;
  client_.async_read_some(asio::buffer(bytes_), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::eof);
}

TEST_F(BridgeTest, AcceptedButNotHandedOver) {
  IoListener listener(io_->get_executor(), *server_bridge_, Server());
  listener.async_accept([](error_code, const IoStream&) { FAIL() << "its context is gone"; });
  std::optional<error_code> ended;
  asio::io_context other;
  IoStream client(other.get_executor(), *client_bridge_);
  client.async_connect(Server(), Into(ended));
  pair_->worker.RunFor(std::chrono::milliseconds(10));
  other.poll();
  EXPECT_TRUE(ended);
  io_.reset();  // with the completion in its queue
  pair_->worker.RunFor(std::chrono::milliseconds(10));
  EXPECT_EQ(pair_->server.tcp().sockets(), 1u);  // in FIN-WAIT-2
  std::optional<error_code> read;
  client.async_read_some(asio::buffer(bytes_), Into(read));
  pair_->worker.RunFor(std::chrono::milliseconds(10));
  other.restart();
  other.poll();
  EXPECT_EQ(read, asio::error::eof);
  io_ = std::make_unique<asio::io_context>(1);
}

// --- bridges and workers ---

class BridgeGoneTest : public BridgeEndTest {
 protected:
  // Starts one of everything. Each ends with operation_aborted, later ones with bad_descriptor.
  void Start() {
    Connect();
    listener_.emplace(io_->get_executor(), *server_bridge_, Server(81));
    connecting_.emplace(io_->get_executor(), *client_bridge_);
    udp_.emplace(io_->get_executor(), *client_bridge_);
    StartAll();
    Reach();
  }
  void StartAll() {
    const auto count = [this](error_code ec, auto&&...) {
      if (ec == asio::error::operation_aborted) ++aborted_;
      if (ec == asio::error::bad_descriptor) ++refused_;
    };
    listener_->async_accept(count);
    client_.async_read_some(asio::buffer(bytes_), count);
    server_.async_read_some(asio::buffer(bytes_), count);
    connecting_->async_connect(Nobody(), count);
    udp_->async_receive(asio::buffer(bytes_), count);
  }

  std::optional<IoListener> listener_;
  std::optional<IoStream> connecting_;
  std::optional<BasicBridgeUdpSocket<IoExecutor>> udp_;
  int aborted_ = 0;
  int refused_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Stages, BridgeGoneTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Waiting" : "Posted"; });

TEST_P(BridgeGoneTest, BridgeGoesFirst) {
  Start();
  client_bridge_.reset();
  server_bridge_.reset();
  EXPECT_TRUE(RunUntil([&] { return aborted_ == 5; }));
  EXPECT_FALSE(client_.is_open());
  EXPECT_FALSE(listener_->is_open());
  EXPECT_FALSE(udp_->is_open());
  StartAll();
  EXPECT_TRUE(RunUntil([&] { return refused_ == 5; }));
  error_code ec;
  listener_->listen(Server(82), ListenOptions(), ec);
  EXPECT_EQ(ec, asio::error::bad_descriptor);
  udp_->bind(Server(82), ec);
  EXPECT_EQ(ec, asio::error::bad_descriptor);
  EXPECT_EQ(pair_->client.udp().sockets(), 0u);
}

TEST_P(BridgeGoneTest, WorkerGoesFirst) {
  Start();
  pair_.reset();
  EXPECT_TRUE(RunUntil([&] { return aborted_ == 5; }));
  EXPECT_FALSE(client_.is_open());
  StartAll();
  EXPECT_TRUE(RunUntil([&] { return refused_ == 5; }));
  error_code ec;
  listener_->listen(Endpoint(), ListenOptions(), ec);
  EXPECT_TRUE(ec);
  // Sockets and bridges that have seen nothing of it.
  IoStream late(io_->get_executor(), *client_bridge_);
  std::optional<error_code> ended;
  late.async_connect(Nobody(), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::bad_descriptor);
  client_.close();
}

TEST_F(BridgeTest, WorkerGoesBeforeItHasSeenASocket) {
  std::optional<error_code> ended;
  client_.async_connect(Nobody(), Into(ended));
  pair_.reset();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  EXPECT_FALSE(client_.is_open());
}

}  // namespace
}  // namespace corelane::runtime
