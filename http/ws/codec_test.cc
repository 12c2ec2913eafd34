#include "http/ws/codec.h"

#include <gtest/gtest.h>

#include <string>

#include "http/ws/codec_harness.h"

namespace corelane::ws {
namespace {

using testing::ClientFrame;
using testing::ClosePayload;
using testing::Decoded;
using testing::Head;
using testing::SeededMasks;
using testing::ServerFrame;

std::string AtServer(std::string_view bytes, uint64_t limit = 1 << 20) {
  Decoder whole(Role::kServer, limit);
  const std::string out = Decoded(whole, bytes);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}}) {
    Decoder pieces(Role::kServer, limit);
    EXPECT_EQ(Decoded(pieces, bytes, piece), out);
  }
  return out;
}

// RFC 6455 §5.7
TEST(Codec, TheExamplesOfTheRfc) {
  using namespace std::string_literals;
  EXPECT_EQ(AtServer("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s), "text(Hello) ");
  Decoder client(Role::kClient, 1 << 20);
  EXPECT_EQ(Decoded(client, "\x81\x05Hello"s), "text(Hello) ");
  EXPECT_EQ(Decoded(client, "\x01\x03Hel\x80\x02lo"s), "text(Hello) ");
  EXPECT_EQ(Decoded(client, "\x89\x05Hello"s), "ping(Hello) ");
  const std::string large(256, 'b');
  EXPECT_EQ(Decoded(client, "\x82\x7e\x01\x00"s + large), "binary(" + large + ") ");
}

TEST(Codec, ControlFramesInsideAMessage) {
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kText, false), "ab") +
                     ClientFrame(Head(Opcode::kPing), "p") +
                     ClientFrame(Head(Opcode::kContinuation, false), "") +
                     ClientFrame(Head(Opcode::kPong), "") +
                     ClientFrame(Head(Opcode::kContinuation), "cd") +
                     ClientFrame(Head(Opcode::kBinary), "")),
            "ping(p) pong() text(abcd) binary() ");
}

TEST(Codec, MessagesInTheWrongOrder) {
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kContinuation), "x")),
            "error(1002,continuation of no message) ");
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kText, false), "x") +
                     ClientFrame(Head(Opcode::kText), "x")),
            "error(1002,message inside a message) ");
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kText), "x") +
                     ClientFrame(Head(Opcode::kContinuation), "x")),
            "text(x) error(1002,continuation of no message) ");
}

TEST(Codec, TruncationAtEveryLengthOnlyWantsMore) {
  const std::string bytes =
      ClientFrame(Head(Opcode::kText, false), "ab\xe2\x82") +
      ClientFrame(Head(Opcode::kPing), "ping") +
      ClientFrame(Head(Opcode::kContinuation), "\xac" + std::string(200, 'c')) +
      ClientFrame(Head(Opcode::kClose), ClosePayload(1000, "bye"));
  const std::string all = AtServer(bytes);
  EXPECT_TRUE(all.ends_with("close(1000,bye) "));
  for (size_t size = 0; size < bytes.size(); ++size) {
    Decoder decoder(Role::kServer, 1 << 20);
    const std::string some = Decoded(decoder, bytes.substr(0, size));
    EXPECT_TRUE(all.starts_with(some) && some.size() < all.size()) << size;
    EXPECT_EQ(some + Decoded(decoder, bytes.substr(size)), all) << size;
  }
}

TEST(Codec, CloseFrames) {
  const auto close = [](std::string payload) {
    return AtServer(ClientFrame(Head(Opcode::kClose), payload));
  };
  EXPECT_EQ(close(""), "close(1005,) ");
  EXPECT_EQ(close("x"), "error(1002,close frame with half a code) ");
  EXPECT_EQ(close(ClosePayload(1000)), "close(1000,) ");
  EXPECT_EQ(close(ClosePayload(4999, "k\xc3\xb6s")), "close(4999,k\xc3\xb6s) ");
  EXPECT_EQ(close(ClosePayload(1000, std::string(123, 'r'))),
            "close(1000," + std::string(123, 'r') + ") ");
  EXPECT_EQ(close(ClosePayload(1000, "\xff")), "error(1007,close reason that is not UTF-8) ");
  EXPECT_EQ(close(ClosePayload(1000, "\xc3")), "error(1007,close reason that is not UTF-8) ");
  for (const unsigned code :
       {0u, 999u, 1004u, 1005u, 1006u, 1015u, 1016u, 1100u, 2000u, 2999u, 5000u, 65535u}) {
    EXPECT_EQ(close(ClosePayload(code)), "error(1002,close code that must not be sent) ") << code;
  }
  // RFC 6455 §1.4: what follows does not count.
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kClose), "") + "\xff\xff anything"), "close(1005,) ");
}

TEST(Codec, TextMustBeUtf8AndIsRefusedAtOnce) {
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kText), "k\xc3\xb6s")), "text(k\xc3\xb6s) ");
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kText, false), "\xf0\x9f") +
                     ClientFrame(Head(Opcode::kContinuation), "\x98\x80")),
            "text(\xf0\x9f\x98\x80) ");
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kText), "\xf0\x9f")),
            "error(1007,text that ends inside a character) ");
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kBinary), "\xff")), "binary(\xff) ");
  // In the middle of a frame, before the rest has come.
  const std::string bytes = ClientFrame(Head(Opcode::kText), "abc\xff" + std::string(1000, 'x'));
  Decoder decoder(Role::kServer, 1 << 20);
  EXPECT_EQ(Decoded(decoder, bytes.substr(0, bytes.size() - 1001)), "");
  EXPECT_EQ(Decoded(decoder, bytes.substr(bytes.size() - 1001, 1)),
            "error(1007,text that is not UTF-8) ");
  EXPECT_EQ(Decoded(decoder, "x"), "error(1007,text that is not UTF-8) ");
}

TEST(Codec, MessagesAboveTheLimitAreRefusedByTheirHead) {
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kBinary), std::string(100, 'x')), 100),
            "binary(" + std::string(100, 'x') + ") ");
  const std::string one_more = ClientFrame(Head(Opcode::kBinary), std::string(101, 'x'));
  EXPECT_EQ(AtServer(one_more.substr(0, 6), 100), "error(1009,message too big) ");
  EXPECT_EQ(AtServer(ClientFrame(Head(Opcode::kBinary, false), std::string(60, 'x')) +
                         ClientFrame(Head(Opcode::kContinuation), std::string(41, 'x')),
                     100),
            "error(1009,message too big) ");
  FrameHead huge = Head(Opcode::kBinary);
  huge.masked = true;
  huge.length = (uint64_t{1} << 63) - 1;
  std::string head(huge.emitted_size(), '\0');
  huge.Emit(head.data());
  EXPECT_EQ(AtServer(head), "error(1009,message too big) ");
}

TEST(Codec, WhatOneRoleSendsTheOtherUnderstands) {
  for (const Role role : {Role::kServer, Role::kClient}) {
    Encoder encoder(role, role == Role::kClient ? SeededMasks(1) : nullptr);
    http::Buffer out;
    std::string expected;
    for (const size_t size : {0u, 1u, 125u, 126u, 65535u, 65536u, 70000u}) {
      const std::string payload(size, 'p');
      encoder.Message(MessageType::kText, payload, out);
      encoder.Message(MessageType::kBinary, payload, out);
      expected += "text(" + payload + ") binary(" + payload + ") ";
    }
    encoder.Ping("a", out);
    encoder.Pong(std::string(200, 'b'), out);
    encoder.Close(CloseCode::kGoingAway, "bye", out);
    expected += "ping(a) pong(" + std::string(125, 'b') + ") close(1001,bye) ";
    Decoder decoder(role == Role::kServer ? Role::kClient : Role::kServer, 1 << 20);
    EXPECT_EQ(Decoded(decoder, out.view()), expected);
  }
}

TEST(Codec, EachFrameOfAClientHasAMaskOfItsOwn) {
  Encoder encoder(Role::kClient, SeededMasks(1));
  http::Buffer out;
  encoder.Ping("same", out);
  const std::string first(out.view());
  encoder.Ping("same", out);
  EXPECT_NE(out.view().substr(first.size()), first);
}

TEST(Codec, CloseReasonsAreCutBetweenCharacters) {
  Encoder encoder(Role::kServer);
  http::Buffer out;
  encoder.Close(CloseCode::kNormal, std::string(122, 'r') + "\xc3\xb6", out);
  encoder.Close(CloseCode::kNoCode, "unsaid", out);
  Decoder decoder(Role::kClient, 1000);
  EXPECT_EQ(Decoded(decoder, out.view()), "close(1000," + std::string(122, 'r') + ") ");
  EXPECT_EQ(out.view().substr(2 + 124), std::string_view("\x88\x00", 2));
}

TEST(Codec, AMessageCanBeTakenAndTheBufferReused) {
  Decoder decoder(Role::kServer, 1 << 20);
  const std::string bytes = ClientFrame(Head(Opcode::kText), "one") +
                            ClientFrame(Head(Opcode::kPing), "") +
                            ClientFrame(Head(Opcode::kText), "two");
  std::string_view rest = bytes;
  http::Buffer taken;
  ASSERT_EQ(decoder.Decode(rest), Event::kMessage);
  decoder.TakeMessage(taken);
  ASSERT_EQ(decoder.Decode(rest), Event::kPing);
  ASSERT_EQ(decoder.Decode(rest), Event::kMessage);
  EXPECT_EQ(taken.view(), "one");
  EXPECT_EQ(decoder.message(), "two");
  decoder.TakeMessage(taken);
  EXPECT_EQ(taken.view(), "two");
}

}  // namespace
}  // namespace corelane::ws
