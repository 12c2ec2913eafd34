// Runs the parsers over a byte stream as a connection would, in pieces of any size, and writes down
// everything they said. Two runs over the same bytes must give the same text, whatever the pieces.

#ifndef CORELANE_HTTP_H1_PARSER_HARNESS_H_
#define CORELANE_HTTP_H1_PARSER_HARNESS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/h1/parser.h"

namespace corelane::http::testing {

struct ParsedMessage {
  std::string start;  // "GET /path" or "200 OK".
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::pair<std::string, std::string>> trailers;
  std::string body;
  bool head_complete = false;
  bool complete = false;
  bool keep_alive = true;
  bool expect_continue = false;

  std::string ToString() const;
};

struct ParsedStream {
  std::vector<ParsedMessage> messages;
  ParseError error = ParseError::kNone;
  size_t consumed = 0;  // Up to the end of the last complete message.

  std::string ToString() const;
};

// How many of the next bytes to hand over at a time; 0 is read as 1.
using PieceSize = std::function<size_t()>;

PieceSize WholeStream();
PieceSize Pieces(size_t size);
// First `first` bytes, then the rest.
PieceSize SplitAt(size_t first);

ParsedStream ParseRequests(std::string_view bytes, const PieceSize& pieces,
                           const HeadLimits& limits = HeadLimits());
ParsedStream ParseResponses(std::string_view bytes, const PieceSize& pieces,
                            Method method = Method::kGet);
ParsedStream ParseChunked(std::string_view bytes, const PieceSize& pieces);

}  // namespace corelane::http::testing

#endif  // CORELANE_HTTP_H1_PARSER_HARNESS_H_
