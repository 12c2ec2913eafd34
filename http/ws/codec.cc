#include "http/ws/codec.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace corelane::ws {
namespace {

constexpr size_t kUnmaskStep = 4096;

std::optional<Inflater> MakeInflater(Role role, const std::optional<DeflateParams>& deflate) {
  if (!deflate.has_value()) return std::nullopt;
  const bool from_client = role == Role::kServer;
  return Inflater(
      from_client ? deflate->client_max_window_bits : deflate->server_max_window_bits,
      from_client ? deflate->client_no_context_takeover : deflate->server_no_context_takeover);
}

std::optional<Deflater> MakeDeflater(Role role, const std::optional<DeflateParams>& deflate,
                                     const DeflateOptions& options) {
  if (!deflate.has_value()) return std::nullopt;
  const bool server = role == Role::kServer;
  return Deflater(
      server ? deflate->server_max_window_bits : deflate->client_max_window_bits,
      server ? deflate->server_no_context_takeover : deflate->client_no_context_takeover, options);
}

// The longest prefix of at most `most` bytes that does not end inside a character.
std::string_view WholeCharacters(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<uint8_t>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace

// --- Decoder ---

Decoder::Decoder(Role role, uint64_t max_message, const std::optional<DeflateParams>& deflate)
    : max_message_(max_message),
      parser_(role, deflate.has_value()),
      inflater_(MakeInflater(role, deflate)) {}

bool Decoder::Fail(CloseCode code, std::string_view reason) {
  error_ = {code, reason};
  state_ = State::kFailed;
  return false;
}

Event Decoder::Decode(std::string_view& bytes) {
  if (delivered_) {
    message_.Clear();
    delivered_ = false;
  }
  while (true) {
    switch (state_) {
      case State::kFailed:
        bytes = {};
        return Event::kError;
      case State::kClosed:
        bytes = {};
        return Event::kNeedMore;
      case State::kHead:
        switch (parser_.Parse(bytes)) {
          case FrameHeadParser::Status::kNeedMore:
            return Event::kNeedMore;
          case FrameHeadParser::Status::kError:
            Fail(parser_.error().code, parser_.error().reason);
            continue;
          case FrameHeadParser::Status::kDone:
            BeginFrame();
            continue;
        }
        break;
      case State::kData:
        if (!TakeData(bytes)) continue;
        if (taken_ < head_.length) return Event::kNeedMore;
        state_ = State::kHead;
        if (!head_.fin) continue;
        if (!EndMessage()) continue;
        return Event::kMessage;
      case State::kControl:
        TakeControl(bytes);
        if (taken_ < head_.length) return Event::kNeedMore;
        return EndControl();
    }
  }
}

void Decoder::BeginFrame() {
  head_ = parser_.head();
  parser_.Reset();
  taken_ = 0;
  if (!IsControl(head_.opcode)) return BeginData(head_);
  control_size_ = 0;
  state_ = State::kControl;
}

// RFC 6455 §5.4
void Decoder::BeginData(const FrameHead& head) {
  const bool continues = head.opcode == Opcode::kContinuation;
  if (continues != in_message_) {
    Fail(CloseCode::kProtocolError,
         continues ? "continuation of no message" : "message inside a message");
    return;
  }
  if (!continues) {
    in_message_ = true;
    compressed_ = head.rsv1;
    type_ = head.opcode == Opcode::kText ? MessageType::kText : MessageType::kBinary;
    message_.Clear();
    utf8_.Reset();
  }
  state_ = State::kData;
  // Before any of it is received. What a compressed frame becomes shows only as it is inflated.
  if (!compressed_ && head.length > max_message_ - message_.size()) {
    Fail(CloseCode::kTooBig, "message too big");
  }
}

bool Decoder::TakeData(std::string_view& bytes) {
  const std::string_view piece =
      bytes.substr(0, static_cast<size_t>(std::min<uint64_t>(bytes.size(), head_.length - taken_)));
  bytes.remove_prefix(piece.size());
  return compressed_ ? TakeCompressed(piece) : TakePlain(piece);
}

bool Decoder::TakePlain(std::string_view piece) {
  if (piece.empty()) return true;
  char* const at = message_.Prepare(piece.size());
  std::memcpy(at, piece.data(), piece.size());
  if (head_.masked) ApplyMask({at, piece.size()}, head_.key, taken_);
  taken_ += piece.size();
  message_.Commit(piece.size());
  if (type_ == MessageType::kText && !utf8_.Add({at, piece.size()})) {
    return Fail(CloseCode::kInvalidData, "text that is not UTF-8");
  }
  return true;
}

bool Decoder::TakeCompressed(std::string_view piece) {
  std::array<char, kUnmaskStep> plain;
  while (!piece.empty()) {
    const size_t size = std::min(piece.size(), plain.size());
    std::memcpy(plain.data(), piece.data(), size);
    piece.remove_prefix(size);
    if (head_.masked) ApplyMask({plain.data(), size}, head_.key, taken_);
    taken_ += size;
    const size_t from = message_.size();
    if (!CheckInflated(inflater_->Add({plain.data(), size}, max_message_, message_), from)) {
      return false;
    }
  }
  return true;
}

bool Decoder::CheckInflated(Inflater::Status status, size_t from) {
  // What came out before the rest failed comes first, so that pieces do not matter.
  if (type_ == MessageType::kText && !utf8_.Add(message_.view().substr(from))) {
    return Fail(CloseCode::kInvalidData, "text that is not UTF-8");
  }
  switch (status) {
    case Inflater::Status::kOk:
      return true;
    case Inflater::Status::kTooBig:
      return Fail(CloseCode::kTooBig, "message too big");
    case Inflater::Status::kBad:
      return Fail(CloseCode::kInvalidData, "data that cannot be inflated");
  }
  return false;
}

bool Decoder::EndMessage() {
  in_message_ = false;
  delivered_ = true;
  if (compressed_) {
    const size_t from = message_.size();
    if (!CheckInflated(inflater_->Finish(max_message_, message_), from)) return false;
  }
  if (type_ == MessageType::kText && !utf8_.complete()) {
    return Fail(CloseCode::kInvalidData, "text that ends inside a character");
  }
  return true;
}

void Decoder::TakeControl(std::string_view& bytes) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(bytes.size(), head_.length - taken_));
  if (size == 0) return;
  char* const at = control_.data() + control_size_;
  std::memcpy(at, bytes.data(), size);
  if (head_.masked) ApplyMask({at, size}, head_.key, taken_);
  bytes.remove_prefix(size);
  taken_ += size;
  control_size_ += size;
}

Event Decoder::EndControl() {
  state_ = State::kHead;
  if (head_.opcode == Opcode::kPing) return Event::kPing;
  if (head_.opcode == Opcode::kPong) return Event::kPong;
  return EndClose();
}

// RFC 6455 §5.5.1, §7.4
Event Decoder::EndClose() {
  state_ = State::kClosed;
  close_code_ = CloseCode::kNoCode;
  if (control_size_ == 0) return Event::kClose;
  if (control_size_ == 1) {
    Fail(CloseCode::kProtocolError, "close frame with half a code");
    return Event::kError;
  }
  const auto byte = [this](size_t i) { return static_cast<uint8_t>(control_[i]); };
  close_code_ = static_cast<CloseCode>(byte(0) << 8 | byte(1));
  if (!IsSendable(close_code_)) {
    Fail(CloseCode::kProtocolError, "close code that must not be sent");
    return Event::kError;
  }
  if (!IsUtf8(close_reason())) {
    Fail(CloseCode::kInvalidData, "close reason that is not UTF-8");
    return Event::kError;
  }
  return Event::kClose;
}

// --- Encoder ---

Encoder::Encoder(Role role, std::function<MaskKey()> new_mask,
                 const std::optional<DeflateParams>& deflate, const DeflateOptions& options)
    : role_(role), new_mask_(std::move(new_mask)), deflater_(MakeDeflater(role, deflate, options)) {
  CL_CHECK(role == Role::kServer || new_mask_ != nullptr);
}

void Encoder::Frame(FrameHead head, std::string_view payload, http::Buffer& out) {
  head.length = payload.size();
  head.masked = role_ == Role::kClient;
  if (head.masked) head.key = new_mask_();
  const size_t head_size = head.emitted_size();
  char* const at = out.Prepare(head_size + payload.size());
  head.Emit(at);
  if (!payload.empty()) std::memcpy(at + head_size, payload.data(), payload.size());
  if (head.masked) ApplyMask({at + head_size, payload.size()}, head.key, 0);
  out.Commit(head_size + payload.size());
}

void Encoder::Message(MessageType type, std::string_view payload, http::Buffer& out) {
  Begin(type, payload.size());
  Add(payload, true, out);
}

void Encoder::Begin(MessageType type, size_t size) {
  opcode_ = type == MessageType::kText ? Opcode::kText : Opcode::kBinary;
  compresses_ = deflater_.has_value() && deflater_->Wants(size) && deflater_->Begin();
}

void Encoder::Add(std::string_view piece, bool last, http::Buffer& out) {
  FrameHead head;
  if (compresses_) {
    compressed_.Clear();
    deflater_->Add(piece, last, compressed_);
    if (compressed_.empty() && !last) return;
    piece = compressed_.view();
  }
  head.fin = last;
  head.opcode = std::exchange(opcode_, Opcode::kContinuation);
  head.rsv1 = compresses_ && head.opcode != Opcode::kContinuation;  // RFC 7692 §6.1
  Frame(head, piece, out);
}

void Encoder::Control(Opcode opcode, std::string_view payload, http::Buffer& out) {
  FrameHead head;
  head.opcode = opcode;
  Frame(head, payload.substr(0, kMaxControlPayload), out);
}

void Encoder::Close(CloseCode code, std::string_view reason, http::Buffer& out) {
  if (!IsSendable(code)) return Control(Opcode::kClose, {}, out);
  std::array<char, kMaxControlPayload> payload;
  const std::string_view whole = WholeCharacters(reason, kMaxCloseReason);
  payload[0] = static_cast<char>(static_cast<uint16_t>(code) >> 8);
  payload[1] = static_cast<char>(static_cast<uint16_t>(code) & 0xff);
  std::copy(whole.begin(), whole.end(), payload.begin() + 2);
  Control(Opcode::kClose, {payload.data(), whole.size() + 2}, out);
}

}  // namespace corelane::ws
