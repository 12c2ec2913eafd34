// Requests that some parser somewhere reads differently from another: each must be refused with its
// own error, or be read in the one safe way, wherever the bytes are cut.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "http/h1/parser_harness.h"

namespace corelane::http::testing {
namespace {

struct Attack {
  const char* name;
  std::string_view bytes;
  ParseError error;
};

using enum ParseError;
using namespace std::string_view_literals;

#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define GET "GET / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

const Attack kAttacks[] = {
    // Two ways to tell the length.
    {"TeThenCl", POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
     kTransferEncodingWithContentLength},
    {"ClThenTe", POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     kTransferEncodingWithContentLength},
    {"ClZeroAndTe", POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
     kTransferEncodingWithContentLength},
    {"TeInHttp10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     kTransferEncodingInHttp10},
    {"ClUnequal", POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
     kRepeatedContentLength},
    {"ClEqual", POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", kRepeatedContentLength},
    {"ClList", POST "Content-Length: 4, 4\r\n\r\nabcd", kRepeatedContentLength},
    {"ClListUnequal", POST "Content-Length: 4,5\r\n\r\nabcd", kRepeatedContentLength},
    {"ClTrailingComma", POST "Content-Length: 4,\r\n\r\nabcd", kRepeatedContentLength},
    // A length that is not plainly a number.
    {"ClPlus", POST "Content-Length: +4\r\n\r\nabcd", kBadContentLength},
    {"ClMinus", POST "Content-Length: -4\r\n\r\nabcd", kBadContentLength},
    {"ClHex", POST "Content-Length: 0x4\r\n\r\nabcd", kBadContentLength},
    {"ClUnderscore", POST "Content-Length: 1_0\r\n\r\nabcd", kBadContentLength},
    {"ClEmpty", POST "Content-Length:\r\n\r\nabcd", kBadContentLength},
    {"ClInnerSpace", POST "Content-Length: 4 4\r\n\r\nabcd", kBadContentLength},
    {"ClQuoted", POST "Content-Length: \"4\"\r\n\r\nabcd", kBadContentLength},
    {"ClFraction", POST "Content-Length: 4.0\r\n\r\nabcd", kBadContentLength},
    {"ClUnicodeDigit", POST "Content-Length: \xd9\xa4\r\n\r\nabcd", kBadContentLength},
    {"ClOverflow64", POST "Content-Length: 18446744073709551616\r\n\r\n", kContentLengthTooLarge},
    {"ClOverflow63", POST "Content-Length: 9223372036854775808\r\n\r\n", kContentLengthTooLarge},
    {"ClHuge", POST "Content-Length: 99999999999999999999999999999999\r\n\r\n",
     kContentLengthTooLarge},
    // Transfer codings.
    {"TeIdentity", POST "Transfer-Encoding: identity\r\n\r\n", kUnknownTransferEncoding},
    {"TeGzip", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", kUnknownTransferEncoding},
    {"TeChunkedGzip", POST "Transfer-Encoding: chunked, gzip\r\n\r\n", kBadTransferEncoding},
    {"TeXchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", kUnknownTransferEncoding},
    {"TeQuoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", kUnknownTransferEncoding},
    {"TeParameter", POST "Transfer-Encoding: chunked;q=1\r\n\r\n", kUnknownTransferEncoding},
    {"TeTwice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n", kBadTransferEncoding},
    {"TeTwoLines", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     kBadTransferEncoding},
    {"TeTwoLinesIdentity", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
     kBadTransferEncoding},
    {"TeEmpty", POST "Transfer-Encoding:\r\n\r\n", kBadTransferEncoding},
    {"TeComma", POST "Transfer-Encoding: ,\r\n\r\n", kBadTransferEncoding},
    {"TeVerticalTab",
     POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n",
     kBadFieldValue},
    {"TeNul", POST "Transfer-Encoding: chunked\0\r\n\r\n"sv, kBadFieldValue},
    {"TeHighByte", POST "Transfer-Encoding: chunked\xa0\r\n\r\n", kUnknownTransferEncoding},
    // Line ends and white space.
    {"BareLfAfterRequestLine", "GET / HTTP/1.1\nHost: a\r\n\r\n", kBareLf},
    {"BareLfAfterField", "GET / HTTP/1.1\r\nHost: a\n\r\n", kBareLf},
    {"BareLfAtEnd", GET "\n", kBareLf},
    {"BareLfInTarget", "GET /\nHost: a\r\n\r\n", kBareLf},
    {"BareCrInValue", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", kBareCr},
    {"BareCrAfterVersion", "GET / HTTP/1.1\rHost: a\r\n\r\n", kBareCr},
    {"BareCrAtEnd", GET "\rX", kBareCr},
    {"CrCrLf", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", kBareCr},
    {"FoldSpace", GET "X: a\r\n b\r\n\r\n", kFoldedField},
    {"FoldTab", GET "X: a\r\n\tb\r\n\r\n", kFoldedField},
    {"FoldBeforeFirstField", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", kFoldedField},
    {"FoldEmpty", GET " \r\n\r\n", kFoldedField},
    {"SpaceBeforeColon", POST "Content-Length : 4\r\n\r\nabcd", kSpaceBeforeColon},
    {"TabBeforeColon", POST "Transfer-Encoding\t: chunked\r\n\r\n", kSpaceBeforeColon},
    {"SpaceInName", POST "Content Length: 4\r\n\r\n", kSpaceBeforeColon},
    {"EmptyName", GET ": x\r\n\r\n", kBadFieldName},
    {"NoColon", GET "Transfer-Encoding\r\n\r\n", kBadFieldName},
    {"NulInName", GET "X\0Y: z\r\n\r\n"sv, kBadFieldName},
    {"HighByteInName", GET "X\xff: z\r\n\r\n", kBadFieldName},
    {"ParenInName", GET "X(): z\r\n\r\n", kBadFieldName},
    {"NulInValue", GET "X: a\0b\r\n\r\n"sv, kBadFieldValue},
    {"DelInValue", GET "X: a\x7f\r\n\r\n", kBadFieldValue},
    {"EscapeInValue", GET "X: \x1b[0m\r\n\r\n", kBadFieldValue},
    // Who is asked.
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", kMissingHost},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", kRepeatedHost},
    {"TwoEqualHosts", GET HOST "\r\n", kRepeatedHost},
    {"TwoHostsHttp10", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", kRepeatedHost},
    {"HostWithPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", kBadHost},
    {"HostWithUser", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", kBadHost},
    {"HostWithSpace", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", kBadHost},
    {"HostPort", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", kBadHost},
    {"HostPortTooLarge", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", kBadHost},
    {"HostBadEscape", "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", kBadHost},
    {"HostOpenBracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", kBadHost},
    // The request line.
    {"SpaceBeforeMethod", " GET / HTTP/1.1\r\n" HOST "\r\n", kBadMethod},
    {"TwoEmptyLines", "\r\n\r\n" GET "\r\n", kBadMethod},
    {"TabAfterMethod", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", kBadMethod},
    {"ColonInMethod", "GE:T / HTTP/1.1\r\n" HOST "\r\n", kBadMethod},
    {"TlsHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv, kBadMethod},
    {"TwoSpaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"SpaceInTarget", "GET /a b HTTP/1.1\r\n" HOST "\r\n", kBadVersion},
    {"FragmentInTarget", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"ControlInTarget", "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"HighByteInTarget", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"NulInTarget", "GET /\0 HTTP/1.1\r\n" HOST "\r\n"sv, kBadTarget},
    {"RelativeTarget", "GET a HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"OtherScheme", "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"UserInTarget", "GET http://u:p@a/ HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"NoHostInTarget", "GET http:///x HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"AsteriskForGet", "GET * HTTP/1.1\r\n" HOST "\r\n", kTargetNotForMethod},
    {"PathForConnect", "CONNECT / HTTP/1.1\r\n" HOST "\r\n", kTargetNotForMethod},
    {"NoPortForConnect", "CONNECT a HTTP/1.1\r\n" HOST "\r\n", kTargetNotForMethod},
    {"AuthorityForGet", "GET a:80 HTTP/1.1\r\n" HOST "\r\n", kBadTarget},
    {"Http09", "GET /\r\n", kBadVersion},
    {"LowerCaseVersion", "GET / http/1.1\r\n" HOST "\r\n", kBadVersion},
    {"LongVersion", "GET / HTTP/1.10\r\n" HOST "\r\n", kBadVersion},
    {"SpaceAfterVersion", "GET / HTTP/1.1 \r\n" HOST "\r\n", kBadVersion},
    {"Http2", "GET / HTTP/2.0\r\n" HOST "\r\n", kUnsupportedVersion},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", kUnsupportedVersion},
    {"OtherExpectation", GET "Expect: 200-ok\r\n\r\n", kUnknownExpectation},
    // Chunks.
    {"ChunkSizePlus", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", kBadChunkSize},
    {"ChunkSizeMinus", CHUNKED "-5\r\nhello\r\n0\r\n\r\n", kBadChunkSize},
    {"ChunkSize0x", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", kBadChunkSize},
    {"ChunkSizeEmpty", CHUNKED "\r\nhello\r\n0\r\n\r\n", kBadChunkSize},
    {"ChunkSizeSpaceBefore", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", kBadChunkSize},
    {"ChunkSizeSpaceAfter", CHUNKED "5 \r\nhello\r\n0\r\n\r\n", kBadChunkSize},
    {"ChunkSizeUnderscore", CHUNKED "1_0\r\nhello\r\n0\r\n\r\n", kBadChunkSize},
    {"ChunkSizeTooLarge", CHUNKED "ffffffffffffffff\r\n", kChunkTooLarge},
    {"ChunkSizeManyDigits", CHUNKED "00000000000000005\r\nhello\r\n", kChunkTooLarge},
    {"ChunkSizeBareLf", CHUNKED "5\nhello\r\n0\r\n\r\n", kBareLf},
    {"ChunkSizeBareCr", CHUNKED "5\rhello\r\n0\r\n\r\n", kBareCr},
    {"ChunkExtensionBareLf", CHUNKED "5;a\nhello\r\n0\r\n\r\n", kBareLf},
    {"ChunkExtensionBareCr", CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n", kBareCr},
    {"ChunkExtensionNul", CHUNKED "5;\0\r\nhello\r\n0\r\n\r\n"sv, kBadChunkExtension},
    {"ChunkExtensionQuotedCr", CHUNKED "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n", kBadChunkExtension},
    {"ChunkTooShort", CHUNKED "5\r\nhell\r\n0\r\n\r\n", kBadChunkEnd},
    {"ChunkTooLong", CHUNKED "5\r\nhello!\r\n0\r\n\r\n", kBadChunkEnd},
    {"ChunkEndBareLf", CHUNKED "5\r\nhello\n0\r\n\r\n", kBadChunkEnd},
    {"TrailerContentLength", CHUNKED "0\r\nContent-Length: 5\r\n\r\n", kBadTrailer},
    {"TrailerTransferEncoding", CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n", kBadTrailer},
    {"TrailerHost", CHUNKED "0\r\nHost: b\r\n\r\n", kBadTrailer},
    {"TrailerBareLf", CHUNKED "0\r\nX: y\n\r\n", kBareLf},
    {"TrailerFolded", CHUNKED "0\r\nX: y\r\n z\r\n\r\n", kFoldedField},
    {"TrailerSpaceBeforeColon", CHUNKED "0\r\nX : y\r\n\r\n", kSpaceBeforeColon},
};

class Smuggling : public ::testing::TestWithParam<Attack> {};

TEST_P(Smuggling, IsRefused) {
  const Attack& attack = GetParam();
  // With a second request behind it, which must never be read.
  const std::string stream =
      std::string(attack.bytes) + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  const ParsedStream whole = ParseRequests(stream, WholeStream());
  EXPECT_EQ(whole.error, attack.error) << Reason(whole.error);
  for (const ParsedMessage& message : whole.messages) {
    EXPECT_EQ(message.start.find("smuggled"), std::string::npos) << message.ToString();
    EXPECT_FALSE(message.complete);
  }
  for (size_t cut = 1; cut < stream.size(); ++cut) {
    ASSERT_EQ(ParseRequests(stream, SplitAt(cut)).ToString(), whole.ToString()) << "cut at " << cut;
  }
  EXPECT_EQ(ParseRequests(stream, Pieces(1)).ToString(), whole.ToString());
}

INSTANTIATE_TEST_SUITE_P(Corpus, Smuggling, ::testing::ValuesIn(kAttacks),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Smuggling, EveryErrorHasAStatusAndAReason) {
  for (int i = 1; i <= static_cast<int>(kBadTrailer); ++i) {
    const auto error = static_cast<ParseError>(i);
    EXPECT_STRNE(Reason(error), "unknown error") << i;
    EXPECT_GE(StatusFor(error), 400) << i;
  }
  EXPECT_EQ(StatusFor(kTransferEncodingWithContentLength), 400);
  EXPECT_EQ(StatusFor(kTargetTooLong), 414);
  EXPECT_EQ(StatusFor(kHeadTooLarge), 431);
  EXPECT_EQ(StatusFor(kTooManyFields), 431);
  EXPECT_EQ(StatusFor(kUnknownTransferEncoding), 501);
  EXPECT_EQ(StatusFor(kUnsupportedVersion), 505);
}

}  // namespace
}  // namespace corelane::http::testing
