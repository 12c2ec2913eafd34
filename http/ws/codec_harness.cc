#include "http/ws/codec_harness.h"

#include <algorithm>
#include <memory>

namespace corelane::ws::testing {
namespace {

std::string Frame(FrameHead head, std::string_view payload) {
  head.length = payload.size();
  std::string out(head.emitted_size(), '\0');
  head.Emit(out.data());
  const size_t head_size = out.size();
  out += payload;
  if (head.masked) ApplyMask({out.data() + head_size, payload.size()}, head.key, 0);
  return out;
}

std::string Describe(Event event, const Decoder& decoder) {
  switch (event) {
    case Event::kNeedMore:
      return "";
    case Event::kMessage:
      return (decoder.type() == MessageType::kText ? "text(" : "binary(") +
             std::string(decoder.message()) + ") ";
    case Event::kPing:
      return "ping(" + std::string(decoder.control()) + ") ";
    case Event::kPong:
      return "pong(" + std::string(decoder.control()) + ") ";
    case Event::kClose:
      return "close(" + std::to_string(static_cast<int>(decoder.close_code())) + "," +
             std::string(decoder.close_reason()) + ") ";
    case Event::kError:
      return "error(" + std::to_string(static_cast<int>(decoder.error().code)) + "," +
             std::string(decoder.error().reason) + ") ";
  }
  return "?";
}

}  // namespace

std::function<MaskKey()> SeededMasks(uint64_t seed) {
  return [random = Random(seed)]() mutable {
    MaskKey key;
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(random.Next64());
    return key;
  };
}

std::string ClientFrame(FrameHead head, std::string_view payload) {
  head.masked = true;
  head.key = {0x37, 0xfa, 0x21, 0x3d};
  return Frame(head, payload);
}

std::string ServerFrame(FrameHead head, std::string_view payload) { return Frame(head, payload); }

FrameHead Head(Opcode opcode, bool fin, bool rsv1) {
  FrameHead head;
  head.opcode = opcode;
  head.fin = fin;
  head.rsv1 = rsv1;
  return head;
}

std::string Decoded(Decoder& decoder, std::string_view bytes, size_t piece) {
  std::string out;
  do {
    std::string_view now = bytes.substr(0, piece);
    bytes.remove_prefix(now.size());
    while (true) {
      const Event event = decoder.Decode(now);
      out += Describe(event, decoder);
      if (event == Event::kError) return out;
      if (event == Event::kNeedMore) break;
    }
  } while (!bytes.empty());
  return out;
}

std::string ClosePayload(unsigned code, std::string_view reason) {
  std::string out{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  out += reason;
  return out;
}

}  // namespace corelane::ws::testing
