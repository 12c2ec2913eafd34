#include "ip/route_table.h"

#include <string>

#include "core/random.h"
#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

IpPrefix P(const char* text) { return *IpPrefix::Parse(text); }
IpAddress A(const char* text) { return *IpAddress::Parse(text); }

Route Via(const char* prefix, const char* gateway, uint16_t interface = 0) {
  Route route;
  route.prefix = P(prefix);
  route.gateway = A(gateway);
  route.interface = interface;
  return route;
}

TEST(RouteTableTest, LongestPrefixWins) {
  RouteTable table;
  ASSERT_TRUE(table.AddConnected(0, P("10.0.0.5/24")).ok());
  ASSERT_TRUE(table.Add(Via("0.0.0.0/0", "10.0.0.1")).ok());
  ASSERT_TRUE(table.Add(Via("10.1.0.0/16", "10.0.0.2")).ok());
  ASSERT_TRUE(table.Add(Via("10.1.2.0/24", "10.0.0.3")).ok());
  EXPECT_EQ(table.Lookup(A("10.1.2.9"))->NextHop(A("10.1.2.9")), A("10.0.0.3"));
  EXPECT_EQ(table.Lookup(A("10.1.3.9"))->NextHop(A("10.1.3.9")), A("10.0.0.2"));
  EXPECT_EQ(table.Lookup(A("8.8.8.8"))->NextHop(A("8.8.8.8")), A("10.0.0.1"));
  EXPECT_EQ(table.Lookup(A("10.0.0.77"))->NextHop(A("10.0.0.77")), A("10.0.0.77"));
  EXPECT_EQ(table.Lookup(A("2001:db8::1")), nullptr);
}

TEST(RouteTableTest, FamiliesAreApart) {
  RouteTable table;
  ASSERT_TRUE(table.AddConnected(0, P("2001:db8::5/64")).ok());
  ASSERT_TRUE(table.Add(Via("::/0", "fe80::1")).ok());
  EXPECT_NE(table.Lookup(A("2001:db8:9::1")), nullptr);
  EXPECT_FALSE(table.Lookup(A("2001:db8::9"))->gateway);
  // ::/0 does not cover v4-mapped IPv4 addresses.
  EXPECT_EQ(table.Lookup(A("10.0.0.1")), nullptr);
}

TEST(RouteTableTest, SmallerMetricWinsAndInterfacesCanBeAsked) {
  RouteTable table;
  Route a;
  a.prefix = P("10.0.0.0/24");
  a.interface = 1;
  a.metric = 20;
  Route b = a;
  b.interface = 2;
  b.metric = 10;
  ASSERT_TRUE(table.Add(a).ok());
  ASSERT_TRUE(table.Add(b).ok());
  EXPECT_EQ(table.Lookup(A("10.0.0.9"))->interface, 2);
  EXPECT_EQ(table.LookupOn(1, A("10.0.0.9"))->interface, 1);
  EXPECT_EQ(table.LookupOn(3, A("10.0.0.9")), nullptr);
  table.RemoveInterface(2);
  EXPECT_EQ(table.Lookup(A("10.0.0.9"))->interface, 1);
}

TEST(RouteTableTest, AddReplacesAndRemoveRemoves) {
  RouteTable table;
  Route route;
  route.prefix = P("10.0.0.77/24");
  ASSERT_TRUE(table.Add(route).ok());
  route.mtu = 1400;
  const uint64_t before = table.generation();
  ASSERT_TRUE(table.Add(route).ok());
  EXPECT_NE(table.generation(), before);
  EXPECT_EQ(table.routes().size(), 1u);
  EXPECT_EQ(table.Lookup(A("10.0.0.1"))->mtu, 1400u);
  EXPECT_TRUE(table.Remove(0, P("10.0.0.0/24")));
  EXPECT_FALSE(table.Remove(0, P("10.0.0.0/24")));
  EXPECT_EQ(table.Lookup(A("10.0.0.1")), nullptr);
}

TEST(RouteTableTest, ErrorsNameTheRoute) {
  RouteTable table;
  ASSERT_TRUE(table.AddConnected(0, P("10.0.0.5/24")).ok());
  for (const Route& bad : {Via("0.0.0.0/0", "10.0.1.1"), Via("0.0.0.0/0", "fe80::1"),
                           Via("0.0.0.0/0", "224.0.0.1"), Via("0.0.0.0/0", "10.0.0.1", 1)}) {
    const absl::Status status = table.Add(bad);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(std::string(status.message()).find("0.0.0.0/0"), std::string::npos) << status;
    EXPECT_NE(std::string(status.message()).find(bad.gateway->ToString()), std::string::npos)
        << status;
  }
  // A gateway behind a gateway is none.
  ASSERT_TRUE(table.Add(Via("10.9.0.0/16", "10.0.0.1")).ok());
  EXPECT_FALSE(table.Add(Via("0.0.0.0/0", "10.9.0.1")).ok());
}

TEST(RouteTableTest, AgreesWithALinearSearch) {
  Random random(3);
  RouteTable table;
  for (int i = 0; i < 500; ++i) {
    Route route;
    route.prefix =
        IpPrefix{Ipv4Address(random.Next32() & 0x0fffffff), static_cast<uint8_t>(random.Below(33))}
            .Masked();
    route.interface = static_cast<uint16_t>(i);
    ASSERT_TRUE(table.Add(route).ok());
  }
  for (int i = 0; i < 2000; ++i) {
    const IpAddress address = Ipv4Address(random.Next32() & 0x0fffffff);
    int longest = -1;
    for (const Route& route : table.routes()) {
      if (route.prefix.Contains(address)) longest = std::max<int>(longest, route.prefix.length);
    }
    const Route* found = table.Lookup(address);
    ASSERT_EQ(found == nullptr ? -1 : found->prefix.length, longest) << address.ToString();
    if (found != nullptr) {
      ASSERT_TRUE(found->prefix.Contains(address));
    }
  }
}

TEST(RouteTableTest, AnotherTablesRoutesReplaceItsOwn) {
  RouteTable table;
  ASSERT_TRUE(table.AddConnected(0, P("10.0.0.5/24")).ok());
  RouteTable other;
  ASSERT_TRUE(other.AddConnected(1, P("10.1.0.5/24")).ok());
  ASSERT_TRUE(other.Add(Via("0.0.0.0/0", "10.1.0.1", 1)).ok());
  const uint64_t before = table.generation();
  table.Replace(other);
  EXPECT_NE(table.generation(), before);
  EXPECT_EQ(table.Lookup(A("10.0.0.7"))->NextHop(A("10.0.0.7")), A("10.1.0.1"));
  EXPECT_EQ(table.Lookup(A("10.1.0.7"))->interface, 1);
  // They are its own from now on.
  other.RemoveInterface(1);
  EXPECT_EQ(table.routes().size(), 2u);
  table.Replace(other);
  EXPECT_EQ(table.Lookup(A("10.1.0.7")), nullptr);
}

}  // namespace
}  // namespace corelane::ip
