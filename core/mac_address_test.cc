#include "core/mac_address.h"

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(MacAddress, ParsesAndPrints) {
  const auto address = MacAddress::Parse("02:00:5E:a0:0b:ff");
  ASSERT_TRUE(address);
  EXPECT_EQ(*address, MacAddress(2, 0, 0x5e, 0xa0, 0x0b, 0xff));
  EXPECT_EQ(address->ToString(), "02:00:5e:a0:0b:ff");
  EXPECT_EQ(MacAddress::Parse("02-00-5e-a0-0b-ff"), address);
  EXPECT_EQ(MacAddress::FromBytes(address->bytes().data()), *address);
}

TEST(MacAddress, RejectsWhatIsNotSixNumbers) {
  for (const char* text : {"", "02:00:5e:a0:0b", "02:00:5e:a0:0b:f", "02:00:5e:a0:0b:fff",
                           "02:00:5e:a0:0b:fg", "02:00:5e:a0-0b:ff", "02005ea00bff",
                           "02 00 5e a0 0b ff", "+2:00:5e:a0:0b:ff", "02:00:5e:a0:0b:ff:00"}) {
    EXPECT_FALSE(MacAddress::Parse(text)) << text;
  }
}

TEST(MacAddress, Classes) {
  EXPECT_TRUE(MacAddress::kBroadcast.IsBroadcast());
  EXPECT_TRUE(MacAddress::kBroadcast.IsMulticast());
  EXPECT_TRUE(MacAddress(0x33, 0x33, 0, 0, 0, 1).IsMulticast());
  EXPECT_FALSE(MacAddress(0x33, 0x33, 0, 0, 0, 1).IsBroadcast());
  EXPECT_FALSE(MacAddress(2, 0, 0, 0, 0, 1).IsMulticast());
  EXPECT_TRUE(MacAddress().IsZero());
  EXPECT_LT(MacAddress(1, 0, 0, 0, 0, 9), MacAddress(2, 0, 0, 0, 0, 0));
}

}  // namespace
}  // namespace corelane
