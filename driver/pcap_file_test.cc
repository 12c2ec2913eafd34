#include "driver/pcap_file.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "driver/frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using End = PcapReader::End;

void Word(std::vector<uint8_t>& to, uint32_t word, bool big_endian = false) {
  for (int i = 0; i < 4; ++i) {
    to.push_back(static_cast<uint8_t>(word >> 8 * (big_endian ? 3 - i : i)));
  }
}

std::vector<uint8_t> Header(uint32_t magic = 0xa1b23c4d, bool big_endian = false,
                            uint32_t link_type = 1) {
  std::vector<uint8_t> bytes;
  for (const uint32_t word : {magic, 0x00040002u, 0u, 0u, 65535u, link_type}) {
    Word(bytes, word, big_endian);
  }
  return bytes;
}

void Record(std::vector<uint8_t>& to, uint32_t seconds, uint32_t fraction,
            std::vector<uint8_t> bytes, bool big_endian = false) {
  const auto size = static_cast<uint32_t>(bytes.size());
  for (const uint32_t word : {seconds, fraction, size, size + 5}) Word(to, word, big_endian);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

TEST(PcapReader, ReadsBothByteOrdersAndResolutions) {
  for (const bool big_endian : {false, true}) {
    for (const bool nano : {false, true}) {
      auto file = Header(nano ? 0xa1b23c4d : 0xa1b2c3d4, big_endian);
      Record(file, 7, 250, {1, 2, 3}, big_endian);
      Record(file, 8, 0, {}, big_endian);
      auto reader = PcapReader::Open(file, "f");
      ASSERT_TRUE(reader.ok()) << reader.status();
      for (int round = 0; round < 2; ++round) {
        const auto first = reader->Next();
        ASSERT_TRUE(first.has_value());
        EXPECT_EQ(first->time.count(), 7'000'000'000 + (nano ? 250 : 250'000));
        EXPECT_EQ(first->length, 8u);
        EXPECT_THAT(first->bytes, ElementsAre(1, 2, 3));
        EXPECT_TRUE(reader->Next().has_value());
        EXPECT_FALSE(reader->Next().has_value());
        EXPECT_EQ(reader->end(), End::kEndOfFile);
        reader->Rewind();
      }
    }
  }
}

TEST(PcapReader, TruncationAtEveryLengthIsTold) {
  auto file = Header();
  Record(file, 1, 0, {1, 2, 3, 4});
  const size_t whole = file.size();
  Record(file, 2, 0, {5, 6});
  for (size_t n = 0; n < file.size(); ++n) {
    const std::vector<uint8_t> cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(n));
    auto reader = PcapReader::Open(cut, "f");
    ASSERT_EQ(reader.ok(), n >= 24) << n;
    if (!reader.ok()) continue;
    size_t records = 0;
    while (reader->Next()) ++records;
    EXPECT_EQ(records, n >= whole ? 1u : 0u);
    EXPECT_EQ(reader->end(), n == 24 || n == whole ? End::kEndOfFile : End::kTruncated) << n;
  }
}

TEST(PcapReader, AnImpossibleLengthIsCorrupt) {
  auto file = Header();
  for (const uint32_t word : {1u, 0u, 262145u, 262145u}) Word(file, word);
  file.resize(file.size() + 300000);
  auto reader = PcapReader::Open(file, "f");
  ASSERT_TRUE(reader.ok());
  EXPECT_FALSE(reader->Next().has_value());
  EXPECT_EQ(reader->end(), End::kCorrupt);
  EXPECT_FALSE(reader->Next().has_value());
}

TEST(PcapReader, ErrorsNameTheFileAndWhatIsWrong) {
  const auto error = [](const std::vector<uint8_t>& bytes) {
    return std::string(PcapReader::Open(bytes, "x.pcap").status().message());
  };
  EXPECT_THAT(error({}), AllOf(HasSubstr("\"x.pcap\""), HasSubstr("0 bytes")));
  EXPECT_THAT(error(Header(0x0a0d0d0a)), HasSubstr("editcap"));
  EXPECT_THAT(error(Header(0x12345678)), HasSubstr("magic"));
  EXPECT_THAT(error(Header(0xa1b2c3d4, false, 113)), HasSubstr("link type 113"));
}

class PcapFileTest : public testing::Test {
 protected:
  ~PcapFileTest() override { std::remove(path_.c_str()); }
  std::string path_ = testing::TempDir() + "pcap_file_test.pcap";
};

TEST_F(PcapFileTest, WhatIsWrittenIsRead) {
  PacketPool pool(8, 256, 0);
  {
    auto file = PcapFile::Create(path_);
    ASSERT_TRUE(file.ok()) << file.status();
    PcapBuffer buffer(*file, std::chrono::seconds(1'700'000'000));
    const std::vector<uint8_t> bytes(1000, 7);  // four segments
    const PacketBuf large = PacketFromBytes(bytes, pool);
    buffer.Add(Instant(Duration(5)), *large.head());
    const PcapBuffer::Mark mark = buffer.mark();
    buffer.Add(Instant(Duration(6)), *large.head());
    buffer.TakeBack(mark);
    const PacketBuf tagged = PacketFromBytes(std::span(bytes).first(20), pool);
    tagged->flags = PacketHead::kHasVlan;
    tagged->vlan_tci = 0x2007;
    buffer.Add(Instant(Duration(7)), *tagged.head());
    EXPECT_EQ(buffer.lost(), 0u);
  }
  const auto bytes = ReadFileBytes(path_);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto reader = PcapReader::Open(*bytes, path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto first = reader->Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->time.count(), 1'700'000'000'000'000'005);
  EXPECT_EQ(first->length, 1000u);
  EXPECT_EQ(first->bytes.size(), 1000u);
  const auto second = reader->Next();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->time.count(), 1'700'000'000'000'000'007);
  EXPECT_THAT(second->bytes.subspan(10),
              ElementsAre(7, 7, 0x81, 0x00, 0x20, 0x07, 7, 7, 7, 7, 7, 7, 7, 7));
  EXPECT_FALSE(reader->Next().has_value());
  EXPECT_EQ(reader->end(), End::kEndOfFile);
}

TEST_F(PcapFileTest, ErrorsNameThePathAndTheReason) {
  EXPECT_THAT(std::string(PcapFile::Create("/nowhere/x.pcap").status().message()),
              AllOf(HasSubstr("\"/nowhere/x.pcap\""), HasSubstr("No such file")));
  EXPECT_THAT(std::string(ReadFileBytes("/nowhere/x.pcap").status().message()),
              AllOf(HasSubstr("\"/nowhere/x.pcap\""), HasSubstr("No such file")));
  EXPECT_THAT(std::string(ReadFileBytes("/").status().message()), HasSubstr("directory"));
}

TEST_F(PcapFileTest, AFullDiskIsAnErrorAtTheStart) {
  EXPECT_THAT(std::string(PcapFile::Create("/dev/full").status().message()),
              HasSubstr("No space left"));
}

TEST_F(PcapFileTest, AFullDiskLaterLosesAndCounts) {
  auto file = PcapFile::Create(path_);
  ASSERT_TRUE(file.ok());
  PcapBuffer buffer(*file, Duration(0));
  PacketPool pool(1);
  const PacketBuf packet = PacketFromBytes(std::vector<uint8_t>(60, 7), pool);
  // A limit on the size of files stands for a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 150;
  setrlimit(RLIMIT_FSIZE, &limit);
  for (int i = 0; i < 3; ++i) {
    buffer.Add(Instant(), *packet.head());
    buffer.Flush();
    EXPECT_EQ(buffer.lost(), static_cast<uint64_t>(i));
  }
  setrlimit(RLIMIT_FSIZE, &before);
}

}  // namespace
}  // namespace corelane::driver
