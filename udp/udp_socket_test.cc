#include "udp/udp_socket.h"

#include "gtest/gtest.h"

namespace corelane::udp {
namespace {

using ip::DropReason;

class UdpSocketTest : public testing::Test {
 protected:
  Datagram Make(uint8_t mark, size_t size) {
    Datagram datagram;
    datagram.payload = pool_.Allocate();
    if (size > 0) datagram.payload.Append(size)[0] = mark;
    datagram.from = {Ipv4Address(10, 0, 0, 2), mark};
    return datagram;
  }

  PacketPool pool_{2000};
};

TEST_F(UdpSocketTest, FirstInFirstOut) {
  UdpSocket socket;
  Datagram out;
  EXPECT_FALSE(socket.Receive(out));
  // Many rounds of the ring, at several fill levels.
  uint8_t in = 0;
  uint8_t expected = 0;
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < round % 7 + 1; ++i)
      ASSERT_EQ(socket.Deliver(Make(in++, 10)), DropReason::kNone);
    for (int i = 0; i < round % 5 + 1 && socket.readable(); ++i) {
      ASSERT_TRUE(socket.Receive(out));
      ASSERT_EQ(out.payload.data()[0], expected++);
    }
  }
  EXPECT_EQ(socket.queued_bytes(), socket.queued_packets() * 10);
}

TEST_F(UdpSocketTest, BoundedInPackets) {
  UdpOptions options;
  options.receive_packets = 3;
  UdpSocket socket(options);
  for (uint8_t i = 0; i < 10; ++i)
    EXPECT_EQ(socket.Deliver(Make(i, 0)), i < 3 ? DropReason::kNone : DropReason::kUdpQueueFull);
  EXPECT_EQ(socket.dropped(), 7u);
  EXPECT_EQ(socket.received(), 3u);
  EXPECT_EQ(pool_.in_use(), 3u);
  Datagram out;
  EXPECT_TRUE(socket.Receive(out));
  EXPECT_EQ(out.from.port, 0);
  EXPECT_EQ(socket.Deliver(Make(9, 0)), DropReason::kNone);
}

TEST_F(UdpSocketTest, BoundedInBytes) {
  UdpOptions options;
  options.receive_bytes = 1000;
  UdpSocket socket(options);
  EXPECT_EQ(socket.Deliver(Make(1, 600)), DropReason::kNone);
  EXPECT_EQ(socket.Deliver(Make(2, 401)), DropReason::kUdpQueueFull);
  EXPECT_EQ(socket.Deliver(Make(3, 400)), DropReason::kNone);
  EXPECT_EQ(socket.queued_bytes(), 1000u);
  Datagram out;
  socket.Receive(out);
  EXPECT_EQ(socket.queued_bytes(), 400u);
}

TEST_F(UdpSocketTest, ErrorsAreReportedOnce) {
  UdpSocket socket;
  EXPECT_FALSE(socket.TakeError());
  socket.OnError(UdpError::kPortUnreachable);
  EXPECT_TRUE(socket.has_error());
  EXPECT_EQ(socket.TakeError(), UdpError::kPortUnreachable);
  EXPECT_FALSE(socket.TakeError());
}

TEST_F(UdpSocketTest, QueuedPacketsGoHome) {
  {
    UdpSocket socket;
    for (uint8_t i = 0; i < 100; ++i) socket.Deliver(Make(i, 10));
    EXPECT_EQ(pool_.in_use(), 100u);
  }
  EXPECT_EQ(pool_.in_use(), 0u);
}

}  // namespace
}  // namespace corelane::udp
