#include "driver/dpdk/pmd.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A folder with one NIC on the PCI bus, as the kernel shows it.
class PmdOfNic : public ::testing::Test {
 protected:
  std::string DriverOf(const std::string& vendor, const std::string& device) {
    const std::filesystem::path sys = std::filesystem::path(::testing::TempDir()) / "sys";
    const auto nic = sys / "bus/pci/devices/0000:41:00.0";
    std::filesystem::create_directories(nic);
    std::ofstream(nic / "vendor") << vendor << "\n";
    std::ofstream(nic / "device") << device << "\n";
    const std::string driver(FindPmd("0000:41:00.0", sys).driver);
    EXPECT_EQ(FindPmd("41:00.0", sys).driver, driver);
    EXPECT_EQ(FindPmd("0000:42:00.0", sys).driver, "");
    return driver;
  }
};

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

TEST(Pmd, BusesAreToldByTheNames) {
  EXPECT_EQ(BusOf("net_tap0"), Bus::kVdev);
  EXPECT_EQ(BusOf("virtio_user0"), Bus::kVdev);
  EXPECT_EQ(BusOf("0000:41:00.0"), Bus::kPci);
  EXPECT_EQ(BusOf("41:00.0"), Bus::kPci);
  EXPECT_EQ(BusOf("635a7ae3-091e-4410-ad59-667c4f8c04c3"), Bus::kVmbus);
}

TEST_F(PmdOfNic, IsFoundByItsId) {
  EXPECT_EQ(DriverOf("0x15b3", "0x1017"), "mlx5_pci");
  EXPECT_EQ(DriverOf("0x1d0f", "0xec20"), "net_ena");
  EXPECT_EQ(DriverOf("0x1af4", "0x1000"), "net_virtio");
  EXPECT_EQ(DriverOf("0x8086", "0x10fb"), "net_ixgbe");
  EXPECT_EQ(DriverOf("0x8086", "0x10ed"), "net_ixgbe_vf");
  EXPECT_EQ(DriverOf("0x8086", "0x1572"), "net_i40e");
  EXPECT_EQ(DriverOf("0x8086", "0x1592"), "net_ice");
  EXPECT_EQ(DriverOf("0x8086", "0x1889"), "net_iavf");
  EXPECT_EQ(DriverOf("0x8086", "0x100e"), "");  // e1000: the fallback
}

TEST(Pmd, ANicsDriverNamesItsAdapter) {
  for (const std::string_view driver :
       {"mlx5_pci", "mlx5_auxiliary", "net_ena", "net_virtio", "net_ixgbe", "net_ixgbe_vf",
        "net_i40e", "net_ice", "net_iavf", "net_netvsc", "net_failsafe"}) {
    EXPECT_EQ(FindPmd(driver).driver, driver);
  }
  EXPECT_EQ(FindPmd("635a7ae3-091e-4410-ad59-667c4f8c04c3").driver, "net_netvsc");
}

TEST(Pmd, WhatADriverUsesOfARoom) {
  EXPECT_EQ(FindPmd("net_ixgbe").room_multiple, 1024u);
  EXPECT_EQ(FindPmd("net_ice").room_multiple, 128u);
  EXPECT_EQ(FindPmd("net_tap0").room_multiple, 1u);
}

TEST(Pmd, HardwareInsertsTags) {
  for (const std::string_view driver :
       {"mlx5_pci", "net_ixgbe", "net_ixgbe_vf", "net_i40e", "net_ice", "net_iavf", "net_netvsc"}) {
    EXPECT_TRUE(FindPmd(driver).inserts_vlan) << driver;
  }
  for (const std::string_view driver :
       {"net_virtio", "net_virtio_user0", "net_vhost0", "net_af_packet0", "net_failsafe0"}) {
    EXPECT_FALSE(FindPmd(driver).inserts_vlan) << driver;
  }
}

TEST(Pmd, AnOptionWithoutAValueIsItsKey) {
  EXPECT_EQ(ToDevargs({{"a", "1"}, {"dev(x)", ""}, {"b", "2"}}), "a=1,dev(x),b=2");
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

TEST(NetAfXdp, TakesItsInterfaceAndItsQueues) {
  EXPECT_EQ(Devargs({.name = "net_af_xdp0", .queues = 2, .options = {{"iface", "eth0"}}}),
            "iface=eth0,queue_count=2");
  EXPECT_THAT(Devargs({.name = "net_af_xdp0"}), HasSubstr("iface: missing"));
  EXPECT_THAT(Devargs({.name = "net_af_xdp0", .mtu = 9000, .options = {{"iface", "eth0"}}}),
              HasSubstr("mtu: value '9000': expected at most 3000"));
}

TEST(Mlx5, PacketsLieInBuffersOfTheirOwn) {
  EXPECT_EQ(Devargs({.name = "mlx5_pci"}), "mprq_en=0");
  EXPECT_EQ(Devargs({.name = "mlx5_pci", .options = {{"mprq_en", "1"}}}), "mprq_en=1");
  EXPECT_THAT(Devargs({.name = "mlx5_pci", .options = {{"representor", "0-3"}}}),
              HasSubstr("representor: value '0-3': expected none: a device is one port"));
}

TEST(NetEna, HeadersOfEveryLengthFit) {
  EXPECT_EQ(Devargs({.name = "net_ena"}), "large_llq_hdr=1");
  EXPECT_EQ(Devargs({.name = "net_ena", .options = {{"enable_llq", "0"}}}),
            "enable_llq=0,large_llq_hdr=1");
}

TEST(NetVirtio, OnTheBusTakesNothingOfItsOwn) {
  EXPECT_EQ(Devargs({.name = "net_virtio", .options = {{"vectorized", "1"}}}), "vectorized=1");
}

TEST(NetVirtioUser, TakesQueuesAndAddress) {
  for (const std::string name : {"net_virtio_user0", "virtio_user0"}) {
    EXPECT_EQ(Devargs({.name = name, .options = {{"path", "/run/a"}}}), "path=/run/a,queues=1");
    EXPECT_EQ(Devargs({.name = name,
                       .queues = 2,
                       .mac = MacAddress(2, 0, 0, 0, 0, 1),
                       .options = {{"path", "/dev/vhost-net"}}}),
              "path=/dev/vhost-net,queues=2,mac=02:00:00:00:00:01,cq=1");
    EXPECT_THAT(Devargs({.name = name}), HasSubstr("path: missing"));
  }
}

TEST(NetNetvsc, PacketsAreTheStacks) {
  EXPECT_EQ(
      Devargs({.name = "635a7ae3-091e-4410-ad59-667c4f8c04c3", .options = {{"latency", "50"}}}),
      "latency=50,rx_extmbuf_enable=0");
}

TEST(NetFailsafe, NamesItsDevices) {
  EXPECT_EQ(Devargs({.name = "net_failsafe0",
                     .mac = MacAddress(2, 0, 0, 0, 0, 1),
                     .options = {{"dev", "0000:41:00.0+net_tap0;iface=x;remote=y"},
                                 {"hotplug_poll", "100"}}}),
            "dev(0000:41:00.0),dev(net_tap0,iface=x,remote=y),hotplug_poll=100,"
            "mac=02:00:00:00:00:01");
  EXPECT_THAT(Devargs({.name = "net_failsafe0"}), HasSubstr("dev: missing"));
}

TEST(NetIce, RunsWithoutItsFirmwarePackage) {
  EXPECT_EQ(Devargs({.name = "net_ice"}), "safe-mode-support=1");
}

TEST(NetIavf, CarriesTraffic) {
  EXPECT_THAT(Devargs({.name = "net_iavf", .options = {{"cap", "dcf"}}}),
              HasSubstr("cap: value 'dcf': expected none"));
}

}  // namespace
}  // namespace corelane::driver::dpdk
