#include "ip/source_address.h"

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

IpAddress A(const char* text) { return *IpAddress::Parse(text); }

class SourceAddressTest : public testing::Test {
 protected:
  void Add(const char* prefix, AddressState state = AddressState::kPreferred,
           uint16_t interface = 0) {
    ASSERT_TRUE(table_.Add(interface, *IpPrefix::Parse(prefix), state).ok());
  }
  IpAddress Select(const char* destination, const char* next_hop = nullptr) {
    return SelectSource(table_, 0, A(destination), A(next_hop ? next_hop : destination))
        .value_or(IpAddress());
  }

  AddressTable table_;
};

// The examples of RFC 6724 §10.1, as far as they concern one interface's static addresses.
TEST_F(SourceAddressTest, PrefersAppropriateScope) {
  Add("2001:db8:3::1/64");
  Add("fe80::1/64");
  EXPECT_EQ(Select("2001:db8:1::1"), A("2001:db8:3::1"));
  EXPECT_EQ(Select("ff05::1"), A("2001:db8:3::1"));
  EXPECT_EQ(Select("fe80::2"), A("fe80::1"));
}

TEST_F(SourceAddressTest, PrefersSameAddress) {
  Add("2001:db8:1::1/64", AddressState::kDeprecated);
  Add("2001:db8:2::1/64");
  EXPECT_EQ(Select("2001:db8:1::1"), A("2001:db8:1::1"));
}

TEST_F(SourceAddressTest, AvoidsDeprecated) {
  Add("2001:db8:1::2/64", AddressState::kDeprecated);
  Add("2001:db8:2::2/64");
  EXPECT_EQ(Select("2001:db8:1::9"), A("2001:db8:2::2"));
}

TEST_F(SourceAddressTest, PrefersLongestMatchingPrefix) {
  Add("2001:db8:1::2/64");
  Add("2001:db8:3::2/64");
  EXPECT_EQ(Select("2001:db8:1::1"), A("2001:db8:1::2"));
  EXPECT_EQ(Select("2001:db8:3::1"), A("2001:db8:3::2"));
}

TEST_F(SourceAddressTest, PrefersMatchingLabel) {
  Add("2001:db8:1::2/64");
  Add("2002:c633:6401::2/64");
  EXPECT_EQ(Select("2002:c633:6401::1"), A("2002:c633:6401::2"));
  EXPECT_EQ(Select("2001:db8:5::1"), A("2001:db8:1::2"));
  Add("fd00::1/64");
  EXPECT_EQ(Select("fd00:1::1"), A("fd00::1"));
}

TEST_F(SourceAddressTest, TentativeAddressesAndOtherInterfacesDoNotCount) {
  Add("2001:db8:1::2/64", AddressState::kTentative);
  Add("2001:db8:1::3/64", AddressState::kPreferred, 1);
  EXPECT_FALSE(SelectSource(table_, 0, A("2001:db8:1::1"), A("2001:db8:1::1")));
}

TEST_F(SourceAddressTest, Ipv4PrefersTheNextHopsNetwork) {
  Add("10.0.0.5/24");
  Add("192.168.7.5/24");
  EXPECT_EQ(Select("8.8.8.8", "192.168.7.1"), A("192.168.7.5"));
  EXPECT_EQ(Select("8.8.8.8", "10.0.0.1"), A("10.0.0.5"));
  EXPECT_EQ(Select("192.168.7.9"), A("192.168.7.5"));
}

TEST_F(SourceAddressTest, FamiliesAreApart) {
  Add("10.0.0.5/24");
  EXPECT_FALSE(SelectSource(table_, 0, A("2001:db8::1"), A("2001:db8::1")));
}

TEST_F(SourceAddressTest, ScopesAndLabels) {
  EXPECT_EQ(AddressScope(A("169.254.1.1")), 2);
  EXPECT_EQ(AddressScope(A("10.0.0.1")), 0xe);
  EXPECT_EQ(AddressScope(A("ff05::1")), 5);
  EXPECT_EQ(AddressScope(A("fec0::1")), 5);
  EXPECT_EQ(AddressScope(A("::1")), 2);
  EXPECT_EQ(AddressLabel(A("::1")), 0);
  EXPECT_EQ(AddressLabel(A("10.0.0.1")), 4);
  EXPECT_EQ(AddressLabel(A("2001::1")), 5);
  EXPECT_EQ(AddressLabel(A("fc00::1")), 13);
  EXPECT_EQ(AddressLabel(A("fdff::1")), 13);
  EXPECT_EQ(AddressLabel(A("2001:db8::1")), 1);
  EXPECT_EQ(AddressLabel(A("fec0::1")), 11);
  EXPECT_EQ(AddressLabel(A("3ffe::1")), 12);
}

}  // namespace
}  // namespace corelane::ip
