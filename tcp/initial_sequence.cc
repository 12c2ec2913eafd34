#include "tcp/initial_sequence.h"

#include <array>

#include "core/bytes.h"

namespace corelane::tcp {
namespace {

std::array<uint8_t, 36> Serialize(const FourTuple& t) {
  std::array<uint8_t, 36> bytes;
  t.local.v6().CopyTo(bytes.data());
  t.remote.v6().CopyTo(bytes.data() + 16);
  StoreBe16(bytes.data() + 32, t.local_port);
  StoreBe16(bytes.data() + 34, t.remote_port);
  return bytes;
}

}  // namespace

SequenceSecrets::SequenceSecrets(Random& random)
    : connection_{random.Next64(), random.Next64()}, port_{random.Next64(), random.Next64()} {}

InitialNumbers SequenceSecrets::ForConnection(const FourTuple& tuple, Instant now) const {
  const auto clock = static_cast<uint32_t>(ToMicroseconds(now.time_since_epoch()) / 4);
  const uint64_t hash = SipHash13(connection_, Serialize(tuple));
  return {SeqNum(clock + static_cast<uint32_t>(hash)), static_cast<uint32_t>(hash >> 32)};
}

SipKey SequenceSecrets::CookieKey() const {
  // Longer than anything else that is hashed with the key.
  std::array<uint8_t, 37> input{};
  const uint64_t k0 = SipHash24(connection_, input);
  input.back() = 1;
  return {k0, SipHash24(connection_, input)};
}

uint32_t SequenceSecrets::PortOffset(const IpAddress& local, const IpAddress& remote,
                                     uint16_t remote_port) const {
  return static_cast<uint32_t>(SipHash13(port_, Serialize({local, remote, 0, remote_port})));
}

}  // namespace corelane::tcp
