#include "grpc/wire/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace corelane::grpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Lines(const Metadata& metadata) {
  std::vector<std::string> lines;
  metadata.ForEachLine([&lines](std::string_view name, std::string_view value) {
    lines.push_back(std::string(name) + ": " + std::string(value));
  });
  return lines;
}

// What a message with these field lines shows.
class Message {
 public:
  explicit Message(const std::vector<std::pair<std::string, std::string>>& lines) {
    for (const auto& [name, value] : lines) {
      const auto at = static_cast<uint32_t>(text_.size());
      text_ += name + value;
      slots_.push_back({at, static_cast<uint32_t>(at + name.size()),
                        static_cast<uint32_t>(value.size()), static_cast<uint16_t>(name.size()),
                        http::FieldId::kOther});
    }
  }
  http::Fields fields() const { return {text_.data(), slots_}; }

 private:
  std::string text_;
  std::vector<http::FieldSlot> slots_;
};

TEST(MetadataTest, KeepsOrderAndRepeats) {
  Metadata metadata;
  metadata.Add("b", "1");
  metadata.Add("a.x_y-z", "two words");
  metadata.Add("b", "3");
  EXPECT_EQ(metadata.size(), 3u);
  EXPECT_EQ(metadata.Get("b"), "1");
  EXPECT_EQ(metadata.Get("c"), std::nullopt);
  EXPECT_THAT(metadata.GetAll("b"), ElementsAre("1", "3"));
  EXPECT_THAT(Lines(metadata), ElementsAre("b: 1", "a.x_y-z: two words", "b: 3"));
  metadata.Remove("b");
  EXPECT_THAT(Lines(metadata), ElementsAre("a.x_y-z: two words"));
  EXPECT_TRUE(metadata.status().ok());
}

TEST(MetadataTest, BinaryNamesTakeAnyBytes) {
  Metadata metadata;
  metadata.Add("x-bin", std::string_view("\0\xff", 2));
  EXPECT_TRUE(metadata.status().ok());
  EXPECT_THAT(Lines(metadata), ElementsAre("x-bin: AP8"));
}

TEST(MetadataTest, WhatCannotBeSentIsRemembered) {
  const std::pair<const char*, const char*> bad[] = {{"", "x"},
                                                     {"Upper", "x"},
                                                     {"sp ace", "x"},
                                                     {":path", "x"},
                                                     {"grpc-status", "0"},
                                                     {"te", "x"},
                                                     {"content-type", "x"},
                                                     {"connection", "x"},
                                                     {"a", "a\r\nb: c"},
                                                     {"a", " a"},
                                                     {"a", "\xc3\xa4"}};
  for (const auto& [name, value] : bad) {
    Metadata metadata;
    metadata.Add(name, value);
    EXPECT_TRUE(metadata.empty()) << name;
    EXPECT_EQ(metadata.status().code(), StatusCode::kInternal);
    EXPECT_THAT(metadata.status().message(), HasSubstr("metadata '" + std::string(name) + "': "));
    metadata.Add("good", "x");
    EXPECT_FALSE(metadata.status().ok());
    metadata.Clear();
    EXPECT_TRUE(metadata.status().ok());
  }
}

TEST(MetadataTest, ShowsWhatIsTheUsers) {
  const Message message({{"content-type", "application/grpc"},
                         {"te", "trailers"},
                         {"grpc-timeout", "1S"},
                         {"user-agent", "x"},
                         {"a", "1, 2"},
                         {"k-bin", "AP8, Zm8="},
                         {"e-bin", ""}});
  Metadata metadata;
  EXPECT_TRUE(metadata.Parse(message.fields()).ok());
  EXPECT_THAT(metadata,
              ElementsAre(Metadata::Entry("user-agent", "x"), Metadata::Entry("a", "1, 2"),
                          Metadata::Entry("k-bin", std::string("\0\xff", 2)),
                          Metadata::Entry("k-bin", "fo"), Metadata::Entry("e-bin", "")));
  const std::vector<std::pair<std::string, std::string>> lines = {{"k-bin", "A"}};
  const Message broken(lines);
  const Status bad = metadata.Parse(broken.fields());
  EXPECT_EQ(bad, Status(StatusCode::kInternal, "metadata 'k-bin': the value is no Base64"));
}

}  // namespace
}  // namespace corelane::grpc
