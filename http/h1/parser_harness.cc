#include "http/h1/parser_harness.h"

#include <algorithm>

namespace corelane::http::testing {
namespace {

void AppendFields(const Fields& fields, std::vector<std::pair<std::string, std::string>>& out) {
  for (const Field field : fields) out.emplace_back(field.name, field.value);
}

void WriteFields(const std::vector<std::pair<std::string, std::string>>& fields, const char* mark,
                 std::string& out) {
  for (const auto& [name, value] : fields) {
    out.append(mark).append(name).append("=").append(value).append("\n");
  }
}

// The unconsumed bytes, always in a block of exactly their size, so that a sanitizer sees each byte
// read too far.
class Window {
 public:
  Window(std::string_view bytes, const PieceSize& pieces) : bytes_(bytes), pieces_(pieces) {}

  // False when there is nothing more to come.
  bool More() {
    if (end_ == bytes_.size()) return false;
    end_ += std::min(std::max<size_t>(pieces_(), 1), bytes_.size() - end_);
    Refresh();
    return true;
  }
  void Consume(size_t count) {
    begin_ += count;
    Refresh();
  }
  std::string_view view() const { return {block_.data(), block_.size()}; }
  size_t consumed() const { return begin_; }

 private:
  void Refresh() {
    const std::string_view now = bytes_.substr(begin_, end_ - begin_);
    block_ = std::vector<char>(now.begin(), now.end());
    block_.shrink_to_fit();
  }

  std::string_view bytes_;
  const PieceSize& pieces_;
  size_t begin_ = 0;
  size_t end_ = 0;
  std::vector<char> block_;
};

// False on an error or when the bytes end first.
bool ReadBody(Window& window, BodyDecoder& decoder, ParsedMessage& message, ParseError& error) {
  while (!decoder.done()) {
    const BodyStep step = decoder.Decode(window.view());
    message.body += step.data;
    if (step.status == ParseStatus::kError) {
      error = decoder.error();
      return false;
    }
    if (decoder.done()) AppendFields(decoder.trailers(), message.trailers);
    window.Consume(step.consumed);
    if (decoder.done()) break;
    if (step.data.empty() && !window.More()) return false;
  }
  return true;
}

// Parses heads and bodies until an error, the end, or a message that ends the connection.
template <class Parser, class Start, class Describe>
ParsedStream ParseMessages(std::string_view bytes, const PieceSize& pieces, const Start& start,
                           const Describe& describe) {
  ParsedStream stream;
  Window window(bytes, pieces);
  for (;;) {
    Parser parser;
    start(parser);
    ParseStatus status = parser.Parse(window.view());
    while (status == ParseStatus::kNeedMore && window.More()) {
      status = parser.Parse(window.view());
    }
    if (status == ParseStatus::kError) stream.error = parser.error();
    if (status != ParseStatus::kDone) return stream;
    ParsedMessage& message = stream.messages.emplace_back();
    const auto head = parser.head(window.view());
    message.start = describe(head, message);
    AppendFields(head.fields, message.fields);
    message.head_complete = true;
    message.keep_alive = head.keep_alive;
    BodyDecoder decoder;
    decoder.Start(head.body);
    window.Consume(parser.consumed());
    if (!ReadBody(window, decoder, message, stream.error)) return stream;
    message.complete = true;
    stream.consumed = window.consumed();
    if (!message.keep_alive) return stream;
  }
}

}  // namespace

std::string ParsedMessage::ToString() const {
  std::string out = start + "\n";
  WriteFields(fields, "  ", out);
  out += "  [" + body + "]\n";
  WriteFields(trailers, "  +", out);
  out += complete ? "  complete" : "  incomplete";
  out += keep_alive ? "" : " close";
  out += expect_continue ? " expect\n" : "\n";
  return out;
}

std::string ParsedStream::ToString() const {
  std::string out;
  for (const ParsedMessage& message : messages) out += message.ToString();
  out += Reason(error);
  out += " at " + std::to_string(consumed) + "\n";
  return out;
}

PieceSize WholeStream() {
  return [] { return SIZE_MAX; };
}

PieceSize Pieces(size_t size) {
  return [size] { return size; };
}

PieceSize SplitAt(size_t first) {
  return [first, calls = size_t{0}]() mutable { return calls++ == 0 ? first : SIZE_MAX; };
}

ParsedStream ParseRequests(std::string_view bytes, const PieceSize& pieces,
                           const HeadLimits& limits) {
  return ParseMessages<RequestParser>(
      bytes, pieces, [&](RequestParser& parser) { parser.Start(limits); },
      [](const RequestHead& head, ParsedMessage& message) {
        message.expect_continue = head.expect_continue;
        return std::string(head.method_text) + " " + std::string(head.target) +
               " path=" + std::string(head.path) + " query=" + std::string(head.query) +
               " authority=" + std::string(head.authority) + " 1." +
               (head.version == Version::kHttp10 ? "0" : "1");
      });
}

ParsedStream ParseResponses(std::string_view bytes, const PieceSize& pieces, Method method) {
  return ParseMessages<ResponseParser>(
      bytes, pieces, [&](ResponseParser& parser) { parser.Start(HeadLimits(), method); },
      [](const ResponseHead& head, ParsedMessage&) {
        return std::to_string(head.status) + " " + std::string(head.reason) + " 1." +
               std::to_string(head.minor_version);
      });
}

ParsedStream ParseChunked(std::string_view bytes, const PieceSize& pieces) {
  ParsedStream stream;
  Window window(bytes, pieces);
  ParsedMessage& message = stream.messages.emplace_back();
  BodyDecoder decoder;
  decoder.Start({BodyKind::kChunked, 0});
  message.complete = ReadBody(window, decoder, message, stream.error);
  if (message.complete) stream.consumed = window.consumed();
  return stream;
}

}  // namespace corelane::http::testing
