#include "driver/dpdk/pmd.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Devargs(const PmdRequest& request) {
  const Pmd& pmd = FindPmd(request.name);
  if (pmd.arguments == nullptr) return ToDevargs(request.options);
  const auto arguments = pmd.arguments(request);
  return arguments.ok() ? ToDevargs(*arguments) : std::string(arguments.status().message());
}

TEST(Pmd, AreFoundByTheNamesOfTheirDevices) {
  EXPECT_EQ(FindPmd("net_ring0").driver, "net_ring");
  EXPECT_EQ(FindPmd("net_ring12").driver, "net_ring");
  EXPECT_EQ(FindPmd("net_ring").driver, "net_ring");
  EXPECT_EQ(FindPmd("net_ringlike0").driver, "");
  EXPECT_EQ(FindPmd("0000:41:00.0").driver, "");
  EXPECT_EQ(FindPmd("").driver, "");
}

TEST(Pmd, TheFallbackPassesOptionsThrough) {
  EXPECT_EQ(Devargs({.name = "net_new0", .queues = 4, .options = {{"a", "1"}, {"b", "x"}}}),
            "a=1,b=x");
}

TEST(Pmd, Usages) {
  EXPECT_THAT(PmdUsages(),
              AllOf(Contains(StartsWith("net_ring[")), Contains(StartsWith("net_tapN")),
                    Contains(StartsWith("net_pcapN")), Contains(StartsWith("net_af_packetN")),
                    Contains(StartsWith("net_memifN")), Contains(StartsWith("net_nullN"))));
}

TEST(NetTap, TakesItsAddressAsAnArgument) {
  EXPECT_EQ(Devargs({.name = "net_tap0", .options = {{"iface", "x"}}}), "iface=x");
  EXPECT_EQ(Devargs({.name = "net_tap0", .mac = MacAddress(2, 0, 0, 0, 0, 1)}),
            "mac=02:00:00:00:00:01");
}

TEST(NetAfPacket, RingsFitTheMtuAndTheQueues) {
  EXPECT_EQ(Devargs({.name = "net_af_packet0", .queues = 2, .options = {{"iface", "eth0"}}}),
            "iface=eth0,qpairs=2,framesz=2048,blocksz=4096,framecnt=512");
  EXPECT_EQ(Devargs({.name = "net_af_packet0", .mtu = 9000, .options = {{"iface", "eth0"}}}),
            "iface=eth0,qpairs=1,framesz=16384,blocksz=16384,framecnt=512");
  EXPECT_EQ(Devargs({.name = "net_af_packet0", .options = {{"iface", "eth0"}, {"framecnt", "64"}}}),
            "iface=eth0,framecnt=64,qpairs=1,framesz=2048,blocksz=4096");
  EXPECT_THAT(Devargs({.name = "net_af_packet0"}), HasSubstr("iface: missing"));
}

TEST(NetPcap, NamesEveryQueuesFile) {
  EXPECT_EQ(Devargs({.name = "net_pcap0",
                     .queues = 2,
                     .options = {{"rx_pcap", "in"}, {"tx_pcap", "out"}, {"infinite_rx", "1"}}}),
            "rx_pcap=in,rx_pcap=in,tx_pcap=out,tx_pcap=out,infinite_rx=1");
  EXPECT_EQ(Devargs({.name = "net_pcap0", .options = {{"iface", "eth0"}}}), "iface=eth0");
}

TEST(NetMemif, TheSocketIsAFile) {
  EXPECT_EQ(Devargs({.name = "net_memif0",
                     .mac = MacAddress(2, 0, 0, 0, 0, 1),
                     .options = {{"role", "server"}, {"socket", "/run/a"}}}),
            "role=server,socket=/run/a,socket-abstract=no,mac=02:00:00:00:00:01");
  EXPECT_THAT(Devargs({.name = "net_memif0", .options = {{"socket", std::string(108, 'x')}}}),
              HasSubstr("expected a path of at most 107 bytes"));
}

}  // namespace
}  // namespace corelane::driver::dpdk
