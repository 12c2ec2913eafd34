// Every counter of the stack with the name and the help that it is exported under. One that is
// added to a struct of counters and not here does not compile. Private to the folder.

#ifndef CORELANE_RUNTIME_METRICS_COUNTER_TABLES_H_
#define CORELANE_RUNTIME_METRICS_COUNTER_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "arp/neighbor_cache.h"
#include "core/counter.h"
#include "driver/device.h"
#include "runtime/worker.h"
#include "stack/network.h"
#include "stack/udp_layer.h"
#include "tcp/resources.h"

namespace corelane::runtime::internal {

template <class Counters, class Field = Counter>
struct CounterEntry {
  Field Counters::* field;
  const char* name;
  const char* help;
};

inline constexpr auto kTcpCounters = std::to_array<CounterEntry<tcp::Counters>>({
    {&tcp::Counters::segments_in, "corelane_tcp_received_segments_total",
     "Segments received, those of merged packets each."},
    {&tcp::Counters::segments_out, "corelane_tcp_sent_segments_total",
     "Segments sent, those of long packets each."},
    {&tcp::Counters::bytes_in, "corelane_tcp_received_bytes_total",
     "Payload delivered in order, in bytes."},
    {&tcp::Counters::bytes_out, "corelane_tcp_sent_bytes_total",
     "Payload sent for the first time, in bytes."},
    {&tcp::Counters::retransmitted_segments, "corelane_tcp_retransmitted_segments_total",
     "Segments sent again."},
    {&tcp::Counters::retransmission_timeouts, "corelane_tcp_retransmission_timeouts_total",
     "Retransmission timers that expired (RFC 6298)."},
    {&tcp::Counters::fast_recoveries, "corelane_tcp_fast_recoveries_total",
     "Fast recoveries entered (RFC 5681, RFC 6675)."},
    {&tcp::Counters::resets_in, "corelane_tcp_received_resets_total", "RST segments received."},
    {&tcp::Counters::resets_out, "corelane_tcp_sent_resets_total", "RST segments sent."},
    {&tcp::Counters::challenge_acks, "corelane_tcp_challenge_acks_total",
     "Challenge ACKs sent (RFC 5961)."},
    {&tcp::Counters::active_opens, "corelane_tcp_active_opens_total",
     "Connections that were begun here."},
    {&tcp::Counters::passive_opens, "corelane_tcp_passive_opens_total",
     "Connections that a listener began to accept."},
    {&tcp::Counters::established, "corelane_tcp_established_total",
     "Connections that were established."},
    {&tcp::Counters::out_of_order_segments, "corelane_tcp_out_of_order_segments_total",
     "Segments received beyond a gap."},
    {&tcp::Counters::duplicate_segments, "corelane_tcp_duplicate_segments_total",
     "Segments received that held nothing new."},
    {&tcp::Counters::tail_loss_probes, "corelane_tcp_tail_loss_probes_total",
     "Tail loss probes sent (RFC 8985)."},
    {&tcp::Counters::losses_by_time, "corelane_tcp_losses_by_time_total",
     "Losses found by the time of what arrived later (RFC 8985)."},
    {&tcp::Counters::zero_window_probes, "corelane_tcp_zero_window_probes_total",
     "Probes of a closed window sent."},
    {&tcp::Counters::keepalive_probes, "corelane_tcp_keepalive_probes_total",
     "Keepalive probes sent."},
    {&tcp::Counters::paws_rejected, "corelane_tcp_paws_rejected_segments_total",
     "Segments refused for an old timestamp (RFC 7323)."},
    {&tcp::Counters::backlog_drops, "corelane_tcp_backlog_drops_total",
     "Connections lost because a listener's backlog was full."},
    {&tcp::Counters::syn_cookies_out, "corelane_tcp_syn_cookies_sent_total",
     "SYNs that were answered by a cookie (RFC 4987)."},
    {&tcp::Counters::syn_cookies_in, "corelane_tcp_syn_cookies_accepted_total",
     "Connections that began with a cookie that came back."},
    {&tcp::Counters::memory_drops, "corelane_tcp_memory_drops_total",
     "Segments and connections refused because memory was short."},
});
static_assert(sizeof(tcp::Counters) == kTcpCounters.size() * sizeof(Counter),
              "each counter has its line above");

inline constexpr auto kUdpCounters = std::to_array<CounterEntry<stack::UdpCounters>>({
    {&stack::UdpCounters::datagrams_in, "corelane_udp_received_datagrams_total",
     "Datagrams delivered to a socket."},
    {&stack::UdpCounters::datagrams_out, "corelane_udp_sent_datagrams_total", "Datagrams sent."},
});
static_assert(sizeof(stack::UdpCounters) == kUdpCounters.size() * sizeof(Counter));

inline constexpr auto kNetworkCounters = std::to_array<CounterEntry<stack::NetworkCounters>>({
    {&stack::NetworkCounters::arp_in, "corelane_arp_received_packets_total",
     "ARP packets received and processed."},
    {&stack::NetworkCounters::ndp_in, "corelane_ndp_received_packets_total",
     "Neighbor discovery packets received and processed."},
    {&stack::NetworkCounters::echoes_in, "corelane_icmp_answered_echo_requests_total",
     "ICMP and ICMPv6 echo requests that were answered."},
    {&stack::NetworkCounters::icmp_errors_in, "corelane_icmp_received_errors_total",
     "Well-formed ICMP and ICMPv6 errors received."},
    {&stack::NetworkCounters::no_next_header, "corelane_ip_no_next_header_packets_total",
     "IPv6 packets with no next header (RFC 8200)."},
    {&stack::NetworkCounters::fragments_in, "corelane_ip_received_fragments_total",
     "Fragments received to be reassembled."},
    {&stack::NetworkCounters::reassembled, "corelane_ip_reassembled_datagrams_total",
     "Datagrams that were reassembled."},
    {&stack::NetworkCounters::address_conflicts, "corelane_arp_address_conflicts_total",
     "Claims of another station on an address of ours."},
});
static_assert(sizeof(stack::NetworkCounters) == kNetworkCounters.size() * sizeof(Counter));

inline constexpr auto kLaneCounters = std::to_array<CounterEntry<stack::LaneCounters>>({
    {&stack::LaneCounters::forwarded_out, "corelane_lane_forwarded_packets_total",
     "Packets handed to the lane that owns their flow."},
    {&stack::LaneCounters::forwarded_in, "corelane_lane_taken_packets_total",
     "Packets taken from other lanes."},
    {&stack::LaneCounters::forward_drops, "corelane_lane_dropped_packets_total",
     "Packets lost between lanes: the ring was full, or no memory for a copy."},
    {&stack::LaneCounters::carried_out, "corelane_lane_given_frames_total",
     "Frames given to another lane to send, for want of a queue."},
    {&stack::LaneCounters::carried_in, "corelane_lane_carried_frames_total",
     "Frames taken from lanes without a queue, to send them."},
    {&stack::LaneCounters::bucket_moves, "corelane_lane_bucket_moves_total",
     "Buckets of the flows' table that changed lanes to even out their load."},
});
static_assert(sizeof(stack::LaneCounters) == kLaneCounters.size() * sizeof(Counter));

inline constexpr auto kQueueCounters = std::to_array<CounterEntry<driver::QueueStats, uint64_t>>({
    {&driver::QueueStats::rx_packets, "corelane_queue_received_packets_total",
     "Packets received from the device's queue."},
    {&driver::QueueStats::rx_bytes, "corelane_queue_received_bytes_total",
     "Bytes received from the device's queue, of whole Ethernet frames without FCS."},
    {&driver::QueueStats::rx_dropped, "corelane_queue_receive_dropped_packets_total",
     "Packets that arrived but could not be delivered: no buffer, ring full, malformed."},
    {&driver::QueueStats::tx_packets, "corelane_queue_sent_packets_total",
     "Packets that the device's queue took."},
    {&driver::QueueStats::tx_bytes, "corelane_queue_sent_bytes_total",
     "Bytes that the device's queue took, of whole Ethernet frames without FCS."},
    {&driver::QueueStats::tx_dropped, "corelane_queue_send_dropped_packets_total",
     "Packets that the device can never send: too long, too many segments."},
    {&driver::QueueStats::tx_full, "corelane_queue_send_full_total",
     "Bursts of which the device's queue could not take everything."},
});
static_assert(sizeof(driver::QueueStats) == kQueueCounters.size() * sizeof(uint64_t));

inline constexpr auto kNeighborCounters =
    std::to_array<CounterEntry<arp::NeighborStats, uint64_t>>({
        {&arp::NeighborStats::created, "corelane_neighbor_created_entries_total",
         "Entries that the neighbor cache made."},
        {&arp::NeighborStats::evicted, "corelane_neighbor_evicted_entries_total",
         "Entries that gave way to new ones."},
        {&arp::NeighborStats::failed, "corelane_neighbor_failed_resolutions_total",
         "Resolutions and probes without an answer."},
        {&arp::NeighborStats::pending_dropped, "corelane_neighbor_dropped_packets_total",
         "Packets that waited for a neighbor in vain."},
        {&arp::NeighborStats::ignored, "corelane_neighbor_ignored_advertisements_total",
         "Advertisements that changed nothing."},
        {&arp::NeighborStats::table_full, "corelane_neighbor_table_full_total",
         "Neighbors for which there was no entry left."},
    });
static_assert(sizeof(arp::NeighborStats) == kNeighborCounters.size() * sizeof(uint64_t));

// The numbers that a struct of counters holds, in the order of its table.
template <class Counters, class Field, size_t kSize>
std::array<uint64_t, kSize> ReadAll(const Counters& counters,
                                    const std::array<CounterEntry<Counters, Field>, kSize>& table) {
  std::array<uint64_t, kSize> values;
  for (size_t i = 0; i < kSize; ++i) {
    if constexpr (std::is_same_v<Field, Counter>) {
      values[i] = (counters.*table[i].field).value();
    } else {
      values[i] = counters.*table[i].field;
    }
  }
  return values;
}

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_METRICS_COUNTER_TABLES_H_
