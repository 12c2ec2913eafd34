#include "driver/registry.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "core/packet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class NullDevice final : public Device {
 public:
  explicit NullDevice(DeviceInfo info) : info_(std::move(info)) {}
  const DeviceInfo& info() const override { return info_; }
  DeviceQueue& queue(size_t) override { std::abort(); }

 private:
  DeviceInfo info_;
};

absl::StatusOr<std::unique_ptr<Device>> OpenNull(const DeviceUri& uri, const OpenOptions& options) {
  OptionReader reader(uri);
  const OpenOptions taken = TakeCommonOptions(reader, options, 4, 9000);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  DeviceInfo info;
  info.name = uri.target;
  info.queues = taken.queues;
  info.mtu = taken.mtu;
  if (taken.mac) info.mac = *taken.mac;
  return std::make_unique<NullDevice>(info);
}

const RegisterDevice kNull("null", "null:NAME", &OpenNull);
const RegisterDevice kOther("alias", "alias:NAME", &OpenNull);

TEST(Registry, OpensByScheme) {
  const auto device = OpenDevice("null:x,queues=3", {.mtu = 4000});
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ((*device)->info().name, "x");
  EXPECT_EQ((*device)->info().queues, 3);
  EXPECT_EQ((*device)->info().mtu, 4000);
}

TEST(Registry, AnUnknownSchemeListsThoseLinkedIn) {
  const auto device = OpenDevice("tapp:x");
  EXPECT_EQ(device.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(device.status().message()),
              AllOf(HasSubstr("\"tapp:x\""), HasSubstr("scheme \"tapp\" is unknown"),
                    HasSubstr("knows: alias, null")));
}

TEST(Registry, ErrorsOfParsingAndOfThePluginComeThrough) {
  EXPECT_FALSE(OpenDevice("nothing").ok());
  EXPECT_THAT(std::string(OpenDevice("null:x,queues=5").status().message()),
              HasSubstr("from 1 to 4"));
  // What the program asks for is checked like what the URI says.
  EXPECT_THAT(std::string(OpenDevice("null:x", {.queues = 5}).status().message()),
              HasSubstr("at most 4"));
  EXPECT_THAT(std::string(OpenDevice("null:x", {.mtu = 20}).status().message()),
              HasSubstr("from 68 to 9000"));
}

TEST(Registry, UsagesAreSorted) {
  EXPECT_THAT(DeviceUsages(), ElementsAre("alias:NAME", "null:NAME"));
}

TEST(Registry, DataRoomHoldsAFrame) {
  EXPECT_EQ(DataRoomFor(1500), PacketPool::kDefaultDataRoom);
  EXPECT_GE(DataRoomFor(9000), PacketPool::kDefaultHeadroom + 9018);
}

}  // namespace
}  // namespace corelane::driver
