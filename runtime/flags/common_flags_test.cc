#include "runtime/flags/common_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sstream>

namespace corelane::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr MacAddress kMac(2, 0, 0, 0, 0, 1);

class CommonFlagsTest : public testing::Test {
 protected:
  std::optional<int> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "prog");
    FlagParser parser("prog", "Does something.");
    AddCommonFlags(parser, common_);
    return parser.Parse(static_cast<int>(arguments.size()), arguments.data(), out_, err_);
  }

  std::string Error(std::vector<const char*> arguments) {
    EXPECT_EQ(Parse(std::move(arguments)), 2);
    return err_.str();
  }

  CommonFlags common_{
      .device = "ring:",
      .addresses = {*IpPrefix::Parse("10.77.0.2/24"), *IpPrefix::Parse("fd77::2/64")},
      .gateways = {*IpAddress::Parse("10.77.0.1")},
      .neighbors = {{*IpAddress::Parse("10.77.0.9"), kMac}},
      .listen = Endpoint::Parse("127.0.0.1:8080"),
      .seconds = std::nullopt,
      .capture = "",
  };
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommonFlagsTest, Defaults) {
  const CommonFlags before = common_;
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(common_.addresses, before.addresses);
  EXPECT_EQ(common_.gateways, before.gateways);
  EXPECT_EQ(common_.neighbors, before.neighbors);
  EXPECT_EQ(common_.listen, before.listen);
  EXPECT_EQ(common_.seconds, std::nullopt);
  EXPECT_EQ(common_.device_scheme(), "ring");
  EXPECT_FALSE(common_.on_kernel());
}

TEST_F(CommonFlagsTest, AllOfThem) {
  EXPECT_EQ(Parse({"--device", "tap:corelane0,queues=2", "--address", "192.0.2.5/28", "--address",
                   "2001:db8::5/64", "--gateway", "192.0.2.1", "--gateway", "fe80::1", "--neighbor",
                   "192.0.2.1=02:00:00:00:00:01", "--listen", "192.0.2.5:80", "--seconds", "2.5",
                   "--capture", "x.pcap"}),
            std::nullopt)
      << err_.str();
  EXPECT_EQ(common_.device, "tap:corelane0,queues=2");
  EXPECT_EQ(common_.device_scheme(), "tap");
  EXPECT_THAT(common_.addresses,
              ElementsAre(*IpPrefix::Parse("192.0.2.5/28"), *IpPrefix::Parse("2001:db8::5/64")));
  EXPECT_THAT(common_.gateways,
              ElementsAre(*IpAddress::Parse("192.0.2.1"), *IpAddress::Parse("fe80::1")));
  EXPECT_THAT(common_.neighbors, ElementsAre(StaticNeighbor{*IpAddress::Parse("192.0.2.1"), kMac}));
  EXPECT_EQ(common_.listen, Endpoint::Parse("192.0.2.5:80"));
  EXPECT_EQ(common_.seconds, std::chrono::milliseconds(2500));
  EXPECT_EQ(common_.capture, "x.pcap");
}

TEST_F(CommonFlagsTest, AVlanMayHaveAPriority) {
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(common_.vlan, std::nullopt);
  EXPECT_EQ(Parse({"--vlan=7"}), std::nullopt) << err_.str();
  EXPECT_EQ(common_.vlan, (Vlan{.id = 7}));
  EXPECT_EQ(Parse({"--vlan=4094:3"}), std::nullopt) << err_.str();
  EXPECT_EQ(common_.vlan, (Vlan{.id = 4094, .priority = 3}));
}

TEST_F(CommonFlagsTest, HelpShowsTheDefaults) {
  EXPECT_EQ(Parse({"--help"}), 0);
  for (const char* text :
       {"--device URI", "(default ring:)", "--address ADDR/LEN", "--gateway ADDR",
        "--neighbor ADDR=MAC", "--vlan ID[:PRIORITY]", "--listen ADDR:PORT", "--seconds S",
        "--capture FILE", "10.77.0.2/24 fd77::2/64"}) {
    EXPECT_THAT(out_.str(), HasSubstr(text));
  }
}

TEST_F(CommonFlagsTest, GivenAddressesDropDefaultsOutOfReach) {
  EXPECT_EQ(Parse({"--address=192.0.2.5/28"}), std::nullopt) << err_.str();
  EXPECT_THAT(common_.gateways, IsEmpty());
  EXPECT_THAT(common_.neighbors, IsEmpty());
}

TEST_F(CommonFlagsTest, GivenAddressesKeepDefaultsInReach) {
  EXPECT_EQ(Parse({"--address=10.77.0.3/24"}), std::nullopt) << err_.str();
  EXPECT_EQ(common_.gateways.size(), 1u);
  EXPECT_EQ(common_.neighbors.size(), 1u);
}

TEST_F(CommonFlagsTest, KernelTakesListenAndSeconds) {
  EXPECT_EQ(Parse({"--device=kernel:", "--listen=0.0.0.0:0", "--seconds=1"}), std::nullopt);
  EXPECT_TRUE(common_.on_kernel());
}

struct Case {
  std::vector<const char*> arguments;
  const char* error;  // Without "prog: " and the end of the line.
};

class CommonFlagsErrorTest : public CommonFlagsTest, public testing::WithParamInterface<Case> {};

TEST_P(CommonFlagsErrorTest, EndsInOneClearLine) {
  EXPECT_EQ(Error(GetParam().arguments), std::string("prog: ") + GetParam().error + "\n");
  EXPECT_EQ(out_.str(), "");
}

constexpr char kAddress[] = "a host's ADDR/LEN such as 10.77.0.2/24 or fd77::2/64";

std::vector<Case> AddressCases() {
  static std::vector<std::string> texts;
  std::vector<Case> cases;
  const std::vector<const char*> wrong = {
      "10.0.0.1",     "10.0.0.1/33", "10.0.0/24",    "10.0.0.1/",   "/24",
      "::1",          "fd77::1/129", "0.0.0.0/8",    "10.0.0.0/24", "10.0.0.255/24",
      "224.0.0.1/24", "ff02::1/64",  "127.0.0.1/8",  "::1/128",     "255.255.255.255/32",
      "10.0.0.1/0",   "host/24",     "10.0.0.1 /24", "10.0.0.1/2 4"};
  texts.reserve(wrong.size());
  for (const char* text : wrong) {
    texts.push_back("--address: value '" + std::string(text) + "': expected " + kAddress);
    cases.push_back({{"--address", text}, texts.back().c_str()});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Address, CommonFlagsErrorTest, testing::ValuesIn(AddressCases()));

INSTANTIATE_TEST_SUITE_P(
    Value, CommonFlagsErrorTest,
    testing::Values(
        Case{{"--device", "tap"},
             "--device: value 'tap': expected SCHEME:DETAILS such as ring:, tap:corelane0 or "
             "kernel:"},
        Case{{"--device", ":x"},
             "--device: value ':x': expected SCHEME:DETAILS such as ring:, tap:corelane0 or "
             "kernel:"},
        Case{{"--gateway", "10.0.0.1/24"},
             "--gateway: value '10.0.0.1/24': expected a host's address such as 10.77.0.1 or "
             "fd77::1"},
        Case{{"--gateway", "224.0.0.1"},
             "--gateway: value '224.0.0.1': expected a host's address such as 10.77.0.1 or "
             "fd77::1"},
        Case{{"--neighbor", "10.77.0.1"},
             "--neighbor: value '10.77.0.1': expected ADDR=MAC of a host such as "
             "10.77.0.1=02:00:00:00:00:01"},
        Case{{"--neighbor", "10.77.0.1=02:00:00:00:00"},
             "--neighbor: value '10.77.0.1=02:00:00:00:00': expected ADDR=MAC of a host such as "
             "10.77.0.1=02:00:00:00:00:01"},
        Case{{"--neighbor", "10.77.0.1=ff:ff:ff:ff:ff:ff"},
             "--neighbor: value '10.77.0.1=ff:ff:ff:ff:ff:ff': expected ADDR=MAC of a host such as "
             "10.77.0.1=02:00:00:00:00:01"},
        Case{{"--vlan", "4095"},
             "--vlan: value '4095': expected an id from 1 to 4094, alone or with a priority from 0 "
             "to 7, such as 7 or 7:3"},
        Case{{"--vlan", "7:8"},
             "--vlan: value '7:8': expected an id from 1 to 4094, alone or with a priority from 0 "
             "to 7, such as 7 or 7:3"},
        Case{{"--listen", "8080"},
             "--listen: value '8080': expected ADDR:PORT such as 127.0.0.1:8080 or [::1]:8080"},
        Case{{"--seconds", "0"},
             "--seconds: value '0': expected a positive number of seconds such as 10 or 0.5"},
        Case{{"--seconds", "soon"},
             "--seconds: value 'soon': expected a positive number of seconds such as 10 or 0.5"},
        Case{{"--capture", ""}, "--capture: value '': expected the name of a file to write"},
        Case{{"--capture"}, "--capture: no value: expected the name of a file to write"},
        Case{{"--seconds=1", "--seconds=2"}, "--seconds: given 2 times: expected once"}));

INSTANTIATE_TEST_SUITE_P(
    Together, CommonFlagsErrorTest,
    testing::Values(
        Case{{"--device=kernel:x"},
             "--device: value 'kernel:x': expected kernel: alone, it has "
             "no options"},
        Case{{"--device=kernel:", "--address=10.0.0.1/24"},
             "--address: cannot go with --device kernel:: expected a device that carries frames, "
             "such as ring: or tap:NAME"},
        Case{{"--device=kernel:", "--vlan=7"},
             "--vlan: cannot go with --device kernel:: expected a device that carries frames, "
             "such as ring: or tap:NAME"},
        Case{{"--device=kernel:", "--capture=x"},
             "--capture: cannot go with --device kernel:: expected a device that carries frames, "
             "such as ring: or tap:NAME"},
        Case{{"--address=10.0.0.1/24", "--address=10.0.0.1/16"},
             "--address: value '10.0.0.1/16' is there twice: expected each address once"},
        Case{{"--gateway=10.78.0.1"},
             "--gateway: value '10.78.0.1' is in the network of no --address: expected an address "
             "in one of them"},
        Case{{"--gateway=10.77.0.2"},
             "--gateway: value '10.77.0.2' is an --address of this host: expected another host's"},
        Case{{"--gateway=10.77.0.1", "--gateway=10.77.0.3"},
             "--gateway: value '10.77.0.3' is the second of its family: expected at most one for "
             "IPv4 and one for IPv6"},
        Case{{"--neighbor=10.78.0.1=02:00:00:00:00:01"},
             "--neighbor: value '10.78.0.1=02:00:00:00:00:01' is in the network of no --address: "
             "expected an address in one of them"},
        Case{{"--neighbor=10.77.0.2=02:00:00:00:00:01"},
             "--neighbor: value '10.77.0.2=02:00:00:00:00:01' is an --address of this host: "
             "expected another host's"},
        Case{{"--neighbor=10.77.0.1=02:00:00:00:00:01", "--neighbor=10.77.0.1=02:00:00:00:00:02"},
             "--neighbor: value '10.77.0.1=02:00:00:00:00:02' is the second for its address: "
             "expected each address once"},
        Case{{"--device=tap:x", "--listen=10.78.0.1:80"},
             "--listen: value '10.78.0.1:80' is no --address of this host: expected one of them, "
             "or 0.0.0.0:PORT for all"},
        Case{{"--device=tap:x", "--listen=10.77.0.2:0"},
             "--listen: value '10.77.0.2:0': expected a port from 1 to 65535"}));

}  // namespace
}  // namespace corelane::runtime
