// The UDP header (RFC 768).
//
//    0          2          4        6          8
//   +----------+----------+--------+----------+-----
//   | src port | dst port | length | checksum | data
//   +----------+----------+--------+----------+-----

#ifndef CORELANE_UDP_UDP_HEADER_H_
#define CORELANE_UDP_UDP_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"

namespace corelane::udp {

inline constexpr size_t kUdpHeaderLength = 8;

// A header, checked once: it is there, and its length fits into the IP payload. Borrows the bytes.
class UdpHeaderView {
 public:
  // bytes: the IP payload as far as it is contiguous. ip_payload_length: all of it. The datagram
  // may be shorter (RFC 768 does not forbid bytes behind it); it is never longer.
  static constexpr std::optional<UdpHeaderView> Parse(std::span<const uint8_t> bytes,
                                                      size_t ip_payload_length) {
    if (bytes.size() < kUdpHeaderLength) return std::nullopt;
    const UdpHeaderView view(bytes.data());
    if (view.length() < kUdpHeaderLength || view.length() > ip_payload_length) return std::nullopt;
    return view;
  }

  constexpr uint16_t src_port() const { return LoadBe16(bytes_); }
  constexpr uint16_t dst_port() const { return LoadBe16(bytes_ + 2); }
  // Header and data.
  constexpr uint16_t length() const { return LoadBe16(bytes_ + 4); }
  constexpr uint16_t checksum() const { return LoadBe16(bytes_ + 6); }
  constexpr bool has_checksum() const { return checksum() != 0; }

 private:
  constexpr explicit UdpHeaderView(const uint8_t* bytes) : bytes_(bytes) {}

  const uint8_t* bytes_;
};

// A header to be written; the checksum field as it is to stand there.
struct UdpHeader {
  uint16_t src_port = 0;
  uint16_t dst_port = 0;
  uint16_t datagram_length = 0;  // header and data
  uint16_t checksum = 0;

  static constexpr UdpHeader FromView(const UdpHeaderView& view) {
    return {view.src_port(), view.dst_port(), view.length(), view.checksum()};
  }

  static constexpr size_t length() { return kUdpHeaderLength; }
  constexpr void Emit(uint8_t* to) const {
    StoreBe16(to, src_port);
    StoreBe16(to + 2, dst_port);
    StoreBe16(to + 4, datagram_length);
    StoreBe16(to + 6, checksum);
  }

  friend constexpr bool operator==(const UdpHeader&, const UdpHeader&) = default;
};

}  // namespace corelane::udp

#endif  // CORELANE_UDP_UDP_HEADER_H_
