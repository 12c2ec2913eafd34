#include "udp/udp_socket.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace corelane::udp {
namespace {

constexpr size_t kFirstRing = 8;

}  // namespace

UdpSocket::~UdpSocket() { CL_CHECK(!bound()); }

bool UdpSocket::Receive(Datagram& datagram) {
  if (count_ == 0) return false;
  datagram = std::move(ring_[head_]);
  head_ = (head_ + 1) & (ring_.size() - 1);
  --count_;
  bytes_ -= datagram.payload ? datagram.payload.packet_size() : 0;
  return true;
}

std::optional<UdpError> UdpSocket::TakeError() { return std::exchange(error_, std::nullopt); }

ip::DropReason UdpSocket::Deliver(Datagram datagram) {
  const size_t bytes = datagram.payload ? datagram.payload.packet_size() : 0;
  if (count_ >= options_.receive_packets || bytes_ + bytes > options_.receive_bytes) {
    ++dropped_;
    return ip::DropReason::kUdpQueueFull;
  }
  if (count_ == ring_.size()) Grow();
  ring_[(head_ + count_) & (ring_.size() - 1)] = std::move(datagram);
  ++count_;
  bytes_ += bytes;
  ++received_;
  return ip::DropReason::kNone;
}

void UdpSocket::Grow() {
  std::vector<Datagram> ring(std::max(kFirstRing, ring_.size() * 2));
  for (size_t i = 0; i < count_; ++i) ring[i] = std::move(ring_[(head_ + i) & (ring_.size() - 1)]);
  ring_ = std::move(ring);
  head_ = 0;
}

}  // namespace corelane::udp
