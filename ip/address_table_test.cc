#include "ip/address_table.h"

#include <string>

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

IpPrefix P(const char* text) { return *IpPrefix::Parse(text); }
IpAddress A(const char* text) { return *IpAddress::Parse(text); }

TEST(AddressTableTest, Ipv4UnicastAndBroadcast) {
  AddressTable table;
  ASSERT_TRUE(table.Add(1, P("10.0.0.5/24")).ok());
  EXPECT_EQ(table.Classify(1, A("10.0.0.5")), DestinationKind::kUnicast);
  EXPECT_EQ(table.Classify(1, A("10.0.0.255")), DestinationKind::kBroadcast);
  EXPECT_EQ(table.Classify(1, A("255.255.255.255")), DestinationKind::kBroadcast);
  EXPECT_EQ(table.Classify(1, A("224.0.0.1")), DestinationKind::kMulticast);
  EXPECT_EQ(table.Classify(1, A("10.0.0.6")), DestinationKind::kNotOurs);
  EXPECT_EQ(table.Classify(1, A("224.0.0.2")), DestinationKind::kNotOurs);
  // Strong host model: another interface does not own it.
  EXPECT_EQ(table.Classify(2, A("10.0.0.5")), DestinationKind::kNotOurs);
  EXPECT_TRUE(table.IsUnicast(1, A("10.0.0.5")));
  EXPECT_TRUE(table.IsBroadcast(1, A("10.0.0.255")));
}

TEST(AddressTableTest, Ipv6JoinsItsGroups) {
  AddressTable table;
  ASSERT_TRUE(table.Add(0, P("2001:db8::1234:5678/64")).ok());
  EXPECT_EQ(table.Classify(0, A("2001:db8::1234:5678")), DestinationKind::kUnicast);
  EXPECT_EQ(table.Classify(0, A("ff02::1")), DestinationKind::kMulticast);
  EXPECT_EQ(table.Classify(0, A("ff02::1:ff34:5678")), DestinationKind::kMulticast);
  EXPECT_EQ(table.Classify(0, A("ff02::1:ff34:5679")), DestinationKind::kNotOurs);
}

TEST(AddressTableTest, GroupsStayWhileAnAddressNeedsThem) {
  AddressTable table;
  ASSERT_TRUE(table.Add(0, P("2001:db8::1/64")).ok());
  ASSERT_TRUE(table.Add(0, P("fe80::1/64")).ok());  // the same solicited-node group
  ASSERT_TRUE(table.Remove(0, A("2001:db8::1")));
  EXPECT_EQ(table.Classify(0, A("ff02::1:ff00:1")), DestinationKind::kMulticast);
  EXPECT_EQ(table.Classify(0, A("2001:db8::1")), DestinationKind::kNotOurs);
  ASSERT_TRUE(table.Remove(0, A("fe80::1")));
  EXPECT_EQ(table.Classify(0, A("ff02::1:ff00:1")), DestinationKind::kNotOurs);
  EXPECT_EQ(table.Classify(0, A("ff02::1")), DestinationKind::kNotOurs);
  EXPECT_FALSE(table.Remove(0, A("fe80::1")));
}

TEST(AddressTableTest, Groups) {
  AddressTable table;
  EXPECT_FALSE(table.JoinGroup(0, A("10.0.0.1")));
  EXPECT_TRUE(table.JoinGroup(0, A("239.1.2.3")));
  EXPECT_TRUE(table.JoinGroup(0, A("239.1.2.3")));
  EXPECT_TRUE(table.LeaveGroup(0, A("239.1.2.3")));
  EXPECT_EQ(table.Classify(0, A("239.1.2.3")), DestinationKind::kMulticast);
  EXPECT_TRUE(table.LeaveGroup(0, A("239.1.2.3")));
  EXPECT_EQ(table.Classify(0, A("239.1.2.3")), DestinationKind::kNotOurs);
  EXPECT_FALSE(table.LeaveGroup(0, A("239.1.2.3")));
}

TEST(AddressTableTest, TentativeAddressesAreNotOursYet) {
  AddressTable table;
  ASSERT_TRUE(table.Add(0, P("2001:db8::1/64"), AddressState::kTentative).ok());
  EXPECT_EQ(table.Classify(0, A("2001:db8::1")), DestinationKind::kNotOurs);
  EXPECT_EQ(table.Classify(0, A("ff02::1:ff00:1")), DestinationKind::kMulticast);
  ASSERT_NE(table.Find(A("2001:db8::1")), nullptr);
  ASSERT_TRUE(table.SetState(0, A("2001:db8::1"), AddressState::kPreferred));
  EXPECT_EQ(table.Classify(0, A("2001:db8::1")), DestinationKind::kUnicast);
  EXPECT_FALSE(table.SetState(0, A("2001:db8::2"), AddressState::kPreferred));
}

TEST(AddressTableTest, PointToPointPrefixesHaveNoBroadcast) {
  AddressTable table;
  ASSERT_TRUE(table.Add(0, P("10.0.0.1/31")).ok());
  ASSERT_TRUE(table.Add(0, P("10.0.1.0/31")).ok());
  ASSERT_TRUE(table.Add(0, P("10.0.2.1/32")).ok());
  EXPECT_EQ(table.Classify(0, A("10.0.0.0")), DestinationKind::kNotOurs);
  EXPECT_EQ(SubnetBroadcast(P("10.0.0.1/31")), Ipv4Address::Broadcast());
  EXPECT_EQ(SubnetBroadcast(P("172.16.5.5/12")), Ipv4Address(172, 31, 255, 255));
}

TEST(AddressTableTest, ErrorsNameTheAddress) {
  AddressTable table;
  for (const char* bad :
       {"10.0.0.0/24", "10.0.0.255/24", "224.0.0.1/24", "127.0.0.1/8", "0.0.0.0/24",
        "255.255.255.255/32", "::/64", "::1/128", "ff02::1/64", "10.0.0.1/0"}) {
    const absl::Status status = table.Add(0, P(bad));
    EXPECT_FALSE(status.ok()) << bad;
    EXPECT_NE(std::string(status.message()).find(bad), std::string::npos) << status;
  }
  ASSERT_TRUE(table.Add(0, P("10.0.0.1/24")).ok());
  EXPECT_FALSE(table.Add(0, P("10.0.0.1/16")).ok());
  EXPECT_TRUE(table.Add(1, P("10.0.0.1/24")).ok());
}

TEST(AddressTableTest, GenerationFollowsEveryChange) {
  AddressTable table;
  uint64_t last = table.generation();
  const auto changed = [&] {
    return std::exchange(last, table.generation()) != table.generation();
  };
  ASSERT_TRUE(table.Add(0, P("10.0.0.1/24")).ok());
  EXPECT_TRUE(changed());
  table.SetState(0, A("10.0.0.1"), AddressState::kDeprecated);
  EXPECT_TRUE(changed());
  table.Remove(0, A("10.0.0.1"));
  EXPECT_TRUE(changed());
  table.Remove(0, A("10.0.0.1"));
  EXPECT_FALSE(changed());
}

}  // namespace
}  // namespace corelane::ip
