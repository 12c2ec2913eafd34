// For the tests of sessions: a handler that writes down what happens, frames by hand, and two
// sessions joined in memory.

#ifndef CORELANE_HTTP_H2_SESSION_TEST_FIXTURE_H_
#define CORELANE_HTTP_H2_SESSION_TEST_FIXTURE_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/h2/session.h"

namespace corelane::h2::testing {

inline constexpr Instant kStart{std::chrono::seconds(1)};
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum FrameType : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoAway,
  kWindowUpdate,
  kContinuation,
};
enum Flag : uint8_t { kNone = 0, kAck = 1, kEndStream = 1, kEndHeaders = 4, kPadded = 8 };

inline std::string Be(uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(value >> shift));
  }
  return text;
}

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return Be(payload.size(), 3) + Be(type, 1) + Be(flags, 1) + Be(stream, 4) + std::string(payload);
}

// A field as HPACK's literal without indexing (RFC 7541 §6.2.2); both parts below 127 bytes.
inline std::string Literal(std::string_view name, std::string_view value) {
  return Be(0, 1) + Be(name.size(), 1) + std::string(name) + Be(value.size(), 1) +
         std::string(value);
}
using Pairs = std::initializer_list<std::pair<std::string_view, std::string_view>>;
inline std::string Literals(Pairs pairs) {
  std::string block;
  for (const auto& [name, value] : pairs) block += Literal(name, value);
  return block;
}

inline std::string RequestBlock(std::string_view method = "GET") {
  return Literals({{":method", method}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}});
}
inline std::string Request(uint32_t stream, uint8_t flags = kEndStream | kEndHeaders,
                           std::string_view more = "") {
  return Frame(kHeaders, flags, stream, RequestBlock() + std::string(more));
}
inline std::string ClientStart() { return std::string(kPreface) + Frame(kSettings, 0, 0, ""); }

inline std::string ToString(const http::Fields& fields) {
  std::string text;
  for (const http::Field field : fields) {
    text.append(" ").append(field.name).append("=").append(field.value);
  }
  return text;
}

// Writes each event down as a line, and then calls what the test has put into the hooks.
class Recorder : public Handler {
 public:
  std::vector<std::string> events;
  std::string body;  // All OnData together.
  bool log_data = true;
  Stream* last = nullptr;  // Of the latest event that was not OnClosed.
  std::function<void(Stream&, const RequestHead&, bool)> on_request;
  std::function<void(Stream&, std::string_view, bool)> on_data;
  std::function<void(Stream&)> on_writable;
  std::function<void(Stream&)> on_closed;

  void OnRequest(Stream& stream, const RequestHead& head, bool end) override {
    last = &stream;
    std::string line = "request " + std::to_string(stream.id()) + " " + std::string(head.method) +
                       " " + std::string(head.scheme) + " " + std::string(head.authority) + " " +
                       std::string(head.path);
    if (!head.protocol.empty()) line += " protocol=" + std::string(head.protocol);
    Log(line + ToString(head.fields), end);
    if (on_request) on_request(stream, head, end);
  }
  void OnResponse(Stream& stream, const ResponseHead& head, bool end) override {
    last = &stream;
    Log("response " + std::to_string(head.status) + ToString(head.fields), end);
  }
  void OnInformational(Stream&, const ResponseHead& head) override {
    Log("informational " + std::to_string(head.status) + ToString(head.fields), false);
  }
  void OnData(Stream& stream, std::string_view data, bool end) override {
    last = &stream;
    body += data;
    if (log_data) Log("data " + std::to_string(data.size()), end);
    if (on_data) on_data(stream, data, end);
  }
  void OnTrailers(Stream&, const http::Fields& fields) override {
    Log("trailers" + ToString(fields), false);
  }
  void OnWritable(Stream& stream) override {
    if (on_writable) on_writable(stream);
  }
  void OnClosed(Stream& stream, ErrorCode code, bool unprocessed) override {
    if (last == &stream) last = nullptr;
    Log("closed " + std::to_string(stream.id()) + " " + std::string(ErrorName(code)) +
            (unprocessed ? " unprocessed" : ""),
        false);
    if (on_closed) on_closed(stream);
  }
  void OnGoAway(ErrorCode code, uint32_t last_stream_id, std::string_view debug) override {
    Log("goaway " + std::string(ErrorName(code)) + " " + std::to_string(last_stream_id) +
            (debug.empty() ? "" : " " + std::string(debug)),
        false);
  }
  void OnSettings(const PeerSettings&) override { ++settings; }
  void OnPingAck(const PingPayload& payload) override {
    Log("ping ack " + std::string(payload.data(), payload.size()), false);
  }
  void OnConnectionError(ErrorCode code, std::string_view) override {
    Log("connection error " + std::string(ErrorName(code)), false);
  }

  int settings = 0;

 private:
  void Log(std::string line, bool end) { events.push_back(line + (end ? " end" : "")); }
};

inline std::string TakeOutput(Session& session) {
  std::string all;
  for (std::string_view out = session.Output(); !out.empty(); out = session.Output()) {
    all += out;
    session.OnWritten(out.size());
  }
  return all;
}

// One line for each frame: what a peer would see.
inline std::vector<std::string> Describe(std::string_view bytes) {
  constexpr const char* kNames[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                    "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                    "WINDOW_UPDATE", "CONTINUATION"};
  const auto number = [&](size_t at, size_t size) {
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
    return value;
  };
  if (bytes.starts_with(kPreface)) bytes.remove_prefix(kPreface.size());
  std::vector<std::string> frames;
  while (bytes.size() >= 9 && bytes.size() >= 9 + number(0, 3)) {
    const uint32_t length = number(0, 3);
    const uint8_t type = static_cast<uint8_t>(bytes[3]);
    std::string line = type < 10 ? kNames[type] : "UNKNOWN";
    line += " " + std::to_string(number(5, 4));
    const bool ackable = type == kSettings || type == kPing;
    if ((type == kData || type == kHeaders || ackable) && (bytes[4] & 1) != 0) {
      line += ackable ? " ACK" : " END";
    }
    if (type == kRstStream) line += " " + std::string(ErrorName(ErrorCode{number(9, 4)}));
    if (type == kGoAway) line += " " + std::string(ErrorName(ErrorCode{number(13, 4)}));
    if (type == kWindowUpdate) line += " +" + std::to_string(number(9, 4));
    if (type == kData) line += " " + std::to_string(length);
    frames.push_back(line);
    bytes.remove_prefix(9 + length);
  }
  if (!bytes.empty()) frames.push_back("rest");
  return frames;
}

// A server alone, fed with frames by hand.
struct LoneServer {
  explicit LoneServer(SessionOptions set = {}) : options(set) {
    session = Session::Server(options, handler, stats);
  }
  // Sends the client's preface and forgets ours.
  void Start() {
    Receive(ClientStart());
    static_cast<void>(TakeOutput(*session));
  }
  void Receive(std::string_view bytes, Instant now = kStart) { session->Receive(bytes, now); }
  std::vector<std::string> Frames() { return Describe(TakeOutput(*session)); }
  // What the server answers to `bytes` after a good start.
  std::vector<std::string> Answer(std::string_view bytes) {
    Receive(bytes);
    return Frames();
  }

  SessionOptions options;
  Recorder handler;
  SessionStats stats;
  std::unique_ptr<Session> session;
};

// A client and a server, joined without a network.
struct Pair {
  explicit Pair(SessionOptions server_set = {}, SessionOptions client_set = {})
      : server_options(server_set), client_options(client_set) {
    server = Session::Server(server_options, server_handler, server_stats);
    client = Session::Client(client_options, client_handler, client_stats);
  }
  // Moves at most `piece` bytes at a time until both are silent.
  void Run(size_t piece = SIZE_MAX, Instant now = kStart) {
    while (Move(*client, *server, piece, now) || Move(*server, *client, piece, now)) {
    }
  }
  static bool Move(Session& from, Session& to, size_t piece, Instant now) {
    const std::string_view out = from.Output();
    if (out.empty()) return false;
    const std::string bytes(out.substr(0, piece));
    from.OnWritten(bytes.size());
    to.Receive(bytes, now);
    return true;
  }
  Stream* Get(Body body = Body::None(), HeaderFields fields = {}, std::string_view method = "GET") {
    return client->SubmitRequest({method, "http", "a", "/"}, fields, body);
  }

  SessionOptions server_options;
  SessionOptions client_options;
  Recorder server_handler;
  Recorder client_handler;
  SessionStats server_stats;
  SessionStats client_stats;
  std::unique_ptr<Session> server;
  std::unique_ptr<Session> client;
};

}  // namespace corelane::h2::testing

#endif  // CORELANE_HTTP_H2_SESSION_TEST_FIXTURE_H_
