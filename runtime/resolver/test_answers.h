// What a name server says, for tests: messages put together record by record.
//
//   MessageBuilder(id, kAnswerFlags).Question(question).Alias("www.a", "b").Address("b",
//   "10.0.0.1")

#ifndef CORELANE_RUNTIME_RESOLVER_TEST_ANSWERS_H_
#define CORELANE_RUNTIME_RESOLVER_TEST_ANSWERS_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/check.h"
#include "core/ip_address.h"
#include "runtime/resolver/message.h"

namespace corelane::dns {

inline Name N(std::string_view text) {
  const auto name = Name::Parse(text);
  CL_CHECK(name.has_value());
  return *name;
}

// A response; recursion was desired and is available.
inline constexpr uint16_t kAnswerFlags = 0x8180;

class MessageBuilder {
 public:
  MessageBuilder(uint16_t id, uint16_t flags) : bytes_(12) {
    StoreBe16(bytes_.data(), id);
    StoreBe16(bytes_.data() + 2, flags);
  }

  MessageBuilder& Question(const dns::Question& question) {
    Count(4);
    Bytes(question.name.wire());
    return U16(static_cast<uint16_t>(question.type)).U16(1);
  }
  MessageBuilder& Address(std::string_view owner, std::string_view address, uint32_t ttl = 60) {
    const auto ip = IpAddress::Parse(address);
    CL_CHECK(ip.has_value());
    Begin(6, owner, ip->is_v4() ? RecordType::kA : RecordType::kAaaa, ttl);
    if (ip->is_v4()) return U16(4).Bytes(ip->v4().bytes());
    return U16(16).Bytes(ip->v6().bytes());
  }
  MessageBuilder& Alias(std::string_view owner, std::string_view target, uint32_t ttl = 60) {
    const Name name = N(target);
    Begin(6, owner, RecordType::kCname, ttl);
    return U16(static_cast<uint16_t>(name.wire().size())).Bytes(name.wire());
  }
  MessageBuilder& Soa(std::string_view zone, uint32_t ttl, uint32_t minimum) {
    Begin(8, zone, RecordType::kSoa, ttl);
    U16(1 + 1 + 20).U16(0);  // two names, both of them the root
    for (const uint32_t word : {1u, 2u, 3u, 4u, minimum}) U32(word);
    return *this;
  }
  MessageBuilder& Opt(uint8_t upper_rcode) {
    Begin(10, ".", RecordType::kOpt, uint32_t{upper_rcode} << 24);
    return U16(0);
  }
  // A record of the answer, up to its data.
  MessageBuilder& Begin(size_t section, std::string_view owner, RecordType type, uint32_t ttl) {
    Count(section);
    Bytes(N(owner).wire());
    return U16(static_cast<uint16_t>(type)).U16(1).U32(ttl);
  }
  MessageBuilder& U16(uint16_t value) {
    bytes_.push_back(static_cast<uint8_t>(value >> 8));
    bytes_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  MessageBuilder& U32(uint32_t value) {
    return U16(static_cast<uint16_t>(value >> 16)).U16(static_cast<uint16_t>(value));
  }
  MessageBuilder& Bytes(std::span<const uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // One more in the section whose count is there.
  MessageBuilder& Count(size_t offset) {
    StoreBe16(&bytes_[offset], static_cast<uint16_t>(LoadBe16(&bytes_[offset]) + 1));
    return *this;
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

// The question of a query, and its id.
struct ReadQuery {
  explicit ReadQuery(std::span<const uint8_t> query) : id(LoadBe16(query.data())) {
    size_t offset = 12;
    const auto name = Name::Read(query, offset);
    CL_CHECK(name.has_value() && query.size() >= offset + 4);
    question = {*name, static_cast<RecordType>(LoadBe16(&query[offset]))};
    edns = LoadBe16(&query[10]) == 1;
  }

  uint16_t id;
  Question question;
  bool edns;
};

}  // namespace corelane::dns

#endif  // CORELANE_RUNTIME_RESOLVER_TEST_ANSWERS_H_
