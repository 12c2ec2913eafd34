// NICs on a PCI bus of the test's own: DPDK reads the kernel's files from where SYSFS_PCI_DEVICES
// says. No driver takes the device, which is how far one gets without hardware; that DPDK has found
// it shows in what it says about it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "driver/dpdk/dpdk.h"
#include "driver/dpdk/eal.h"
#include "driver/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

constexpr char kNic[] = "dpdk:0000:41:00.0";
constexpr char kNoDevice[] = "No such device";

void MakeBus() {
  const auto bus = std::filesystem::path(::testing::TempDir()) / "pci";
  const auto nic = bus / "0000:41:00.0";
  std::filesystem::create_directories(nic);
  const auto put = [&](const char* name, const char* text) { std::ofstream(nic / name) << text; };
  for (const char* const name : {"vendor", "device", "subsystem_vendor", "subsystem_device"}) {
    put(name, "0x1234\n");
  }
  put("class", "0x020000\n");
  put("numa_node", "0\n");
  put("max_vfs", "0\n");
  std::string resources;
  for (int i = 0; i < 6; ++i) resources += "0x0 0x0 0x0\n";
  put("resource", resources.c_str());
  // DPDK passes over what no driver of the kernel's is bound to.
  std::error_code ec;
  std::filesystem::create_directory_symlink("../../drivers/uio_pci_generic", nic / "driver", ec);
  setenv("SYSFS_PCI_DEVICES", bus.c_str(), 1);
}

std::string ErrorOf(const std::string& uri) {
  const auto device = OpenDevice(uri);
  return device.ok() ? "none" : std::string(device.status().message());
}

// An EAL is for ever: each of these is a process of its own.
[[noreturn]] void Say(const std::string& text) {
  std::cerr << text;
  std::_Exit(0);
}

TEST(PciDeathTest, ANicThatIsThereIsFoundAfterAVirtualDevice) {
  MakeBus();
  const auto run = [] {
    const auto device = OpenDevice("dpdk:net_null0,no-rx=1");
    if (!device.ok()) Say("no device");
    const std::string there = ErrorOf(kNic);
    if (there.find(kNoDevice) != there.npos) Say("not found: " + there);
    const std::string other = ErrorOf("dpdk:0000:42:00.0");
    if (other.find(kNoDevice) == other.npos) Say("wrong: " + other);
    Say("as it should be: " + there);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "as it should be: ");
}

TEST(PciDeathTest, WithoutPciTheErrorSaysSo) {
  MakeBus();
  const auto run = [] {
    const auto device = OpenDevice("dpdk:net_null0,no-rx=1,eal=--no-pci");
    if (!device.ok()) Say("no device");
    Say(ErrorOf(kNic));
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0),
              "no device of this address on the pci bus: the EAL runs with --no-pci");
}

// A virtual device that the EAL has made has had its options.
TEST(PciDeathTest, ADeviceOfTheEalsArguments) {
  const auto run = [] {
    const auto eal = dpdk::EalBuilder()
                         .Memory(dpdk::Hugepages::kNever)
                         .Vdev("net_failsafe0,dev(net_null0)")
                         .Start();
    if (!eal.ok()) Say(std::string(eal.status().message()));
    const std::string again = ErrorOf("dpdk:net_failsafe0,dev=net_null1");
    const std::string error = ErrorOf("dpdk:net_failsafe0");
    Say(again + "; and without options: " + error);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0),
              "the device is there already; and without options: none");
}

TEST(PciDeathTest, AWrongOptionStartsNothing) {
  const auto run = [] {
    Say(ErrorOf("dpdk:net_failsafe0") + ErrorOf("dpdk:net_null0,no-rx=1,eal=--no-pci"));
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "dev: missing.*none");
}

}  // namespace
}  // namespace corelane::driver
