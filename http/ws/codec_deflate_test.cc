// The codec with permessage-deflate (RFC 7692).

#include <gtest/gtest.h>

#include <string>

#include "http/ws/codec.h"
#include "http/ws/codec_harness.h"

namespace corelane::ws {
namespace {

using namespace std::string_literals;
using testing::ClientFrame;
using testing::Decoded;
using testing::Head;
using testing::SeededMasks;
using testing::ServerFrame;

Decoder AtClient(uint64_t limit = 1 << 20, DeflateParams params = {}) {
  return Decoder(Role::kClient, limit, params);
}

// RFC 7692 §7.2.3
TEST(CodecDeflate, TheExamplesOfTheRfc) {
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  Decoder decoder = AtClient();
  EXPECT_EQ(Decoded(decoder, "\xc1\x07"s + hello), "text(Hello) ");
  // With the window of the message before.
  EXPECT_EQ(Decoded(decoder, "\xc1\x05\xf2\x00\x11\x00\x00"s), "text(Hello) ");
  // In two fragments.
  EXPECT_EQ(Decoded(decoder, "\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"s), "text(Hello) ");
  // A block that is not compressed; a final block; two blocks.
  EXPECT_EQ(Decoded(decoder, "\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"s), "text(Hello) ");
  EXPECT_EQ(Decoded(decoder, "\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s), "text(Hello) ");
  EXPECT_EQ(Decoded(decoder, "\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s),
            "text(Hello) ");
  // An empty message, and one that is not compressed.
  EXPECT_EQ(Decoded(decoder, "\xc1\x01\x00\x81\x02no"s), "text() text(no) ");
}

TEST(CodecDeflate, TheWindowSurvivesAFinalBlock) {
  Decoder decoder = AtClient();
  EXPECT_EQ(Decoded(decoder, "\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s), "text(Hello) ");
  EXPECT_EQ(Decoded(decoder, "\xc1\x05\xf2\x00\x11\x00\x00"s), "text(Hello) ");
}

TEST(CodecDeflate, PiecesAndFragmentsDoNotMatter) {
  Encoder encoder(Role::kServer, nullptr, DeflateParams());
  http::Buffer out;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    std::string payload;
    for (int j = 0; j < 40 * i; ++j) payload += "word " + std::to_string(j * i % 17);
    encoder.Message(MessageType::kText, payload, out);
    expected += "text(" + payload + ") ";
  }
  EXPECT_LT(out.size(), expected.size() / 3);
  for (const size_t piece : {size_t{1}, size_t{13}, size_t{1000}, SIZE_MAX}) {
    Decoder decoder = AtClient();
    EXPECT_EQ(Decoded(decoder, out.view(), piece), expected);
  }
}

TEST(CodecDeflate, EveryCombinationOfWhatCanBeAgreedOn) {
  for (const Role role : {Role::kServer, Role::kClient}) {
    for (const bool no_takeover : {false, true}) {
      for (int bits = 8; bits <= 15; ++bits) {
        DeflateParams params;
        params.server_no_context_takeover = params.client_no_context_takeover = no_takeover;
        params.server_max_window_bits = params.client_max_window_bits = bits;
        Encoder encoder(role, role == Role::kClient ? SeededMasks(1) : nullptr, params);
        Decoder decoder(role == Role::kServer ? Role::kClient : Role::kServer, 1 << 20, params);
        std::string payload;
        for (int i = 0; i < 5000; ++i) payload += std::to_string(i * 7919 % 1009);
        size_t sizes[3] = {};
        for (size_t& size : sizes) {
          http::Buffer out;
          encoder.Message(MessageType::kBinary, payload, out);
          size = out.size();
          EXPECT_EQ(Decoded(decoder, out.view(), 777), "binary(" + payload + ") ");
        }
        EXPECT_EQ(sizes[0] < payload.size(), bits > 8);
        EXPECT_TRUE(!no_takeover || sizes[0] == sizes[2]);
      }
    }
  }
}

TEST(CodecDeflate, ABombEndsWith1009AndTakesLittleMemory) {
  Encoder encoder(Role::kServer, nullptr, DeflateParams());
  http::Buffer out;
  encoder.Message(MessageType::kBinary, std::string(size_t{64} << 20, '\0'), out);
  ASSERT_LT(out.size(), size_t{400} << 10);
  Decoder decoder = AtClient(100000);
  EXPECT_EQ(Decoded(decoder, out.view()), "error(1009,message too big) ");
  EXPECT_LE(decoder.message().size(), 100001u);
}

TEST(CodecDeflate, TheLimitHoldsToTheByte) {
  for (const size_t size : {size_t{999}, size_t{1000}, size_t{1001}}) {
    Encoder encoder(Role::kServer, nullptr, DeflateParams());
    http::Buffer out;
    const std::string payload(size, 'z');
    encoder.Message(MessageType::kBinary, payload, out);
    for (const size_t piece : {size_t{1}, SIZE_MAX}) {
      Decoder decoder = AtClient(1000);
      EXPECT_EQ(Decoded(decoder, out.view(), piece),
                size > 1000 ? "error(1009,message too big) " : "binary(" + payload + ") ");
    }
  }
}

TEST(CodecDeflate, TextIsValidatedAsItIsInflated) {
  Encoder encoder(Role::kServer, nullptr, DeflateParams());
  http::Buffer out;
  encoder.Message(MessageType::kText, std::string(500, 'a') + "\xff" + std::string(500, 'a'), out);
  Decoder decoder = AtClient();
  EXPECT_EQ(Decoded(decoder, out.view(), 1), "error(1007,text that is not UTF-8) ");
  out.Clear();
  Encoder second(Role::kServer, nullptr, DeflateParams());
  second.Message(MessageType::kText, std::string(500, 'a') + "\xe2\x82", out);
  Decoder other = AtClient();
  EXPECT_EQ(Decoded(other, out.view()), "error(1007,text that ends inside a character) ");
}

TEST(CodecDeflate, WhatCannotBeInflatedIs1007) {
  Decoder decoder = AtClient();
  EXPECT_EQ(Decoded(decoder, "\xc2\x03\xff\xff\xff"s), "error(1007,data that cannot be inflated) ");
  // A distance before the beginning.
  Decoder other = AtClient();
  EXPECT_EQ(Decoded(other, "\xc1\x05\xf2\x00\x11\x00\x00"s),
            "error(1007,data that cannot be inflated) ");
}

// The order in the message decides, and not how much of it has come.
TEST(CodecDeflate, TheFirstThingThatIsWrongIsNamed) {
  // A stored block with a byte that is no UTF-8, then a block of an unknown kind.
  const std::string bytes = "\xc1\x07\x00\x01\x00\xfe\xff\xff\x07"s;
  for (const size_t piece : {size_t{1}, SIZE_MAX}) {
    Decoder decoder = AtClient();
    EXPECT_EQ(Decoded(decoder, bytes, piece), "error(1007,text that is not UTF-8) ");
  }
}

TEST(CodecDeflate, Rsv1NeedsAnAgreement) {
  Decoder decoder(Role::kClient, 1000);
  EXPECT_EQ(Decoded(decoder, "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"s),
            "error(1002,a reserved bit is set) ");
}

TEST(CodecDeflate, SmallMessagesGoAsTheyAre) {
  DeflateOptions options;
  options.min_bytes = 10;
  Encoder encoder(Role::kServer, nullptr, DeflateParams(), options);
  http::Buffer out;
  encoder.Message(MessageType::kText, "123456789", out);
  EXPECT_EQ(out.view(), "\x81\x09"s + "123456789");
  encoder.Message(MessageType::kText, "1234567890", out);
  EXPECT_EQ(out.view()[11], '\xc1');
}

}  // namespace
}  // namespace corelane::ws
