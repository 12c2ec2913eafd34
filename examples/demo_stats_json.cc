#include <algorithm>
#include <boost/json.hpp>

#include "examples/demo_app.h"

namespace corelane::examples {
namespace {

namespace json = boost::json;

json::object ToJson(const InterfaceSnapshot& interface) {
  return {{"name", interface.name},
          {"rx_packets", interface.rx_packets},
          {"tx_packets", interface.tx_packets},
          {"rx_bytes", interface.rx_bytes},
          {"tx_bytes", interface.tx_bytes},
          {"rx_drops", interface.rx_drops},
          {"tx_drops", interface.tx_drops}};
}

json::object ToJson(const TcpSnapshot& tcp) {
  return {{"active_opens", tcp.active_opens},
          {"passive_opens", tcp.passive_opens},
          {"established", tcp.established},
          {"segments_in", tcp.segments_in},
          {"segments_out", tcp.segments_out},
          {"retransmits", tcp.retransmits},
          {"resets", tcp.resets}};
}

json::object ToJson(const ConnectionSnapshot& connection) {
  return {{"local", connection.local},
          {"remote", connection.remote},
          {"state", connection.state},
          {"srtt_us", connection.srtt_us},
          {"rttvar_us", connection.rttvar_us},
          {"cwnd", connection.cwnd},
          {"bytes_in", connection.bytes_in},
          {"bytes_out", connection.bytes_out},
          {"retransmits", connection.retransmits},
          {"age_ms", connection.age_ms}};
}

}  // namespace

std::string StatsToJson(const StatsSnapshot& snapshot) {
  json::array interfaces;
  for (const InterfaceSnapshot& each : snapshot.interfaces) interfaces.push_back(ToJson(each));
  json::object drops;
  for (const auto& [reason, count] : snapshot.drops) drops[reason] = count;
  json::array connections;
  const size_t shown = std::min(snapshot.connections.size(), kMaxShownConnections);
  for (size_t i = 0; i < shown; ++i) connections.push_back(ToJson(snapshot.connections[i]));
  const json::object all = {
      {"device", {{"uri", snapshot.device_uri}, {"name", snapshot.device_name}}},
      {"uptime_ms", snapshot.uptime_ms},
      {"turns", snapshot.turns},
      {"interfaces", std::move(interfaces)},
      {"drops", std::move(drops)},
      {"tcp", ToJson(snapshot.tcp)},
      {"connection_count", snapshot.connections.size()},
      {"connections", std::move(connections)}};
  return json::serialize(all);
}

}  // namespace corelane::examples
