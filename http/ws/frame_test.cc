#include "http/ws/frame.h"

#include <gtest/gtest.h>

#include <string>

namespace corelane::ws {
namespace {

using Status = FrameHeadParser::Status;

std::string Emitted(const FrameHead& head) {
  std::string out(head.emitted_size(), '\0');
  head.Emit(out.data());
  return out;
}

struct Outcome {
  Status status;
  FrameHead head;
  std::string error;
  size_t taken;
};

Outcome ParseOne(std::string_view bytes, Role role = Role::kClient, bool allow_rsv1 = false,
                 size_t piece = SIZE_MAX) {
  FrameHeadParser parser(role, allow_rsv1);
  Status status = Status::kNeedMore;
  size_t taken = 0;
  while (status == Status::kNeedMore && taken < bytes.size()) {
    std::string_view now = bytes.substr(taken, piece);
    const size_t given = now.size();
    status = parser.Parse(now);
    taken += given - now.size();
  }
  if (status == Status::kError) {
    EXPECT_EQ(parser.error().code, CloseCode::kProtocolError);
    EXPECT_LE(parser.error().reason.size(), kMaxCloseReason);
  }
  return {status, parser.head(), std::string(parser.error().reason), taken};
}

TEST(Frame, HeadsComeBackAsTheyWereEmitted) {
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, uint64_t{125}, uint64_t{126}, uint64_t{127}, uint64_t{65535},
        uint64_t{65536}, uint64_t{1} << 32, (uint64_t{1} << 63) - 1}) {
    for (const Role role : {Role::kServer, Role::kClient}) {
      for (const Opcode opcode : {Opcode::kContinuation, Opcode::kText, Opcode::kBinary,
                                  Opcode::kClose, Opcode::kPing, Opcode::kPong}) {
        for (const bool fin : {true, false}) {
          if (IsControl(opcode) && (!fin || length > kMaxControlPayload)) continue;
          FrameHead head;
          head.fin = fin;
          head.opcode = opcode;
          head.length = length;
          head.masked = role == Role::kServer;
          if (head.masked) head.key = {1, 2, 3, 4};
          const std::string bytes = Emitted(head);
          for (const size_t piece : {size_t{1}, size_t{3}, SIZE_MAX}) {
            const Outcome parsed = ParseOne(bytes + "payload", role, false, piece);
            ASSERT_EQ(parsed.status, Status::kDone);
            EXPECT_EQ(parsed.taken, bytes.size());
            EXPECT_EQ(parsed.head.fin, fin);
            EXPECT_EQ(parsed.head.opcode, opcode);
            EXPECT_EQ(parsed.head.length, length);
            EXPECT_EQ(parsed.head.masked, head.masked);
            EXPECT_EQ(parsed.head.key, head.key);
          }
          for (size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_EQ(ParseOne(bytes.substr(0, size), role).status, Status::kNeedMore) << size;
          }
        }
      }
    }
  }
}

struct Refused {
  std::string bytes;
  const char* reason;
  Role role = Role::kClient;
};

TEST(Frame, RefusesAtTheByteThatIsWrong) {
  using namespace std::string_literals;
  const Refused cases[] = {
      {"\xc1"s, "a reserved bit is set"},
      {"\xa1"s, "a reserved bit is set"},
      {"\x91"s, "a reserved bit is set"},
      {"\x83"s, "unknown opcode"},
      {"\x87"s, "unknown opcode"},
      {"\x8b"s, "unknown opcode"},
      {"\x8f"s, "unknown opcode"},
      {"\x09"s, "fragmented control frame"},
      {"\x08"s, "fragmented control frame"},
      {"\x81\x05"s, "unmasked frame from a client", Role::kServer},
      {"\x81\x85"s, "masked frame from a server"},
      {"\x89\x7e"s, "control frame of more than 125 bytes"},
      {"\x88\x7f"s, "control frame of more than 125 bytes"},
      {"\x82\x7e\x00\x7d"s, "the length is not in its shortest form"},
      {"\x82\x7e\x00\x00"s, "the length is not in its shortest form"},
      {"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"s, "the length is not in its shortest form"},
      {"\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00"s, "the length's top bit is set"},
      {"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"s, "the length's top bit is set"},
  };
  for (const Refused& refused : cases) {
    const Outcome whole = ParseOne(refused.bytes + "more than that", refused.role);
    EXPECT_EQ(whole.status, Status::kError) << refused.reason;
    EXPECT_EQ(whole.error, refused.reason);
    EXPECT_EQ(whole.taken, refused.bytes.size()) << refused.reason;
    EXPECT_EQ(ParseOne(refused.bytes, refused.role, false, 1).error, refused.reason);
    const std::string before = refused.bytes.substr(0, refused.bytes.size() - 1);
    EXPECT_EQ(ParseOne(before, refused.role).status, Status::kNeedMore);
  }
}

// RFC 7692 §6
TEST(Frame, Rsv1OnlyWhereAMessageBegins) {
  EXPECT_EQ(ParseOne("\xc1\x01", Role::kClient, true).status, Status::kDone);
  EXPECT_TRUE(ParseOne("\xc2\x01", Role::kClient, true).head.rsv1);
  for (const char* bytes : {"\xc0", "\xc8", "\xc9", "\xca"}) {
    EXPECT_EQ(ParseOne(bytes, Role::kClient, true).error, "RSV1 on a frame that begins no message");
  }
}

TEST(Frame, CodesThatMayBeSent) {
  for (unsigned code = 0; code < 65536; ++code) {
    const bool listed = code == 1000 || code == 1001 || code == 1002 || code == 1003 ||
                        (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    ASSERT_EQ(IsSendable(static_cast<CloseCode>(code)), listed) << code;
  }
}

}  // namespace
}  // namespace corelane::ws
