#include "http/ws/mask.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/random.h"

namespace corelane::ws {
namespace {

std::string Plainly(std::string bytes, const MaskKey& key, uint64_t offset) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ static_cast<char>(key[(offset + i) % 4]));
  }
  return bytes;
}

TEST(Mask, AgreesWithThePlainLoopAtEveryOffsetSizeAndAlignment) {
  Random random(1);
  std::string bytes(160, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next64());
  const MaskKey key = {0x01, 0x82, 0xf3, 0x44};
  for (uint64_t offset : {0u, 1u, 2u, 3u, 4u, 7u}) {
    for (size_t from = 0; from < 17; ++from) {
      for (size_t size = 0; size <= 130; ++size) {
        std::string masked = bytes;
        ApplyMask({masked.data() + from, size}, key, offset);
        const std::string expected = bytes.substr(0, from) +
                                     Plainly(bytes.substr(from, size), key, offset) +
                                     bytes.substr(from + size);
        ASSERT_EQ(masked, expected) << offset << " " << from << " " << size;
      }
    }
  }
}

TEST(Mask, PiecesDoNotMatter) {
  const std::string bytes(100, 'a');
  const MaskKey key = {9, 8, 7, 6};
  const std::string expected = Plainly(bytes, key, 0);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    std::string masked = bytes;
    ApplyMask({masked.data(), cut}, key, 0);
    ApplyMask({masked.data() + cut, bytes.size() - cut}, key, cut);
    EXPECT_EQ(masked, expected) << cut;
  }
}

TEST(Mask, AnOffsetAboveFourGibibytes) {
  std::string masked = "abcdef";
  const MaskKey key = {1, 2, 3, 4};
  ApplyMask(masked, key, (uint64_t{1} << 40) + 3);
  EXPECT_EQ(masked, Plainly("abcdef", key, 3));
}

}  // namespace
}  // namespace corelane::ws
