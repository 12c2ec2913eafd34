// Messages into frames of a bounded size, as a client's decoder sees them.

#include "http/ws/outbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "http/ws/codec_harness.h"

namespace corelane::ws::internal {
namespace {

constexpr size_t kFragment = 100;
constexpr size_t kRoom = 250;

DeflateParams Params() { return DeflateParams(); }
DeflateOptions Compressing() {
  DeflateOptions options;
  options.min_bytes = 1;
  return options;
}

Outbox Make(bool deflate = false) {
  return Outbox(Encoder(Role::kServer, nullptr, deflate ? std::optional(Params()) : std::nullopt,
                        Compressing()),
                kFragment, kRoom);
}

// "text+100 cont+100 ping:4 cont.50": opcode, + or . for the last, and the payload's size.
std::string Frames(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    FrameHeadParser parser(Role::kClient, true);
    EXPECT_EQ(parser.Parse(bytes), FrameHeadParser::Status::kDone);
    const FrameHead& head = parser.head();
    constexpr const char* kNames[] = {"cont", "text", "bin",   "?",    "?",   "?",
                                      "?",    "?",    "close", "ping", "pong"};
    out += std::string(out.empty() ? "" : " ") + kNames[static_cast<int>(head.opcode)] +
           (head.rsv1 ? "*" : "") + (head.fin ? "." : "+") + std::to_string(head.length);
    bytes.remove_prefix(std::min<size_t>(bytes.size(), head.length));
  }
  return out;
}

// All that comes, for as long as something does.
std::string Take(Outbox& box) {
  std::string out;
  do {
    out += box.view();
    box.Consume(box.view().size());
    box.Refill();
  } while (!box.empty());
  return out;
}

TEST(Outbox, AMessageThatFitsIsOneFrame) {
  Outbox box = Make();
  box.Copy(MessageType::kText, std::string(kFragment, 'a'));
  box.Lend(MessageType::kBinary, "b");
  EXPECT_FALSE(box.lent());
  EXPECT_EQ(Frames(Take(box)), "text.100 bin.1");
}

TEST(Outbox, ALongerOneIsSeveralWithControlFramesBetween) {
  Outbox box = Make();
  const std::string message(450, 'a');
  box.Lend(MessageType::kText, message);
  EXPECT_TRUE(box.lent());
  box.Ping("ping");
  EXPECT_EQ(Frames(box.view()), "text+100 cont+100 cont+100 ping.4");
  EXPECT_LE(box.size(), kRoom + kFragment + 20);
  EXPECT_FALSE(box.Refill());
  box.Consume(box.view().size());
  EXPECT_TRUE(box.Refill());
  EXPECT_FALSE(box.lent());
  EXPECT_EQ(Frames(box.view()), "cont+100 cont.50");
}

TEST(Outbox, MessagesKeepTheirOrder) {
  Outbox box = Make();
  const std::string lent(300, 'b');
  box.Copy(MessageType::kBinary, std::string(400, 'a'));
  box.Lend(MessageType::kText, lent);
  box.Copy(MessageType::kBinary, "c");
  Decoder decoder(Role::kClient, 1 << 20);
  EXPECT_EQ(testing::Decoded(decoder, Take(box)),
            "binary(" + std::string(400, 'a') + ") text(" + lent + ") binary(c) ");
}

TEST(Outbox, TheCloseFrameComesBehindAllMessages) {
  Outbox box = Make();
  const std::string message(1000, 'a');
  box.Lend(MessageType::kText, message);
  box.Copy(MessageType::kText, "b");
  box.Close(CloseCode::kGoingAway, "bye");
  EXPECT_FALSE(box.close_made());
  box.Close(CloseCode::kNormal, "not this");
  Decoder decoder(Role::kClient, 1 << 20);
  EXPECT_EQ(testing::Decoded(decoder, Take(box)), "text(" + message + ") text(b) close(1001,bye) ");
  EXPECT_TRUE(box.close_made());
}

TEST(Outbox, WhatIsAbandonedIsCutShortButForTheCloseFrame) {
  for (const bool close_first : {false, true}) {
    Outbox box = Make();
    const std::string message(1000, 'a');
    box.Lend(MessageType::kText, message);
    box.Copy(MessageType::kText, "b");
    if (close_first) box.Close(CloseCode::kNormal, {});
    box.Abandon();
    if (!close_first) box.Close(CloseCode::kNormal, {});
    EXPECT_FALSE(box.lent());
    EXPECT_TRUE(box.settled());
    EXPECT_EQ(Frames(Take(box)), "text+100 cont+100 cont+100 close.2");
  }
}

TEST(Outbox, CompressionGoesOnAcrossFrames) {
  Outbox box = Make(true);
  std::string message;
  Random random(7);
  for (int i = 0; i < 50000; ++i) message.push_back(static_cast<char>(random.Next64()));
  box.Lend(MessageType::kBinary, message);
  const std::string sent = Take(box);
  const std::string frames = Frames(sent);
  EXPECT_TRUE(frames.starts_with("bin*+")) << frames;
  EXPECT_EQ(frames.find('*', 5), std::string::npos) << "only a message's first frame has the bit";
  Decoder decoder(Role::kClient, 1 << 20, Params());
  EXPECT_EQ(testing::Decoded(decoder, sent), "binary(" + message + ") ");
}

// A message that shrinks to nearly nothing makes no frame for each of its pieces.
TEST(Outbox, WhatCompressionHoldsBackMakesNoFrames) {
  Outbox box = Make(true);
  const std::string message(1 << 20, 'a');
  box.Lend(MessageType::kText, message);
  const std::string sent = Take(box);
  EXPECT_LT(sent.size(), 5000u);
  Decoder decoder(Role::kClient, 1 << 20, Params());
  EXPECT_EQ(testing::Decoded(decoder, sent), "text(" + message + ") ");
}

TEST(Outbox, AnyMixOfMessagesArrivesAsItWasSentInBoundedMemory) {
  for (const bool deflate : {false, true}) {
    Random random(11);
    Outbox box = Make(deflate);
    Decoder decoder(Role::kClient, 1 << 20, deflate ? std::optional(Params()) : std::nullopt);
    std::string wanted;
    std::string got;
    std::string lent;
    for (int i = 0; i < 3000; ++i) {
      std::string data(random.Below(random.Below(3) == 0 ? 1000 : 90), 'x');
      for (char& c : data) c = static_cast<char>('a' + random.Below(i % 2 == 0 ? 2 : 26));
      if (random.Below(2) == 0 && !box.lent()) {
        lent = data;
        box.Lend(MessageType::kText, lent);
        wanted += "text(" + data + ") ";
      } else if (box.size() < 2000) {
        box.Copy(MessageType::kBinary, data);
        wanted += "binary(" + data + ") ";
      }
      ASSERT_LE(box.view().size(), kRoom + (deflate ? 1100 : kFragment + 20));  // zlib holds back.
      const std::string_view taken = box.view().substr(0, random.Below(600));
      got += testing::Decoded(decoder, taken);
      box.Consume(taken.size());
      box.Refill();
      if (random.Below(50) == 0) box.ReleaseMemory();
    }
    got += testing::Decoded(decoder, Take(box));
    EXPECT_EQ(got, wanted);
  }
}

}  // namespace
}  // namespace corelane::ws::internal
