// The same program on a file: what hosts once sent is answered into another file.

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/packet.h"
#include "driver/pcap_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/app/app.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "testing/segment_builder.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using corelane::testing::Bytes;
using std::chrono::milliseconds;

constexpr int kHosts = 16;
constexpr MacAddress kOurMac(0x02, 'p', 'c', 'a', 'p', 0x00);  // the device's, unless it is given

corelane::testing::Route FromHost(int host) {
  const auto number = static_cast<uint8_t>(host + 10);
  return {.src_mac = MacAddress(0x02, 0, 0, 0, 0, number),
          .dst_mac = kOurMac,
          .src = IpAddress(Ipv4Address(10, 0, 0, number)),
          .dst = IpAddress(Ipv4Address(10, 0, 0, 1))};
}

// Each host asks for our MAC address, pings, and tries a port that is closed: echo requests are
// answered by the lane that receives them, segments by the lane that their flow belongs to.
void WriteQuestions(const std::string& path) {
  const std::unique_ptr<PacketPool> pool = std::make_unique<PacketPool>(1, 2048, 0);
  driver::PcapBuffer buffer(*driver::PcapFile::Create(path), Duration(0));
  const auto add = [&](const Bytes& frame) {
    PacketBuf packet = pool->Allocate();
    std::copy(frame.begin(), frame.end(), packet.Append(frame.size()));
    buffer.Add(Instant(), *packet.head());
  };
  const Bytes data(56, 'x');
  for (int host = 0; host < kHosts; ++host) {
    add(corelane::testing::ArpRequestFrame(FromHost(host)));
    add(corelane::testing::EchoRequestFrame(FromHost(host), 7, 1, data));
    add(corelane::testing::Tcp(FromHost(host), 4000, 9).Flags(tcp::kSyn).Frame());
  }
}

// Of hosts, the last bytes of their addresses.
struct Answered {
  std::set<int> arp;
  std::set<int> icmp;
  std::set<int> tcp;
};

Answered ReadAnswers(const std::string& path) {
  Answered answered;
  const auto bytes = driver::ReadFileBytes(path);
  auto reader = driver::PcapReader::Open(*bytes, path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  while (const auto record = reader->Next()) {
    const std::span<const uint8_t> frame = record->bytes;
    if (frame.size() < 34) {
      ADD_FAILURE() << "a frame of " << frame.size() << " bytes";
      continue;
    }
    const int host = frame[5];
    if (frame[12] == 0x08 && frame[13] == 0x06) answered.arp.insert(host);
    if (frame[12] != 0x08 || frame[13] != 0x00) continue;
    EXPECT_EQ(frame[33], host) << "another host's frame";
    (frame[23] == 1 ? answered.icmp : answered.tcp).insert(host);
  }
  EXPECT_EQ(reader->end(), driver::PcapReader::End::kEndOfFile);
  return answered;
}

// Accepts until the app stops.
asio::awaitable<void, WorkerExecutor> Serve(WorkerContext& context) {
  TcpListener listener(context.get_executor(), context.stack());
  listener.listen({IpAddress(Ipv6Address()), 7});
  for (;;) {
    boost::system::error_code error;
    const TcpStream stream = co_await listener.async_accept(
        asio::redirect_error(asio::use_awaitable_t<WorkerExecutor>(), error));
    if (error) co_return;
  }
}

class AppPcapTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(AppPcapTest, AnswersAFile) {
  const std::string folder = ::testing::TempDir();
  const std::string in = folder + "app_pcap_in_" + std::to_string(GetParam()) + ".pcap";
  const std::string out = folder + "app_pcap_out_" + std::to_string(GetParam()) + ".pcap";
  WriteQuestions(in);
  AppConfig config;
  config.device = "pcap:" + in + ",out=" + out;
  config.addresses = {*IpPrefix::Parse("10.0.0.1/24")};
  config.lanes = GetParam();
  config.seconds = milliseconds(1000);
  auto app = App::Open(config);
  ASSERT_TRUE(app.ok()) << app.status();
  const absl::Status status = (*app)->Run(Serve);
  EXPECT_TRUE(status.ok()) << status;
  // Lanes beyond the file's one queue send by the lane that has it.
  if (GetParam() > 1) {
    EXPECT_GT((*app)->lanes().lane(1).counters().carried_out.value(), 0u);
  }
  app->reset();
  std::set<int> all;
  for (int host = 0; host < kHosts; ++host) all.insert(host + 10);
  const Answered answered = ReadAnswers(out);
  EXPECT_EQ(answered.arp, all);
  EXPECT_EQ(answered.icmp, all);
  EXPECT_EQ(answered.tcp, all);
}

INSTANTIATE_TEST_SUITE_P(Lanes, AppPcapTest, ::testing::Values(1, 2));

TEST(AppPcap, AFileThatIsNotThereIsNamed) {
  AppConfig config;
  config.device = "pcap:/nowhere/in.pcap";
  config.addresses = {*IpPrefix::Parse("10.0.0.1/24")};
  EXPECT_THAT(std::string(App::Open(config).status().message()),
              ::testing::HasSubstr("device: value 'pcap:/nowhere/in.pcap': "));
}

}  // namespace
}  // namespace corelane::runtime
