#include "http/compress/encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "http/compress/decode_for_test.h"

namespace corelane::http {
namespace {

class EncoderTest : public ::testing::TestWithParam<Coding> {
 protected:
  EncoderTest() : encoder_(MakeEncoder(GetParam(), LevelsOf(GetParam()).least + 2)) {}

  // All of `text`, until done, with `room` bytes for the output at a time.
  std::string Encode(std::string_view text, Encoder::Until until, size_t room) {
    std::string all;
    std::string out(room, '\0');
    for (int i = 0; i < 1000000; ++i) {
      const Encoder::Step step = encoder_->Encode(text, out, until);
      EXPECT_FALSE(step.failed);
      all.append(out, 0, step.written);
      if (step.done) return all;
    }
    ADD_FAILURE() << "no end";
    return all;
  }
  DecodedForTest Decode(std::string_view bytes) {
    return DecodeForTest(CodingName(GetParam()), bytes);
  }
  static std::string Text(size_t size) {
    std::string text;
    for (uint32_t i = 0; text.size() < size; ++i) text += std::to_string(i * 2654435761u) + " ";
    return text.substr(0, size);
  }

  std::unique_ptr<Encoder> encoder_;
};

TEST_P(EncoderTest, AnySizeInAnyRoom) {
  for (const size_t size : {0, 1, 100, 70000, 300000}) {
    for (const size_t room : {1, 7, 1000, 100000}) {
      const DecodedForTest decoded = Decode(Encode(Text(size), Encoder::Until::kEnd, room));
      EXPECT_EQ(decoded.text, Text(size)) << room;
      EXPECT_TRUE(decoded.ended);
      encoder_->Reset();
    }
  }
}

TEST_P(EncoderTest, WhatIsFlushedCanBeDecoded) {
  std::string all;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string piece = "event " + std::to_string(i) + "\n";
    all += Encode(piece, Encoder::Until::kFull, 64);
    all += Encode("", Encoder::Until::kFlush, i % 2 == 0 ? 3 : 64);
    expected += piece;
    EXPECT_EQ(Decode(all).text, expected);
    EXPECT_FALSE(Decode(all).ended);
  }
  all += Encode("end", Encoder::Until::kEnd, 64);
  EXPECT_EQ(Decode(all).text, expected + "end");
  EXPECT_TRUE(Decode(all).ended);
}

TEST_P(EncoderTest, OutputThatIsHeldBackIsNotTheEnd) {
  for (const size_t room : {1, 5, 31, 33}) {
    encoder_->Reset();
    std::string all;
    std::string out(room, '\0');
    const std::string text = Text(30000);
    std::string_view left = text;
    while (!left.empty())
      all.append(out, 0, encoder_->Encode(left, out, Encoder::Until::kFull).written);
    all += Encode("end", Encoder::Until::kEnd, room);
    EXPECT_EQ(Decode(all).text, text + "end") << room;
    EXPECT_TRUE(Decode(all).ended);
  }
}

TEST_P(EncoderTest, AllLevels) {
  const LevelRange levels = LevelsOf(GetParam());
  for (int level = levels.least; level <= levels.most; ++level) {
    encoder_ = MakeEncoder(GetParam(), level);
    EXPECT_EQ(Decode(Encode(Text(20000), Encoder::Until::kEnd, 5000)).text, Text(20000)) << level;
  }
}

INSTANTIATE_TEST_SUITE_P(Codings, EncoderTest,
                         ::testing::Values(Coding::kZstd, Coding::kBrotli, Coding::kGzip),
                         [](const auto& info) { return std::string(CodingName(info.param)); });

}  // namespace
}  // namespace corelane::http
