#include "runtime/metrics/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/check_names.h>

#include <set>
#include <string>

#include "runtime/metrics/metrics.h"

namespace corelane::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

LaneSnapshot Lane(const std::string& name) {
  LaneSnapshot lane;
  lane.name = name;
  lane.up = true;
  StackSnapshot& stack = lane.stacks.emplace_back();
  stack.name = "0";
  InterfaceSnapshot& interface = stack.interfaces.emplace_back();
  interface.name = "ring:x";
  interface.mac = "02:00:00:00:00:01";
  interface.mtu = 1500;
  interface.pool = PoolSnapshot{.size = 100, .in_use = 30, .peak = 45, .exhausted = 2};
  stack.listeners.push_back({"[::]:80", 128, 1, 2});
  stack.classes.emplace_back();
  ConnectionClass& inbound = stack.classes.emplace_back();
  inbound.inbound = true;
  inbound.port = 80;
  inbound.connections = 7;
  return lane;
}

std::string Text(std::vector<LaneSnapshot> lanes, std::vector<PortSnapshot> ports = {}) {
  return ToText(ToFamilies(lanes, ports));
}

TEST(Families, NamesAndLabelsFollowThePrometheusRules) {
  const std::vector<LaneSnapshot> lanes = {Lane("0"), Lane("1")};
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : ToFamilies(lanes, {})) {
    EXPECT_TRUE(prometheus::CheckMetricName(family.name)) << family.name;
    EXPECT_TRUE(names.insert(family.name).second) << family.name << " is there twice";
    EXPECT_EQ(family.name.substr(0, 9), "corelane_");
    EXPECT_EQ(family.help.back(), '.') << family.name;
    EXPECT_EQ(family.type == prometheus::MetricType::Counter, family.name.ends_with("_total"))
        << family.name;
    std::set<std::vector<prometheus::ClientMetric::Label>> series;
    for (const prometheus::ClientMetric& metric : family.metric) {
      for (const auto& label : metric.label) {
        EXPECT_TRUE(prometheus::CheckLabelName(label.name)) << label.name;
        EXPECT_FALSE(label.value.empty()) << family.name << " " << label.name;
      }
      EXPECT_TRUE(series.insert(metric.label).second) << family.name;
    }
  }
}

TEST(Families, AnyLanesHaveTheSameNames) {
  const auto names = [](const std::vector<LaneSnapshot>& lanes) {
    std::vector<std::string> all;
    for (const auto& family : ToFamilies(lanes, {})) all.push_back(family.name);
    return all;
  };
  EXPECT_EQ(names({}), names({Lane("0")}));
}

TEST(Families, Text) {
  LaneSnapshot lane = Lane("a\"b");
  lane.turns = 12;
  lane.stacks[0].interfaces[0].queue.rx_bytes = 1234567890123;
  lane.stacks[0].drops[static_cast<size_t>(ip::DropReason::kIpBadChecksum)] = 3;
  lane.stacks[0].tcp_states[static_cast<size_t>(tcp::State::kEstablished)] = 7;
  const std::string text = Text({lane});
  EXPECT_THAT(text, HasSubstr("# HELP corelane_worker_turns_total Turns of the worker.\n"
                              "# TYPE corelane_worker_turns_total counter\n"
                              "corelane_worker_turns_total{lane=\"a\\\"b\"} 12\n"));
  EXPECT_THAT(text, HasSubstr("corelane_queue_received_bytes_total{lane=\"a\\\"b\",stack=\"0\","
                              "interface=\"ring:x\"} 1234567890123\n"));
  EXPECT_THAT(text, HasSubstr(",reason=\"ip-bad-checksum\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(",state=\"ESTABLISHED\"} 7\n"));
  EXPECT_THAT(text, Not(HasSubstr("state=\"CLOSED\"")));
  EXPECT_THAT(text, HasSubstr("class=\"inbound\",port=\"80\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("class=\"outbound\",port=\"any\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("interface=\"ring:x\",pool=\"device\"} 70\n"));
  EXPECT_THAT(text, HasSubstr("interface=\"ring:x\",pool=\"device\"} 55\n"));
}

TEST(Families, HistogramsAreCumulative) {
  LaneSnapshot lane = Lane("0");
  lane.busy_turns.Record(Duration(64));
  lane.busy_turns.Record(Duration(65));
  lane.busy_turns.Record(std::chrono::seconds(3));
  const std::string text = Text({lane});
  const std::string bucket = "corelane_worker_busy_turn_duration_seconds_bucket{lane=\"0\",le=";
  EXPECT_THAT(text, HasSubstr(bucket + "\"6.4e-08\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"1.28e-07\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"1.073741824\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"+Inf\"} 3\n"));
  EXPECT_THAT(
      text, HasSubstr("corelane_worker_busy_turn_duration_seconds_sum{lane=\"0\"} 3.000000129\n"));
  EXPECT_THAT(text, HasSubstr("corelane_worker_busy_turn_duration_seconds_count{lane=\"0\"} 3\n"));
}

TEST(Families, Ports) {
  PortSnapshot port;
  port.name = "dpdk:net_tap0";
  port.link = driver::LinkStatus{.up = true, .bits_per_second = 10'000'000'000};
  port.counters = {{"rx_good_packets", 5}};
  PortSnapshot silent;
  silent.name = "ring:x";
  const std::string text = Text({}, {port, silent});
  EXPECT_THAT(text, HasSubstr("corelane_port_link_up{device=\"dpdk:net_tap0\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "corelane_port_link_speed_bytes_per_second{device=\"dpdk:net_tap0\"} 1250000000\n"));
  EXPECT_THAT(text, HasSubstr("corelane_port_xstats_total{device=\"dpdk:net_tap0\",counter=\"rx_"
                              "good_packets\"} 5\n"));
  EXPECT_THAT(text, Not(HasSubstr("ring:x")));
}

}  // namespace
}  // namespace corelane::runtime
