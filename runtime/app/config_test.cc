#include "runtime/app/config.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/app/flags.h"
#include "runtime/app/log.h"
#include "runtime/app/textproto.h"

namespace corelane::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

AppConfig Good() {
  AppConfig config;
  config.device = "ring:a";
  config.addresses = {*IpPrefix::Parse("10.0.0.2/24")};
  return config;
}

TEST(AppConfig, EveryErrorNamesTheField) {
  EXPECT_TRUE(Validate(Good()).ok());
  const auto error = [](auto&& change) {
    AppConfig config = Good();
    change(config);
    return std::string(Validate(config).message());
  };
  EXPECT_EQ(error([](AppConfig& c) { c.lanes = 65; }),
            "lanes: value '65': expected an integer from 1 to 64");
  EXPECT_EQ(error([](AppConfig& c) { c.lanes = 0; }),
            "lanes: value '0': expected an integer from 1 to 64");
  EXPECT_THAT(error([](AppConfig& c) { c.cpus = {1, 2}; }), HasSubstr("cpus: value '2 of them'"));
  EXPECT_THAT(error([](AppConfig& c) {
                c.lanes = 2;
                c.cpus = {3, 3};
              }),
              HasSubstr("cpus: value '3 twice'"));
  EXPECT_THAT(error([](AppConfig& c) { c.addresses.clear(); }), HasSubstr("address: none given"));
  EXPECT_THAT(error([](AppConfig& c) { c.device = "kernel:"; }), HasSubstr("device: value"));
  EXPECT_EQ(error([](AppConfig& c) { c.vlan = Vlan{.id = 4095}; }),
            "vlan: value '4095': expected an id from 1 to 4094, alone or with a priority from 0 to "
            "7, such as 7 or 7:3");
  EXPECT_THAT(error([](AppConfig& c) { c.batch = 257; }), HasSubstr("batch: value '257'"));
}

// As the flags are, and before anything is opened.
TEST(AppConfig, AddressesAreChecked) {
  const auto error = [](auto&& change) {
    AppConfig config = Good();
    change(config);
    return std::string(Validate(config).message());
  };
  EXPECT_EQ(error([](AppConfig& c) { c.addresses.push_back(*IpPrefix::Parse("10.1.0.0/16")); }),
            "address: value '10.1.0.0/16': expected a host's ADDR/LEN such as 10.77.0.2/24 or "
            "fd77::2/64");
  EXPECT_EQ(error([](AppConfig& c) { c.addresses.push_back(*IpPrefix::Parse("10.0.0.2/16")); }),
            "address: value '10.0.0.2/16' is there twice: expected each address once");
  EXPECT_EQ(error([](AppConfig& c) { c.gateways = {*IpAddress::Parse("10.1.0.1")}; }),
            "gateway: value '10.1.0.1' is in the network of no address: expected an address in one "
            "of them");
  EXPECT_THAT(error([](AppConfig& c) { c.gateways = {*IpAddress::Parse("224.0.0.1")}; }),
              HasSubstr("gateway: value '224.0.0.1': expected a host's address"));
  const MacAddress mac(2, 0, 0, 0, 0, 1);
  EXPECT_THAT(error([&](AppConfig& c) { c.neighbors = {{*IpAddress::Parse("10.1.0.1"), mac}}; }),
              HasSubstr("neighbor: value '10.1.0.1=02:00:00:00:00:01' is in the network of no"));
  EXPECT_THAT(error([&](AppConfig& c) { c.neighbors = {{*IpAddress::Parse("10.0.0.1"), {}}}; }),
              HasSubstr("expected ADDR=MAC of a host"));
}

AppConfig WithNeighbors(size_t n) {
  AppConfig config = Good();
  config.addresses = {*IpPrefix::Parse("10.0.0.2/16")};
  for (size_t i = 0; i < n; ++i) {
    const IpAddress host(Ipv4Address(static_cast<uint32_t>(0x0a000100 + i)));
    config.neighbors.push_back({host, MacAddress(2, 0, 0, 0, 0, 1)});
  }
  return config;
}

TEST(AppConfig, NeighborsFitIntoTheirTable) {
  EXPECT_TRUE(Validate(WithNeighbors(1024)).ok());
  EXPECT_EQ(Validate(WithNeighbors(1025)).message(),
            "neighbor: value '1025 of them': expected at most 1024");
}

TEST(AppConfig, TimesAreBounded) {
  const auto error = [](auto&& change) {
    AppConfig config = Good();
    change(config);
    return std::string(Validate(config).message());
  };
  EXPECT_EQ(error([](AppConfig& c) { c.drain = Duration::max(); }),
            "drain: value '9223372036.854776': expected seconds from 0 to 3600, such as 0.5");
  EXPECT_EQ(error([](AppConfig& c) { c.idle_spin = std::chrono::nanoseconds(-1); }),
            "idle_spin: value '-0.000000001': expected seconds from 0 to 3600, such as 0.5");
  EXPECT_THAT(error([](AppConfig& c) { c.rebalance = std::chrono::hours(2); }),
              HasSubstr("rebalance: value '7200'"));
  EXPECT_THAT(error([](AppConfig& c) { c.linger = std::chrono::hours(2); }),
              HasSubstr("linger: value '7200'"));
  EXPECT_THAT(error([](AppConfig& c) { c.seconds = Duration::zero(); }),
              HasSubstr("seconds: value '0': expected a positive number of seconds"));
  EXPECT_THAT(error([](AppConfig& c) { c.seconds = Duration::max(); }),
              HasSubstr("seconds: value '9223372036.854776'"));
  EXPECT_EQ(error([](AppConfig& c) {
              c.drain = std::chrono::hours(1);
              c.idle_spin = Duration::zero();
              c.seconds = std::chrono::hours(24 * 365);
            }),
            "");
}

TEST(AppConfig, RoutesAreChecked) {
  const auto error = [](std::vector<std::string> routes) {
    AppConfig config = Good();
    config.addresses.push_back(*IpPrefix::Parse("fd00::2/64"));
    for (const std::string& text : routes) config.routes.push_back(*StaticRoute::Parse(text));
    return std::string(Validate(config).message());
  };
  EXPECT_EQ(error({"10.8.0.0/16=10.0.0.254", "10.8.1.0/24=10.0.0.253", "fd08::/32=fd00::fe",
                   "fd09::/32=fe80::1"}),
            "");
  EXPECT_EQ(error({"10.8.0.0/16=10.1.0.1"}),
            "route: value '10.8.0.0/16=10.1.0.1': expected a gateway in the network of an address");
  EXPECT_EQ(
      error({"10.8.0.1/16=10.0.0.1"}),
      "route: value '10.8.0.1/16=10.0.0.1': expected a prefix without host bits, 10.8.0.0/16");
  EXPECT_THAT(error({"10.8.0.0/16=10.0.0.2"}), HasSubstr("expected another host's address"));
  EXPECT_THAT(error({"10.8.0.0/16=fd00::1"}), HasSubstr("expected a prefix and a gateway of one"));
  EXPECT_THAT(error({"0.0.0.0/0=10.0.0.1"}), HasSubstr("for all other networks there is gateway"));
  EXPECT_THAT(error({"10.8.0.0/16=10.0.0.1", "10.8.0.0/16=10.0.0.3"}),
              HasSubstr("expected each prefix once; there is 10.8.0.0/16=10.0.0.1"));
  for (const char* wrong : {"", "10.8.0.0/16", "10.8.0.0=10.0.0.1", "10.8.0.0/33=10.0.0.1",
                            "10.8.0.0/16=", "10.8.0.0/16=224.0.0.1", "10.8.0.0/16=0.0.0.0"}) {
    EXPECT_FALSE(StaticRoute::Parse(wrong)) << wrong;
  }
}

TEST(AppConfig, CpuLists) {
  EXPECT_THAT(ParseCpuList("0-3,8").value(), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(ParseCpuList("5").value(), ElementsAre(5));
  for (const char* wrong : {"", "a", "1-", "-1", "3-1", "1,1", "1,", "0-4,2", "9999", "1 2"}) {
    EXPECT_FALSE(ParseCpuList(wrong)) << wrong;
  }
}

// Returns what the parser said, "" where it had nothing to say.
std::string Parse(AppConfig& config, std::vector<const char*> arguments) {
  FlagParser parser("program", "");
  AddAppFlags(parser, config);
  arguments.insert(arguments.begin(), "program");
  std::ostringstream out;
  std::ostringstream err;
  parser.Parse(static_cast<int>(arguments.size()), arguments.data(), out, err);
  return err.str();
}

TEST(AppConfig, HowFlowsAreSpread) {
  AppConfig config = Good();
  std::string key = "--rss-key=01:fE";
  for (int i = 2; i < 40; ++i) key += "2c";
  EXPECT_EQ(Parse(config, {key.c_str(), "--rss-hash=ip,tcp"}), "");
  ASSERT_TRUE(config.rss_key.has_value());
  EXPECT_EQ((*config.rss_key)[0], 0x01);
  EXPECT_EQ((*config.rss_key)[1], 0xfe);
  EXPECT_EQ((*config.rss_key)[39], 0x2c);
  EXPECT_EQ(config.rss_hash, (driver::RssPorts{.tcp = true, .udp = false}));
  EXPECT_EQ(Parse(config, {"--rss-hash=ip"}), "");
  EXPECT_EQ(config.rss_hash, (driver::RssPorts{.tcp = false, .udp = false}));
  for (const std::string& wrong : {std::string("--rss-key="), key + "2c", key + "2",
                                   key.substr(0, key.size() - 2), key.substr(0, 14) + "x" + key}) {
    EXPECT_THAT(Parse(config, {wrong.c_str()}), HasSubstr("expected 40 bytes")) << wrong;
  }
  for (const char* wrong : {"--rss-hash=", "--rss-hash=tcp", "--rss-hash=ip,"}) {
    EXPECT_THAT(Parse(config, {wrong}), HasSubstr("expected ip, and tcp or udp or both")) << wrong;
  }
}

TEST(AppConfig, FromFlags) {
  AppConfig config = Good();
  EXPECT_EQ(Parse(config, {"--lanes=2", "--cpus=4-5", "--drain=0.5", "--busy-poll", "--batch=64",
                           "--idle-spin=0.001", "--rebalance=2", "--address=10.1.0.1/16"}),
            "");
  EXPECT_EQ(config.lanes, 2u);
  EXPECT_THAT(config.cpus, ElementsAre(4, 5));
  EXPECT_EQ(config.drain, std::chrono::milliseconds(500));
  EXPECT_EQ(config.idle_spin, std::chrono::milliseconds(1));
  EXPECT_EQ(config.rebalance, std::chrono::seconds(2));
  EXPECT_TRUE(config.busy_poll);
  EXPECT_EQ(config.batch, 64u);
  EXPECT_THAT(config.addresses, ElementsAre(*IpPrefix::Parse("10.1.0.1/16")));
}

TEST(AppConfig, CpusAreLanesUnlessTheirNumberIsGiven) {
  AppConfig config = Good();
  EXPECT_EQ(Parse(config, {"--cpus=0,2,4"}), "");
  EXPECT_EQ(config.lanes, 3u);
  config = Good();
  EXPECT_THAT(Parse(config, {"--cpus=0,2,4", "--lanes=2"}), HasSubstr("--cpus"));
}

TEST(AppConfig, RoutesThatAreGivenReplaceTheDefaults) {
  AppConfig config = Good();
  config.routes = {*StaticRoute::Parse("10.7.0.0/16=10.0.0.9")};
  EXPECT_EQ(Parse(config, {"--lanes=1"}), "");
  EXPECT_EQ(config.routes.size(), 1u);
  EXPECT_EQ(Parse(config, {"--route=10.8.0.0/16=10.0.0.9", "--route=10.9.0.0/16=10.0.0.8"}), "");
  EXPECT_THAT(config.routes, ElementsAre(*StaticRoute::Parse("10.8.0.0/16=10.0.0.9"),
                                         *StaticRoute::Parse("10.9.0.0/16=10.0.0.8")));
  EXPECT_THAT(Parse(config, {"--route=10.8.0.0/16"}),
              HasSubstr("--route: value '10.8.0.0/16': expected PREFIX=GATEWAY such as"));
}

TEST(AppConfig, DefaultRoutesOutOfReachAreDropped) {
  AppConfig config = Good();
  config.routes = {*StaticRoute::Parse("10.7.0.0/16=10.0.0.9"),
                   *StaticRoute::Parse("10.8.0.0/16=10.0.0.5")};
  EXPECT_EQ(Parse(config, {"--address=10.0.0.5/24"}), "");
  EXPECT_THAT(config.routes, ElementsAre(*StaticRoute::Parse("10.7.0.0/16=10.0.0.9")));
  EXPECT_EQ(Parse(config, {"--address=10.1.0.5/24"}), "");
  EXPECT_TRUE(config.routes.empty());
  EXPECT_TRUE(Validate(config).ok()) << Validate(config);
}

TEST(AppConfig, SwitchesGoBothWays) {
  AppConfig config = Good();
  EXPECT_EQ(Parse(config, {"--busy-poll"}), "");
  EXPECT_TRUE(config.busy_poll);
  EXPECT_EQ(Parse(config, {"--busy-poll=false"}), "");
  EXPECT_FALSE(config.busy_poll);
  config.busy_poll = true;
  EXPECT_FALSE(ParseAppConfig("busy_poll: false", config)->busy_poll);
  EXPECT_TRUE(ParseAppConfig("lanes: 1", config)->busy_poll);
}

TEST(AppConfig, SmallNumbersInText) {
  const auto config = ParseAppConfig("idle_spin: 0.00005 drain: 1e-9 rebalance: 5e-05", Good());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->idle_spin, std::chrono::microseconds(50));
  EXPECT_EQ(config->drain, std::chrono::nanoseconds(1));
  EXPECT_EQ(config->rebalance, std::chrono::microseconds(50));
}

TEST(AppConfig, AnEmptyTextClearsTheDefault) {
  AppConfig defaults = Good();
  defaults.lanes = 2;
  defaults.cpus = {1, 2};
  defaults.vlan = Vlan{.id = 7};
  defaults.capture = "x.pcap";
  defaults.rss_key.emplace().fill(1);
  const auto config = ParseAppConfig("cpus: \"\" vlan: \"\" capture: \"\" rss_key: \"\"", defaults);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->cpus.empty());
  EXPECT_EQ(config->vlan, std::nullopt);
  EXPECT_EQ(config->capture, "");
  EXPECT_EQ(config->rss_key, std::nullopt);
  EXPECT_EQ(config->lanes, 2u);
  EXPECT_THAT(std::string(ParseAppConfig("listen: \"\"", defaults).status().message()),
              HasSubstr("listen: value ''"));
}

TEST(AppConfig, FromText) {
  const auto config = ParseAppConfig(R"(
    # Two lanes.
    device: "dpdk:net_null0"
    address: "10.0.0.2/24"
    address: "fd00::2/64"
    gateway: "10.0.0.1"
    route: "10.8.0.0/16=10.0.0.254"
    vlan: "7:3"
    lanes: 2
    cpus: "2-3"
    busy_poll: true
    drain: 0.25
  )");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->device, "dpdk:net_null0");
  EXPECT_THAT(config->addresses,
              ElementsAre(*IpPrefix::Parse("10.0.0.2/24"), *IpPrefix::Parse("fd00::2/64")));
  EXPECT_THAT(config->gateways, ElementsAre(*IpAddress::Parse("10.0.0.1")));
  EXPECT_THAT(config->routes, ElementsAre(*StaticRoute::Parse("10.8.0.0/16=10.0.0.254")));
  EXPECT_EQ(config->vlan, (Vlan{.id = 7, .priority = 3}));
  EXPECT_EQ(config->lanes, 2u);
  EXPECT_TRUE(config->busy_poll);
  EXPECT_EQ(config->drain, std::chrono::milliseconds(250));
  EXPECT_EQ(config->batch, 32u) << "not given";
}

TEST(AppConfig, TextIsCheckedAsFlagsAre) {
  const auto error = [](std::string_view text) {
    return std::string(ParseAppConfig(text, Good()).status().message());
  };
  EXPECT_EQ(error("lanes: 65"), "lanes: value '65': expected an integer from 1 to 64");
  EXPECT_THAT(error("address: \"10.0.0.300/24\""),
              HasSubstr("address: value '10.0.0.300/24': expected"));
  EXPECT_THAT(error("gateway: \"192.168.0.1\""), HasSubstr("gateway: value '192.168.0.1'"));
  EXPECT_THAT(error("route: \"10.8.0.0/16=10.9.0.1\""),
              HasSubstr("route: value '10.8.0.0/16=10.9.0.1': expected a gateway in"));
  EXPECT_THAT(error("vlan: \"0\""), HasSubstr("vlan: value '0': expected an id from 1 to 4094"));
  EXPECT_THAT(error("idle_spin: -1"), HasSubstr("idle_spin: value '-1': expected"));
  EXPECT_THAT(error("lanes: 2\ncpus: \"1\""), HasSubstr("as many as lanes, 2"));
  EXPECT_THAT(error("lanes: 2\nlains: 3"), HasSubstr("line 2"));
  EXPECT_THAT(error("lanes: \"two\""), HasSubstr("line 1"));
  EXPECT_THAT(error("device: \"\""), HasSubstr("device"));
}

TEST(AppConfig, FromAFile) {
  const std::string file = ::testing::TempDir() + "/app.textproto";
  std::ofstream(file) << "lanes: 0";
  const auto wrong = LoadAppConfig(file, Good());
  EXPECT_EQ(wrong.status().message(),
            file + ": lanes: value '0': expected an integer from 1 to 64");
  std::ofstream(file) << "lanes: 3";
  EXPECT_EQ(LoadAppConfig(file, Good())->lanes, 3u);
  EXPECT_THAT(std::string(LoadAppConfig(file + "x", Good()).status().message()),
              HasSubstr("cannot be read"));
}

TEST(Log, LinesAreLogfmt) {
  EXPECT_EQ(Log("app").Format("started", {{"device", "ring:a"}, {"lanes", "2"}}),
            "component=app msg=started device=ring:a lanes=2");
  EXPECT_EQ(Log("lane", 3).Format("it said \"no\"", {{"why", ""}}),
            "component=lane lane=3 msg=\"it said \\\"no\\\"\" why=\"\"");
}

}  // namespace
}  // namespace corelane::runtime
