#include "tcp/segment.h"

#include <gtest/gtest.h>

#include <vector>

namespace corelane::tcp {
namespace {

std::vector<uint8_t> Emit(const OutgoingHeader& header, const OutgoingOptions& options) {
  std::vector<uint8_t> bytes(kMinHeaderLength + options.length());
  EmitHeader(header, options, bytes.data());
  return bytes;
}

// A header with exactly these option bytes.
std::vector<uint8_t> WithOptions(std::vector<uint8_t> options) {
  while (options.size() % 4 != 0) options.push_back(0);
  std::vector<uint8_t> bytes = Emit({1, 2, SeqNum(3), SeqNum(4), kAck, 5}, {});
  bytes[12] = static_cast<uint8_t>((kMinHeaderLength + options.size()) / 4 << 4);
  bytes.insert(bytes.end(), options.begin(), options.end());
  return bytes;
}

std::optional<Segment> Parse(const std::vector<uint8_t>& bytes, uint32_t payload = 0) {
  const auto view = HeaderView::Parse(bytes);
  if (!view) return std::nullopt;
  Segment segment;
  if (!ParseSegment(*view, payload, segment)) return std::nullopt;
  return segment;
}

TEST(SegmentTest, EmitsTheFieldsOfTheHeader) {
  const auto bytes =
      Emit({0x1234, 0x5678, SeqNum(0x01020304), SeqNum(0x05060708), kAck | kFin, 0xabcd}, {});
  const std::vector<uint8_t> expected = {0x12, 0x34, 0x56, 0x78, 1,    2,    3, 4, 5, 6,
                                         7,    8,    0x50, 0x11, 0xab, 0xcd, 0, 0, 0, 0};
  EXPECT_EQ(bytes, expected);
  const auto view = HeaderView::Parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->source_port(), 0x1234);
  EXPECT_EQ(view->destination_port(), 0x5678);
  EXPECT_EQ(view->header_length(), 20u);
  const auto s = Parse(bytes, 7);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->seq, SeqNum(0x01020304));
  EXPECT_EQ(s->ack, SeqNum(0x05060708));
  EXPECT_EQ(s->window, 0xabcd);
  EXPECT_EQ(s->length(), 8u);  // FIN counts
  EXPECT_EQ(s->end(), SeqNum(0x0102030c));
}

// Every combination of options that fits a header comes back as it was.
TEST(SegmentTest, EveryCombinationOfOptionsSurvives) {
  int combinations = 0;
  for (int bits = 0; bits < 16; ++bits) {
    for (uint8_t blocks = 0; blocks <= kMaxSackBlocks; ++blocks) {
      OutgoingOptions o;
      if (bits & 1) o.mss = 1460;
      if (bits & 2) o.window_scale = 0;
      if (bits & 4) o.sack_permitted = true;
      if (bits & 8) {
        o.has_timestamps = true;
        o.timestamps = {0x01020304, 0xfffefdfc};
      }
      o.sack_count = blocks;
      for (uint32_t i = 0; i < blocks; ++i) {
        o.sack[i] = {SeqNum(0xfffffff0u + i * 20), SeqNum(0xfffffff8u + i * 20)};
      }
      ASSERT_EQ(o.length() % 4, 0u);
      if (o.length() > kMaxHeaderLength - kMinHeaderLength) continue;
      ++combinations;
      const auto s = Parse(Emit({1, 2, SeqNum(3), SeqNum(4), kAck, 5}, o));
      ASSERT_TRUE(s) << bits << " " << int{blocks};
      EXPECT_EQ(s->mss, o.mss);
      EXPECT_EQ(s->window_scale, o.window_scale);
      EXPECT_EQ(s->sack_permitted, o.sack_permitted);
      EXPECT_EQ(s->has_timestamps, o.has_timestamps);
      EXPECT_EQ(s->timestamps.value, o.timestamps.value);
      EXPECT_EQ(s->timestamps.echo, o.timestamps.echo);
      ASSERT_EQ(s->sack_count, blocks);
      for (uint32_t i = 0; i < blocks; ++i) EXPECT_EQ(s->sack[i], o.sack[i]);
    }
  }
  EXPECT_GT(combinations, 40);
}

TEST(SegmentTest, TruncatedAtEveryLengthIsRejected) {
  OutgoingOptions o;
  o.mss = 1460;
  o.window_scale = 7;
  o.sack_permitted = o.has_timestamps = true;
  const auto whole = Emit({1, 2, SeqNum(3), SeqNum(4), kSyn, 5}, o);
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(HeaderView::Parse(std::span(whole).first(n))) << n;
  }
  EXPECT_TRUE(HeaderView::Parse(whole));
}

TEST(SegmentTest, DataOffsetBelowAHeaderIsRejected) {
  auto bytes = Emit({1, 2, SeqNum(3), SeqNum(4), kAck, 5}, {});
  bytes.resize(60);
  for (int words = 0; words < 16; ++words) {
    bytes[12] = static_cast<uint8_t>(words << 4);
    EXPECT_EQ(HeaderView::Parse(bytes).has_value(), words >= 5) << words;
  }
}

// RFC 9293 §3.2, MUST-7: each known kind with each length that is not its own.
TEST(SegmentTest, WrongOptionLengthsAreRejected) {
  const auto valid = [](uint8_t kind, size_t length) {
    switch (kind) {
      case 2:
        return length == 4;
      case 3:
        return length == 3;
      case 4:
        return length == 2;
      case 5:
        return length > 2 && (length - 2) % 8 == 0;
      case 8:
        return length == 10;
      default:
        return length >= 2;
    }
  };
  for (const uint8_t kind : {2, 3, 4, 5, 8, 30, 253}) {
    for (uint8_t length = 0; length <= 40; ++length) {
      std::vector<uint8_t> options(40, 0);
      options[0] = kind;
      options[1] = length;
      EXPECT_EQ(Parse(WithOptions(options)).has_value(), valid(kind, length))
          << int{kind} << " " << int{length};
    }
    EXPECT_FALSE(Parse(WithOptions({1, 1, 1, kind}))) << int{kind};    // no length
    EXPECT_FALSE(Parse(WithOptions({1, 1, kind, 200}))) << int{kind};  // past the end
    EXPECT_FALSE(Parse(WithOptions({kind, 41, 0, 0}))) << int{kind};
  }
}

TEST(SegmentTest, NothingIsReadBehindTheEndOfOptions) {
  const auto s = Parse(WithOptions({0, 2, 99, 99}));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->mss, 0);
}

// RFC 7323 §2.3
TEST(SegmentTest, WindowScaleIsAtMostFourteen) {
  for (int shift = 0; shift < 256; ++shift) {
    const auto s = Parse(WithOptions({3, 3, static_cast<uint8_t>(shift), 1}));
    ASSERT_TRUE(s);
    EXPECT_EQ(s->window_scale, std::min(shift, 14));
  }
}

// The layout of nearly every segment has a path of its own; others must mean the same.
TEST(SegmentTest, PaddedTimestampsEqualUnpaddedOnes) {
  const std::vector<uint8_t> option = {8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
  for (int before = 0; before <= 2; ++before) {
    std::vector<uint8_t> options(static_cast<size_t>(before), 1);
    options.insert(options.end(), option.begin(), option.end());
    const auto s = Parse(WithOptions(options));
    ASSERT_TRUE(s) << before;
    EXPECT_TRUE(s->has_timestamps);
    EXPECT_EQ(s->timestamps.value, 0x01020304u);
    EXPECT_EQ(s->timestamps.echo, 0x05060708u);
    EXPECT_EQ(s->mss, 0);
    EXPECT_EQ(s->sack_count, 0);
    EXPECT_EQ(s->window_scale, -1);
  }
}

}  // namespace
}  // namespace corelane::tcp
