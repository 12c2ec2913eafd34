#include "runtime/resolver/message.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/resolver/test_answers.h"

namespace corelane::dns {
namespace {

const Question kAsked{N("www.example.com"), RecordType::kA};

MessageBuilder Begin(uint16_t flags = kAnswerFlags) {
  return MessageBuilder(7, flags).Question(kAsked);
}

std::vector<IpAddress> Addresses(std::initializer_list<const char*> texts) {
  std::vector<IpAddress> all;
  for (const char* text : texts) all.push_back(IpAddress::Parse(text).value());
  return all;
}

TEST(EncodeQuery, IsWhatTheRfcDraws) {
  const std::vector<uint8_t> plain = {0x12, 0x34, 1,   0, 0,   1,   0, 0, 0,  0, 0,
                                      0,    1,    'a', 2, 'd', 'e', 0, 0, 28, 0, 1};
  EXPECT_EQ(EncodeQuery({N("a.de"), RecordType::kAaaa}, 0x1234, Edns::kNo), plain);
  std::vector<uint8_t> extended = plain;
  extended[11] = 1;
  extended.insert(extended.end(), {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(EncodeQuery({N("a.de"), RecordType::kAaaa}, 0x1234, Edns::kYes), extended);
}

TEST(DecodeResponse, TakesTheAddressesOfTheQuestion) {
  const auto response = DecodeResponse(Begin()
                                           .Address("www.EXAMPLE.com", "192.0.2.1", 300)
                                           .Address("www.example.com", "192.0.2.2", 200)
                                           .Address("www.example.com", "192.0.2.1", 250)
                                           .bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->id, 7);
  EXPECT_EQ(response->question, kAsked);
  EXPECT_EQ(response->addresses, Addresses({"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(response->ttl, 200u);
  EXPECT_EQ(response->rcode, Rcode::kNoError);
  EXPECT_TRUE(response->recursion_available);
}

TEST(DecodeResponse, LeavesWhatWasNotAsked) {
  const auto response = DecodeResponse(Begin()
                                           .Address("evil.example.com", "192.0.2.66")
                                           .Address("www.example.com", "2001:db8::1")
                                           .bytes());
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->addresses.empty());
}

TEST(DecodeResponse, FollowsAliasesInAnyOrder) {
  const auto response = DecodeResponse(Begin()
                                           .Address("c.example.net", "192.0.2.3", 50)
                                           .Alias("b.example.net", "c.example.net", 20)
                                           .Alias("www.example.com", "B.example.net", 30)
                                           .bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->addresses, Addresses({"192.0.2.3"}));
  EXPECT_EQ(response->canonical, N("c.example.net"));
  EXPECT_EQ(response->ttl, 20u);
}

TEST(DecodeResponse, AliasesInACircleAreAFailure) {
  const auto response =
      DecodeResponse(Begin().Alias("www.example.com", "b").Alias("b", "www.example.com").bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->rcode, Rcode::kServFail);
}

TEST(DecodeResponse, LongChainsAreAFailure) {
  for (const int aliases : {16, 17}) {
    MessageBuilder message = Begin().Alias("www.example.com", "n1");
    for (int i = 1; i < aliases; ++i) {
      message.Alias("n" + std::to_string(i), "n" + std::to_string(i + 1));
    }
    const auto response = DecodeResponse(message.bytes());
    ASSERT_TRUE(response);
    EXPECT_EQ(response->rcode, aliases == 16 ? Rcode::kNoError : Rcode::kServFail);
  }
}

TEST(DecodeResponse, TtlWithTheHighBitIsZero) {
  const auto response =
      DecodeResponse(Begin().Address("www.example.com", "192.0.2.1", 0x80000001).bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->ttl, 0u);
}

TEST(DecodeResponse, NegativeTtlIsTheLeastOfSoaAndMinimum) {
  auto response = DecodeResponse(Begin(0x8183).Soa("example.com", 100, 900).bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->rcode, Rcode::kNxDomain);
  EXPECT_EQ(response->negative_ttl, 100u);
  response = DecodeResponse(Begin().Soa("example.com", 100, 30).bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->negative_ttl, 30u);
  EXPECT_FALSE(response->is_lame());
}

TEST(DecodeResponse, SoaOfAnotherZoneSaysNothing) {
  const auto response = DecodeResponse(Begin(0x8183).Soa("example.net", 100, 900).bytes());
  ASSERT_TRUE(response);
  EXPECT_FALSE(response->negative_ttl);
}

TEST(DecodeResponse, TruncatedOnesAreNotReadFurther) {
  const auto response = DecodeResponse(
      Begin(kAnswerFlags | 0x0200).Count(6).bytes());  // one answer, of which nothing is there
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->truncated);
  EXPECT_EQ(response->question, kAsked);
}

TEST(DecodeResponse, RcodeHasTwelveBits) {
  const auto response = DecodeResponse(Begin().Opt(1).bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->rcode, Rcode::kBadVers);
}

TEST(DecodeResponse, LameIsWhoHasNothingAndAsksNobody) {
  EXPECT_TRUE(DecodeResponse(Begin(0x8100).bytes())->is_lame());
  EXPECT_FALSE(DecodeResponse(Begin(0x8500).bytes())->is_lame());
  EXPECT_FALSE(DecodeResponse(Begin(0x8180).bytes())->is_lame());
}

TEST(DecodeResponse, MappedAddressesAreLeftOut) {
  const Question question{N("a"), RecordType::kAaaa};
  MessageBuilder message(7, kAnswerFlags);
  message.Question(question).Begin(6, "a", RecordType::kAaaa, 60).U16(16);
  message.Bytes(IpAddress(Ipv4Address(127, 0, 0, 1)).v6().bytes());
  message.Address("a", "2001:db8::1");
  const auto response = DecodeResponse(message.bytes());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->addresses, Addresses({"2001:db8::1"}));
}

TEST(DecodeResponse, RefusesQueriesOtherOpcodesAndClasses) {
  EXPECT_FALSE(DecodeResponse(Begin(0x0100).bytes()));
  EXPECT_FALSE(DecodeResponse(Begin(0xa180).bytes()));
  EXPECT_FALSE(DecodeResponse(Begin().Question(kAsked).bytes()));
  auto bytes = Begin().bytes();
  bytes.back() = 3;  // CHAOS
  EXPECT_FALSE(DecodeResponse(bytes));
}

TEST(DecodeResponse, RefusesDataOfTheWrongLength) {
  EXPECT_FALSE(DecodeResponse(
      Begin().Begin(6, "www.example.com", RecordType::kA, 60).U16(6).U32(1).U16(2).bytes()));
  EXPECT_FALSE(DecodeResponse(
      Begin().Begin(6, "www.example.com", RecordType::kCname, 60).U16(2).U16(0).bytes()));
  EXPECT_FALSE(
      DecodeResponse(Begin().Begin(8, "example.com", RecordType::kSoa, 60).U16(4).U32(0).bytes()));
}

TEST(DecodeResponse, RefusesTruncationAtEveryLength) {
  const auto whole = Begin()
                         .Alias("www.example.com", "b.example.com")
                         .Address("b.example.com", "192.0.2.3")
                         .Soa("example.com", 1, 2)
                         .Opt(0)
                         .bytes();
  ASSERT_TRUE(DecodeResponse(whole));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(DecodeResponse(std::span(whole).first(n))) << n;
  }
}

}  // namespace
}  // namespace corelane::dns
