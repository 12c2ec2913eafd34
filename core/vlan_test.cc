#include "core/vlan.h"

#include <gtest/gtest.h>

namespace corelane {
namespace {

TEST(Vlan, ReadsAndPrints) {
  EXPECT_EQ(Vlan::Parse("7"), (Vlan{.id = 7}));
  EXPECT_EQ(Vlan::Parse("4094:7"), (Vlan{.id = 4094, .priority = 7}));
  EXPECT_EQ(Vlan::Parse("1:0"), Vlan());
  for (const char* text : {"1", "4094", "12:5"}) {
    EXPECT_EQ(Vlan::Parse(text).value().ToString(), text);
  }
}

TEST(Vlan, RefusesWhatIsNone) {
  for (const char* text : {"", "0", "4095", "65543", "-1", "+7", " 7", "7 ", "0x7", "7:", ":3",
                           "7:8", "7:-1", "7:3:1", "seven"}) {
    EXPECT_EQ(Vlan::Parse(text), std::nullopt) << text;
  }
  EXPECT_TRUE(Vlan().IsValid());
  EXPECT_FALSE((Vlan{.id = 0}).IsValid());
  EXPECT_FALSE((Vlan{.id = 4095}).IsValid());
  EXPECT_FALSE((Vlan{.id = 1, .priority = 8}).IsValid());
}

TEST(Vlan, TagControlInformation) {
  EXPECT_EQ((Vlan{.id = 0xabc, .priority = 7}).tci(), 0xeabc);
  EXPECT_EQ(Vlan::IdOf(0xfabc), 0xabc);
}

}  // namespace
}  // namespace corelane
