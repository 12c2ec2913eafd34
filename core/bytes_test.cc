#include "core/bytes.h"

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(Bytes, LoadsAndStoresNetworkOrderAtAnyAlignment) {
  for (int at = 0; at < 8; ++at) {
    uint8_t memory[17] = {};
    uint8_t* p = memory + at;
    StoreBe16(p, 0x0102);
    EXPECT_EQ(p[0], 1);
    EXPECT_EQ(p[1], 2);
    EXPECT_EQ(LoadBe16(p), 0x0102);
    StoreBe32(p, 0x81828384);
    EXPECT_EQ(p[0], 0x81);
    EXPECT_EQ(p[3], 0x84);
    EXPECT_EQ(LoadBe32(p), 0x81828384);
    StoreBe64(p, 0xf1f2f3f4f5f6f7f8);
    EXPECT_EQ(p[0], 0xf1);
    EXPECT_EQ(p[7], 0xf8);
    EXPECT_EQ(LoadBe64(p), 0xf1f2f3f4f5f6f7f8);
    EXPECT_EQ(p[8], 0);
  }
}

TEST(Bytes, FieldsLieOverWireBytes) {
  struct Header {
    uint8_t kind;
    Be16 port;
    Be32 address;
    Be64 stamp;
  };
  static_assert(sizeof(Header) == 15);
  constexpr Header header{7, Be16(0x1234), Be32(0x01020304), Be64(0xa1a2a3a4a5a6a7a8)};
  static_assert(header.port.value() == 0x1234);
  static_assert(header.address == Be32(0x01020304));
  static_assert(!(header.stamp == Be64(0)));
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  EXPECT_EQ(bytes[1], 0x12);
  EXPECT_EQ(bytes[3], 0x01);
  EXPECT_EQ(bytes[14], 0xa8);
}

}  // namespace
}  // namespace corelane
