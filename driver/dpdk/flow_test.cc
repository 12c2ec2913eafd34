#include "driver/dpdk/flow.h"

#include <memory>
#include <string>
#include <vector>

#include "driver/dpdk/test_eal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

[[maybe_unused]] const auto* const kEal = StartTestEal();

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

std::vector<rte_flow_item_type> ItemTypes(const FlowArguments& arguments) {
  std::vector<rte_flow_item_type> out;
  for (const auto& item : arguments.pattern()) out.push_back(item.type);
  return out;
}

std::vector<rte_flow_action_type> ActionTypes(const FlowArguments& arguments) {
  std::vector<rte_flow_action_type> out;
  for (const auto& action : arguments.actions()) out.push_back(action.type);
  return out;
}

TEST(FlowArguments, AWholeTupleOfIpv4) {
  const FlowArguments arguments({.protocol = 6,
                                 .source = Ip("10.0.0.1"),
                                 .source_port = 0x1234,
                                 .destination = Ip("10.0.0.2"),
                                 .destination_port = 80},
                                FlowToQueue{.queue = 3}, {.group = 1, .priority = 2});
  EXPECT_EQ(arguments.attributes().group, 1u);
  EXPECT_EQ(arguments.attributes().priority, 2u);
  EXPECT_EQ(arguments.attributes().ingress, 1u);
  EXPECT_EQ(arguments.attributes().egress, 0u);
  EXPECT_THAT(ItemTypes(arguments), ElementsAre(RTE_FLOW_ITEM_TYPE_ETH, RTE_FLOW_ITEM_TYPE_IPV4,
                                                RTE_FLOW_ITEM_TYPE_TCP, RTE_FLOW_ITEM_TYPE_END));
  EXPECT_EQ(arguments.pattern()[0].spec, nullptr);
  const auto* ip = static_cast<const rte_flow_item_ipv4*>(arguments.pattern()[1].spec);
  const auto* ip_mask = static_cast<const rte_flow_item_ipv4*>(arguments.pattern()[1].mask);
  EXPECT_EQ(ip->hdr.src_addr, rte_cpu_to_be_32(0x0a000001));
  EXPECT_EQ(ip->hdr.dst_addr, rte_cpu_to_be_32(0x0a000002));
  EXPECT_EQ(ip_mask->hdr.src_addr, UINT32_MAX);
  EXPECT_EQ(ip_mask->hdr.dst_addr, UINT32_MAX);
  EXPECT_EQ(ip_mask->hdr.next_proto_id, 0);  // the next item says it
  const auto* tcp = static_cast<const rte_flow_item_tcp*>(arguments.pattern()[2].spec);
  const auto* tcp_mask = static_cast<const rte_flow_item_tcp*>(arguments.pattern()[2].mask);
  EXPECT_EQ(tcp->hdr.src_port, rte_cpu_to_be_16(0x1234));
  EXPECT_EQ(tcp->hdr.dst_port, rte_cpu_to_be_16(80));
  EXPECT_EQ(tcp_mask->hdr.src_port, UINT16_MAX);
  EXPECT_EQ(tcp_mask->hdr.tcp_flags, 0);
  EXPECT_THAT(
      ActionTypes(arguments),
      ElementsAre(RTE_FLOW_ACTION_TYPE_QUEUE, RTE_FLOW_ACTION_TYPE_END, RTE_FLOW_ACTION_TYPE_END));
  EXPECT_EQ(static_cast<const rte_flow_action_queue*>(arguments.actions()[0].conf)->index, 3);
}

TEST(FlowArguments, WhatIsLeftOpenHasNoMask) {
  const FlowArguments arguments(
      {.protocol = 17, .destination = Ip("2001:db8::1"), .destination_port = 53}, FlowDrop{}, {});
  EXPECT_THAT(ItemTypes(arguments), ElementsAre(RTE_FLOW_ITEM_TYPE_ETH, RTE_FLOW_ITEM_TYPE_IPV6,
                                                RTE_FLOW_ITEM_TYPE_UDP, RTE_FLOW_ITEM_TYPE_END));
  const auto* ip = static_cast<const rte_flow_item_ipv6*>(arguments.pattern()[1].spec);
  const auto* ip_mask = static_cast<const rte_flow_item_ipv6*>(arguments.pattern()[1].mask);
  EXPECT_EQ(ip->hdr.dst_addr[0], 0x20);
  EXPECT_EQ(ip->hdr.dst_addr[15], 1);
  EXPECT_EQ(ip_mask->hdr.dst_addr[7], 0xff);
  EXPECT_EQ(ip_mask->hdr.src_addr[7], 0);
  const auto* udp_mask = static_cast<const rte_flow_item_udp*>(arguments.pattern()[2].mask);
  EXPECT_EQ(udp_mask->hdr.src_port, 0);
  EXPECT_EQ(udp_mask->hdr.dst_port, UINT16_MAX);
  EXPECT_THAT(
      ActionTypes(arguments),
      ElementsAre(RTE_FLOW_ACTION_TYPE_DROP, RTE_FLOW_ACTION_TYPE_END, RTE_FLOW_ACTION_TYPE_END));
}

TEST(FlowArguments, EverythingOfAFamily) {
  const FlowArguments arguments({.source = Ip("0.0.0.0")}, FlowMark{.mark = 7}, {});
  EXPECT_THAT(ItemTypes(arguments), ElementsAre(RTE_FLOW_ITEM_TYPE_ETH, RTE_FLOW_ITEM_TYPE_IPV4,
                                                RTE_FLOW_ITEM_TYPE_END, RTE_FLOW_ITEM_TYPE_END));
  EXPECT_EQ(arguments.pattern()[1].spec, nullptr);
  EXPECT_EQ(arguments.pattern()[1].mask, nullptr);
  EXPECT_THAT(ActionTypes(arguments),
              ElementsAre(RTE_FLOW_ACTION_TYPE_MARK, RTE_FLOW_ACTION_TYPE_PASSTHRU,
                          RTE_FLOW_ACTION_TYPE_END));
  EXPECT_EQ(static_cast<const rte_flow_action_mark*>(arguments.actions()[0].conf)->id, 7u);
  EXPECT_FALSE((FlowMatch{}).is_v4());
}

TEST(FlowArguments, AMarkAndAQueue) {
  const FlowArguments arguments({.protocol = 6}, FlowMark{.mark = 7, .queue = 1}, {});
  EXPECT_THAT(
      ActionTypes(arguments),
      ElementsAre(RTE_FLOW_ACTION_TYPE_MARK, RTE_FLOW_ACTION_TYPE_QUEUE, RTE_FLOW_ACTION_TYPE_END));
}

TEST(FlowArguments, PartsHaveNames) {
  const FlowArguments arguments({.protocol = 6, .source = Ip("10.0.0.1"), .source_port = 1},
                                FlowToQueue{.queue = 3}, {});
  EXPECT_EQ(arguments.PartOf(&arguments.pattern()[0]), "item Ethernet");
  EXPECT_EQ(arguments.PartOf(&arguments.pattern()[1]), "item IPv4");
  EXPECT_EQ(arguments.PartOf(arguments.pattern()[2].mask), "item TCP");
  EXPECT_EQ(arguments.PartOf(&arguments.pattern()[3]), "the pattern's end");
  EXPECT_EQ(arguments.PartOf(&arguments.actions()[0]), "action queue");
  EXPECT_EQ(arguments.PartOf(arguments.actions()[0].conf), "action queue");
  EXPECT_EQ(arguments.PartOf(&arguments.attributes()), "its group or priority");
  EXPECT_EQ(arguments.PartOf(nullptr), "");
  EXPECT_EQ(arguments.PartOf("elsewhere"), "");
}

TEST(FlowMatch, AsText) {
  EXPECT_EQ((FlowMatch{.protocol = 6, .source = Ip("10.0.0.1"), .destination_port = 80}).ToString(),
            "tcp 10.0.0.1:* -> *:80");
  EXPECT_EQ((FlowMatch{.protocol = 17, .destination = Ip("2001:db8::1"), .destination_port = 53})
                .ToString(),
            "udp *:* -> [2001:db8::1]:53");
  EXPECT_EQ(FlowMatch{}.ToString(), "ip *:* -> *:*");
}

class FlowRuleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) pools_.push_back(Mempool::Create({.mbufs = 255}).value());
    port_ = Port::Open(device_.id(), {.queues = 2}, pools_).value();
  }

  std::string ErrorOf(const FlowMatch& match, const FlowAction& action) {
    const absl::Status status = FlowRule::Create(*port_, match, action).status();
    EXPECT_EQ(status, FlowRule::Check(*port_, match, action));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }

  TestVdev device_{"net_null0"};
  std::vector<std::unique_ptr<Mempool>> pools_;
  std::optional<Port> port_;
};

TEST_F(FlowRuleTest, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(ErrorOf({.source = Ip("10.0.0.1"), .destination = Ip("::1")}, FlowDrop{}),
            "port net_null0: flow addresses: value 'ip 10.0.0.1:* -> [::1]:*': expected both of "
            "one family");
  EXPECT_EQ(ErrorOf({.protocol = 1}, FlowDrop{}),
            "port net_null0: flow protocol: value '1': expected 6 (TCP), 17 (UDP) or 0 (any)");
  EXPECT_EQ(ErrorOf({.destination_port = 80}, FlowDrop{}),
            "port net_null0: flow ports: value 'ip *:* -> *:80': expected none, or a protocol that "
            "has some");
  EXPECT_EQ(ErrorOf({.protocol = 6}, FlowToQueue{.queue = 2}),
            "port net_null0: flow queue: value '2': expected a queue below 2");
  EXPECT_THAT(ErrorOf({.protocol = 6}, FlowMark{.mark = 1, .queue = 9}), HasSubstr("value '9'"));
}

TEST_F(FlowRuleTest, ADriverWithoutRulesSaysSo) {
  const FlowMatch match{.protocol = 6, .destination = Ip("10.0.0.2"), .destination_port = 80};
  for (const absl::Status& status :
       {FlowRule::Check(*port_, match, FlowToQueue{.queue = 1}),
        FlowRule::Create(*port_, match, FlowToQueue{.queue = 1}).status()}) {
    EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("port net_null0: flow tcp *:* -> 10.0.0.2:80 to queue 1: its driver, "
                          "net_null, refuses it: "));
  }
}

}  // namespace
}  // namespace corelane::driver::dpdk
