#include "http/multipart/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/multipart/transcript.h"

namespace corelane::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

const std::string kHead = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";
const std::string kOpen = "--b\r\n" + kHead;
const std::string kClose = "\r\n--b--\r\n";

// The same for all pieces.
std::string Parse(const std::string& body, const MultipartLimits& limits = MultipartLimits()) {
  const std::string whole = MultipartTranscript(body, SIZE_MAX, limits);
  for (size_t piece = 1; piece <= std::min<size_t>(body.size(), 80); ++piece) {
    EXPECT_EQ(MultipartTranscript(body, piece, limits), whole) << piece;
  }
  return whole;
}

TEST(Multipart, PartsWithTheirHeadsAndData) {
  EXPECT_EQ(Parse("--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n"
                  "--b\r\ncontent-type: image/png\r\n"
                  "content-disposition: form-data; name=\"file\"; filename=\"p.png\"\r\n\r\n"
                  "\x89PNG\r\n\r\n--c\r\n--b--\r\n"),
            "text<text/plain>[hello]file(p.png)<image/png>[\x89PNG\r\n\r\n--c]");
  EXPECT_EQ(Parse("--b--"), "") << "a form without fields";
}

TEST(Multipart, WhatLooksLikeADelimiterIsData) {
  for (const std::string& data :
       {std::string(""), std::string("\r"), std::string("\r\n"), std::string("\r\n-"),
        std::string("\r\n--"), std::string("\r\r\n--"), std::string("\n--b"), std::string("--b"),
        std::string("x--b--"), std::string("\r\n-b"), std::string("\r\n\r\n\r\n"),
        std::string("\r\n--\r\n--c"), std::string(1000, '\r'), std::string("\0\0", 2)}) {
    if (data == "--b") continue;  // At the beginning of a line it is one: below.
    EXPECT_EQ(Parse(kOpen + data + kClose), "a<text/plain>[" + data + "]") << data;
  }
}

TEST(Multipart, PreamblePaddingAndEpilogueArePassedOver) {
  EXPECT_EQ(Parse("this is --b not\r\n--c\r\n" + kOpen + "x" + kClose + "epilogue\r\n--b\r\n"),
            "a<text/plain>[x]");
  EXPECT_EQ(Parse("--b \t \r\n" + kHead + "x" + kClose), "a<text/plain>[x]");
  // A part without data may leave its delimiter the line's end of its head (RFC 2046 §5.1.1).
  EXPECT_EQ(Parse(kOpen + "--b\r\n" + kHead + kClose), "a<text/plain>[]a<text/plain>[]");
}

TEST(Multipart, MalformedIsRefused) {
  const auto expect = [](const std::string& body, MultipartError error) {
    EXPECT_THAT(Parse(body), EndsWith("!" + std::string(Reason(error)))) << body;
    EXPECT_EQ(StatusFor(error), 400);
  };
  expect("--bx\r\n" + kHead + "x" + kClose, MultipartError::kDelimiter);
  expect("--b-\r\n" + kHead + "x" + kClose, MultipartError::kDelimiter);
  expect("--b\n" + kHead + "x" + kClose, MultipartError::kDelimiter);
  expect("--b\rx\n", MultipartError::kDelimiter);
  expect("--b -", MultipartError::kDelimiter);
  expect("--b" + std::string(1000, ' ') + "\r\n", MultipartError::kDelimiter);
  expect("--b\r\n\r\nx" + kClose, MultipartError::kDisposition);
  expect("--b\r\nX: y\r\n\r\nx" + kClose, MultipartError::kDisposition);
  expect("--b\r\nContent-Disposition: form-data\r\n\r\nx" + kClose, MultipartError::kDisposition);
  expect(
      "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; "
      "name=b\r\n\r\nx" +
          kClose,
      MultipartError::kDisposition);
  expect("--b\r\nno field\r\n\r\nx" + kClose, MultipartError::kHead);
  expect("--b\r\nX : y\r\n\r\nx" + kClose, MultipartError::kHead);
  expect("--b\r\nX: y\r\n folded\r\n\r\nx" + kClose, MultipartError::kHead);
  expect(std::string("--b\r\nX: y\0z\r\n\r\nx", 16) + kClose, MultipartError::kHead);
  expect("--b\r\nX: y\nZ: z\r\n\r\nx" + kClose, MultipartError::kHead);
  expect("", MultipartError::kTruncated);
  expect("no delimiter at all", MultipartError::kTruncated);
}

TEST(Multipart, TruncatedAtEveryLength) {
  const std::string body = kOpen + "data\r\nmore\r\n" + kOpen + "x\r\n--b--";
  for (size_t n = 0; n < body.size(); ++n) {
    EXPECT_THAT(Parse(body.substr(0, n)), HasSubstr("!")) << n;
  }
  EXPECT_EQ(Parse(body), "a<text/plain>[data\r\nmore]a<text/plain>[x]");
}

TEST(Multipart, Limits) {
  const auto expect = [](const std::string& body, const MultipartLimits& limits,
                         MultipartError error) {
    const std::string reason =
        error == MultipartError::kNone ? "]" : "!" + std::string(Reason(error));
    EXPECT_THAT(Parse(body, limits), EndsWith(reason));
    EXPECT_EQ(StatusFor(error), error == MultipartError::kNone ? 400 : 413);
  };
  MultipartLimits limits;
  limits.parts = 2;
  const std::string part = kOpen + "x\r\n";
  expect(part + part + "--b--", limits, MultipartError::kNone);
  expect(part + part + part + "--b--", limits, MultipartError::kTooManyParts);
  limits = MultipartLimits();
  limits.head_bytes = kHead.size() - 4;
  expect(part + "--b--", limits, MultipartError::kNone);
  limits.head_bytes = kHead.size() - 5;
  expect(part + "--b--", limits, MultipartError::kHeadTooLong);
  expect("--b\r\n" + std::string(1000, 'x'), limits, MultipartError::kHeadTooLong);
}

TEST(Multipart, ALimitOfDataHoldsBeforeItIsGiven) {
  MultipartLimits limits;
  limits.part_bytes = 4;
  EXPECT_EQ(Parse(kOpen + "1234" + kClose, limits), "a<text/plain>[1234]");
  for (const size_t piece : {1, 3, 1000}) {
    EXPECT_THAT(MultipartTranscript(kOpen + "12345" + kClose, piece, limits),
                EndsWith(Reason(MultipartError::kPartTooLong)));
  }
  limits = MultipartLimits();
  limits.total_bytes = kOpen.size() + 9;
  EXPECT_EQ(Parse(kOpen + "\r\n--b--" + std::string(100, 'e'), limits), "a<text/plain>[]");
  for (const size_t piece : {1, 3, 1000}) {
    EXPECT_THAT(MultipartTranscript(kOpen + "1234567890" + kClose, piece, limits),
                EndsWith(Reason(MultipartError::kTooLong)));
  }
}

}  // namespace
}  // namespace corelane::http
