// DNS messages (RFC 1035 §4, RFC 3596, RFC 6891): the queries of a stub resolver, and what their
// answers say.
//
//   std::vector<uint8_t> query = EncodeQuery({name, RecordType::kA}, id, Edns::kYes);
//   std::optional<Response> response = DecodeResponse(bytes);
//
// Whoever sent a response is not known here: the caller compares id and question, and where it came
// from.

#ifndef CORELANE_RUNTIME_RESOLVER_MESSAGE_H_
#define CORELANE_RUNTIME_RESOLVER_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/ip_address.h"
#include "runtime/resolver/name.h"

namespace corelane::dns {

// A datagram of this length needs no fragments on any usual path: what EDNS offers.
inline constexpr uint16_t kUdpPayload = 1232;

enum class RecordType : uint16_t { kA = 1, kCname = 5, kSoa = 6, kAaaa = 28, kOpt = 41 };

enum class Rcode : uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kBadVers = 16,
};

// Of the class IN.
struct Question {
  Name name;
  RecordType type = RecordType::kA;

  friend bool operator==(const Question&, const Question&) = default;
};

enum class Edns : bool { kNo, kYes };

// A recursive query with one question.
std::vector<uint8_t> EncodeQuery(const Question& question, uint16_t id, Edns edns);

struct Response {
  uint16_t id = 0;
  Rcode rcode = Rcode::kNoError;  // may be one that is not named
  bool truncated = false;         // then only the question was looked at
  bool authoritative = false;
  bool recursion_available = false;
  std::optional<Question> question;  // null: a server that understood nothing repeated nothing
  // Of the question's type, of the question's name or of what its CNAMEs lead to.
  std::vector<IpAddress> addresses;
  Name canonical;    // where the CNAMEs lead to
  uint32_t ttl = 0;  // seconds; the least of all records that the answer is made of
  // How long it may be remembered that there are no addresses (RFC 2308 §5); null: not at all.
  std::optional<uint32_t> negative_ttl;

  // The answer of a server that neither knows nor asks others.
  bool is_lame() const {
    return rcode == Rcode::kNoError && addresses.empty() && !negative_ttl && !authoritative &&
           !recursion_available;
  }
};

// Null: not a well-formed response. CNAMEs that go round in circles, or further than anybody needs,
// count as a server's failure.
std::optional<Response> DecodeResponse(std::span<const uint8_t> bytes);

}  // namespace corelane::dns

#endif  // CORELANE_RUNTIME_RESOLVER_MESSAGE_H_
