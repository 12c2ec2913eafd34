#include "runtime/resolver/message.h"

#include <algorithm>

#include "core/bytes.h"

namespace corelane::dns {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr uint16_t kClassIn = 1;
// The flags of RFC 1035 §4.1.1.
constexpr uint16_t kResponse = 0x8000;
constexpr uint16_t kOpcode = 0x7800;
constexpr uint16_t kAuthoritative = 0x0400;
constexpr uint16_t kTruncated = 0x0200;
constexpr uint16_t kRecursionDesired = 0x0100;
constexpr uint16_t kRecursionAvailable = 0x0080;
constexpr uint16_t kRcode = 0x000f;
// More CNAMEs in a row than any zone needs.
constexpr int kMaxAliases = 16;

void Append16(std::vector<uint8_t>& to, uint16_t value) {
  to.push_back(static_cast<uint8_t>(value >> 8));
  to.push_back(static_cast<uint8_t>(value));
}

struct Record {
  Name owner;
  RecordType type;
  uint16_t record_class;
  uint32_t ttl;
  size_t data;    // where it is in the message
  size_t length;  // of it
};

// Reads a message from front to back; after an error everything else is one, too.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  size_t offset() const { return offset_; }
  std::span<const uint8_t> bytes() const { return bytes_; }
  void Seek(size_t offset) { offset_ = offset; }
  void Skip(size_t n) {
    if (Has(n)) offset_ += n;
  }
  uint16_t U16() {
    if (!Has(2)) return 0;
    offset_ += 2;
    return LoadBe16(&bytes_[offset_ - 2]);
  }
  uint32_t U32() {
    if (!Has(4)) return 0;
    offset_ += 4;
    return LoadBe32(&bytes_[offset_ - 4]);
  }
  Name ReadName() {
    if (failed_) return Name();
    auto name = Name::Read(bytes_, offset_);
    failed_ = !name.has_value();
    return name ? *std::move(name) : Name();
  }
  Record ReadRecord() {
    Record record;
    record.owner = ReadName();
    record.type = static_cast<RecordType>(U16());
    record.record_class = U16();
    record.ttl = U32();
    // RFC 2181 §8.
    if (record.ttl > 0x7fffffff && record.type != RecordType::kOpt) record.ttl = 0;
    record.length = U16();
    record.data = offset_;
    Skip(record.length);
    return record;
  }

 private:
  bool Has(size_t n) {
    if (failed_ || bytes_.size() - offset_ < n) failed_ = true;
    return !failed_;
  }

  std::span<const uint8_t> bytes_;
  size_t offset_ = 0;
  bool failed_ = false;
};

// What the sections after the question say.
class Sections {
 public:
  Sections(Reader& reader, Response& response) : reader_(reader), response_(response) {}

  // False: malformed.
  bool Read(size_t answers, size_t authorities, size_t additional) {
    for (size_t i = 0; i < answers && !reader_.failed(); ++i) {
      Record record = reader_.ReadRecord();
      if (record.record_class == kClassIn) answers_.push_back(std::move(record));
    }
    for (size_t i = 0; i < authorities && !reader_.failed(); ++i) {
      Record record = reader_.ReadRecord();
      if (record.record_class == kClassIn && record.type == RecordType::kSoa) {
        authorities_.push_back(std::move(record));
      }
    }
    for (size_t i = 0; i < additional && !reader_.failed(); ++i) {
      const Record record = reader_.ReadRecord();
      // RFC 6891 §6.1.3: the upper bits of the RCODE.
      if (record.type == RecordType::kOpt) {
        response_.rcode = static_cast<Rcode>(static_cast<uint16_t>(response_.rcode) |
                                             (record.ttl >> 24 & 0xff) << 4);
      }
    }
    if (reader_.failed() || !response_.question) return !reader_.failed();
    response_.ttl = 0x7fffffff;
    response_.canonical = response_.question->name;
    return FollowAliases() && TakeAddresses() && TakeSoa();
  }

 private:
  bool FollowAliases() {
    for (int i = 0; i <= kMaxAliases; ++i) {
      const auto alias = std::find_if(answers_.begin(), answers_.end(), [&](const Record& r) {
        return r.type == RecordType::kCname && r.owner == response_.canonical;
      });
      if (alias == answers_.end()) return true;
      reader_.Seek(alias->data);
      Name target = reader_.ReadName();
      if (reader_.failed() || reader_.offset() != alias->data + alias->length) return false;
      response_.canonical = std::move(target);
      response_.ttl = std::min(response_.ttl, alias->ttl);
    }
    response_.rcode = Rcode::kServFail;
    return true;
  }

  bool TakeAddresses() {
    const bool v4 = response_.question->type == RecordType::kA;
    for (const Record& r : answers_) {
      if (r.type != response_.question->type || !(r.owner == response_.canonical)) continue;
      if (r.type != RecordType::kA && r.type != RecordType::kAaaa) continue;
      if (r.length != (v4 ? 4u : 16u)) return false;
      const uint8_t* const at = reader_.bytes().data() + r.data;
      const IpAddress address =
          v4 ? IpAddress(Ipv4Address::FromBytes(at)) : IpAddress(Ipv6Address::FromBytes(at));
      // An IPv4 address has no business in an AAAA record (RFC 4291 §2.5.5.2).
      if (!v4 && address.is_v4()) continue;
      response_.ttl = std::min(response_.ttl, r.ttl);
      auto& all = response_.addresses;
      if (std::find(all.begin(), all.end(), address) == all.end()) all.push_back(address);
    }
    return true;
  }

  // RFC 2308 §3, §5: of the zone that the name at the end of the CNAMEs is, or would be, in.
  bool TakeSoa() {
    for (const Record& r : authorities_) {
      if (!response_.canonical.IsWithin(r.owner)) continue;
      reader_.Seek(r.data);
      reader_.ReadName();
      reader_.ReadName();
      reader_.Skip(16);
      const uint32_t minimum = reader_.U32();
      if (reader_.failed() || reader_.offset() != r.data + r.length) return false;
      response_.negative_ttl = std::min({response_.ttl, r.ttl, minimum});
      return true;
    }
    return true;
  }

  Reader& reader_;
  Response& response_;
  std::vector<Record> answers_;
  std::vector<Record> authorities_;
};

}  // namespace

std::vector<uint8_t> EncodeQuery(const Question& question, uint16_t id, Edns edns) {
  std::vector<uint8_t> to;
  to.reserve(kHeaderBytes + question.name.wire().size() + 4 + 11);
  Append16(to, id);
  Append16(to, kRecursionDesired);
  Append16(to, 1);  // questions
  Append16(to, 0);
  Append16(to, 0);
  Append16(to, edns == Edns::kYes ? 1 : 0);
  to.insert(to.end(), question.name.wire().begin(), question.name.wire().end());
  Append16(to, static_cast<uint16_t>(question.type));
  Append16(to, kClassIn);
  if (edns == Edns::kNo) return to;
  // RFC 6891 §6.1.2: the root's name, the size where the class is, no options.
  to.push_back(0);
  Append16(to, static_cast<uint16_t>(RecordType::kOpt));
  Append16(to, kUdpPayload);
  to.insert(to.end(), 6, 0);
  return to;
}

std::optional<Response> DecodeResponse(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  Response response;
  response.id = reader.U16();
  const uint16_t flags = reader.U16();
  const uint16_t questions = reader.U16();
  const uint16_t answers = reader.U16();
  const uint16_t authorities = reader.U16();
  const uint16_t additional = reader.U16();
  if (reader.failed() || (flags & kResponse) == 0 || (flags & kOpcode) != 0) return std::nullopt;
  response.rcode = static_cast<Rcode>(flags & kRcode);
  response.truncated = (flags & kTruncated) != 0;
  response.authoritative = (flags & kAuthoritative) != 0;
  response.recursion_available = (flags & kRecursionAvailable) != 0;
  if (questions > 1) return std::nullopt;
  if (questions == 1) {
    Question question;
    question.name = reader.ReadName();
    question.type = static_cast<RecordType>(reader.U16());
    if (reader.U16() != kClassIn || reader.failed()) return std::nullopt;
    response.question = std::move(question);
    response.canonical = response.question->name;
  }
  if (response.truncated) return response;
  if (!Sections(reader, response).Read(answers, authorities, additional)) return std::nullopt;
  return response;
}

}  // namespace corelane::dns
