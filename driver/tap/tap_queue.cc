#include "driver/tap/tap_queue.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "driver/registry.h"
#include "driver/tap/vnet_header.h"

namespace corelane::driver::internal {
namespace {

// A header, and the rooms of the longest frame: 1 + 31 of the default size.
constexpr size_t kMaxRooms = 40;

}  // namespace

TapQueue::TapQueue(int fd, const DeviceInfo& info, const TapQueueOptions& options)
    : fd_(fd),
      pool_(options.pool_packets, DataRoomFor(info.mtu)),
      limits_(info),
      vnet_header_(options.vnet_header) {
  const size_t longest = options.large_frames ? kMaxTsoFrame : limits_.max_frame + kVlanTag;
  const size_t first = pool_.data_room() - pool_.headroom();
  rooms_needed_ =
      longest <= first ? 1 : 1 + (longest - first + pool_.data_room() - 1) / pool_.data_room();
  CL_CHECK(rooms_needed_ <= kMaxRooms);
  rooms_.reserve(rooms_needed_);
}

TapQueue::~TapQueue() {
  pool_.ReleaseOwner();
  for (PacketHead* room : rooms_) PacketBuf::Adopt(room);
  close(fd_);
}

bool TapQueue::FillRooms() {
  while (rooms_.size() < rooms_needed_) {
    PacketHead* room = pool_.Allocate().Release();
    if (room == nullptr) return false;
    rooms_.push_back(room);
  }
  return true;
}

PacketBuf TapQueue::TakeRooms(size_t n) {
  PacketHead* first = rooms_[0];
  first->packet_length = static_cast<uint32_t>(n);
  PacketHead* last = nullptr;
  size_t used = 0;
  do {
    PacketHead* room = rooms_[used++];
    const size_t space = static_cast<size_t>(room->room + room->room_size - room->data);
    room->length = static_cast<uint32_t>(std::min(n, space));
    n -= room->length;
    if (last != nullptr) last->next_segment = room;
    last = room;
  } while (n > 0);
  rooms_.erase(rooms_.begin(), rooms_.begin() + static_cast<ptrdiff_t>(used));
  return PacketBuf::Adopt(first);
}

PacketBuf TapQueue::Read(bool& again) {
  VnetHeader header{};
  std::array<iovec, 1 + kMaxRooms> parts;
  size_t count = 0;
  if (vnet_header_) parts[count++] = {&header, sizeof(header)};
  for (size_t i = 0; i < rooms_needed_; ++i) {
    PacketHead* room = rooms_[i];
    // Only the first segment of a packet needs headroom.
    room->data = room->room + (i == 0 ? pool_.headroom() : 0);
    parts[count++] = {room->data, static_cast<size_t>(room->room + room->room_size - room->data)};
  }
  const ssize_t n = readv(fd_, parts.data(), static_cast<int>(count));
  const ssize_t before = vnet_header_ ? sizeof(header) : 0;
  again = n > 0 || (n < 0 && errno == EINTR);
  if (n < 0) return PacketBuf();
  if (n < before + ssize_t{kEthernetHeader}) {
    stats_.rx_dropped += n > 0;
    return PacketBuf();
  }
  PacketBuf packet = TakeRooms(static_cast<size_t>(n - before));
  if (vnet_header_ && !ApplyVnetHeader(header, packet)) {
    ++stats_.rx_dropped;
    return PacketBuf();
  }
  return packet;
}

size_t TapQueue::ReceiveBurst(Instant, std::span<PacketBuf> out) {
  starved_ = false;
  size_t n = 0;
  bool again = true;
  // Dropped frames count as looks, so that a flood of them cannot keep the caller.
  for (size_t looks = 2 * out.size(); again && n < out.size() && looks > 0; --looks) {
    if (!FillRooms()) {
      starved_ = true;
      break;
    }
    PacketBuf packet = Read(again);
    if (!packet) continue;
    ++stats_.rx_packets;
    stats_.rx_bytes += packet.packet_size();
    out[n++] = std::move(packet);
  }
  return n;
}

TapQueue::Written TapQueue::Write(PacketBuf& packet) {
  VnetHeader header;
  std::array<iovec, 1 + kMaxTxSegments> parts;
  size_t count = 0;
  if (vnet_header_) {
    header = ToVnetHeader(packet);
    parts[count++] = {&header, sizeof(header)};
  }
  for (const PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
    if (s->length > 0) parts[count++] = {s->data, s->length};
  }
  while (writev(fd_, parts.data(), static_cast<int>(count)) < 0) {
    switch (errno) {
      case EINTR:
        continue;
      case EAGAIN:
      case ENOBUFS:
      case ENOMEM:
        return Written::kFull;
      default:  // the interface is down, or the kernel refuses this frame
        return Written::kNever;
    }
  }
  return Written::kSent;
}

size_t TapQueue::TransmitBurst(Instant, std::span<PacketBuf> in) {
  size_t i = 0;
  for (; i < in.size(); ++i) {
    PacketBuf& packet = in[i];
    Written written = Written::kNever;
    if (CanSend(*packet.head(), limits_) && packet.segments() <= limits_.max_segments) {
      written = Write(packet);
    }
    if (written == Written::kFull) {
      ++stats_.tx_full;
      break;
    }
    if (written == Written::kSent) {
      ++stats_.tx_packets;
      stats_.tx_bytes += packet.packet_size();
    } else {
      ++stats_.tx_dropped;
    }
    packet.Reset();
  }
  return i;
}

std::optional<WakeSource> TapQueue::ArmWake() {
  // With its pool empty the queue cannot read what makes the descriptor readable: look again soon,
  // but don't spin.
  if (starved_) return WakeSource{.fd = -1, .nap = std::chrono::milliseconds(1)};
  return WakeSource{.fd = fd_};
}

}  // namespace corelane::driver::internal
