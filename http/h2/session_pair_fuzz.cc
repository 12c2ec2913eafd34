// Two sessions driven by a script of calls: neither ever finds fault with the other, what is
// written arrives in order, and every stream is closed once on each side.
//
//   | operation, 1 byte | operand, 1 byte | operation | operand | ...

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "http/h2/session_test_fixture.h"

namespace corelane::h2 {
namespace {

// One end: its open streams, what it has written and what it has read, by stream id.
struct End {
  explicit End(bool server) : server(server) {
    options.initial_window_size = 300;
    options.connection_window_size = 65535;
    options.max_concurrent_streams = 5;
    options.send_buffer_size = 400;
    options.output_size = 500;
    handler.log_data = false;
    session = server ? Session::Server(options, handler, stats)
                     : Session::Client(options, handler, stats);
    handler.on_request = [this](Stream& stream, const RequestHead&, bool) { Open(stream); };
    handler.on_data = [this](Stream& stream, std::string_view data, bool) {
      read[stream.id()] += data;
    };
    handler.on_closed = [this](Stream& stream) { CL_CHECK(std::erase(open, &stream) == 1); };
  }
  void Open(Stream& stream) { open.push_back(&stream); }
  Stream* Pick(uint8_t operand) { return open.empty() ? nullptr : open[operand % open.size()]; }
  void Write(Stream& stream, size_t size, bool end) {
    std::string& text = written[stream.id()];
    std::string more;
    for (size_t i = 0; i < size; ++i) more.push_back(static_cast<char>(text.size() + i));
    text += more.substr(0, session->Write(stream, more, end));
  }

  const bool server;
  SessionOptions options;
  testing::Recorder handler;
  SessionStats stats;
  std::unique_ptr<Session> session;
  std::vector<Stream*> open;
  std::map<uint32_t, std::string> written;
  std::map<uint32_t, std::string> read;
};

void Act(End& end, uint8_t operation, uint8_t operand) {
  const HeaderField fields[] = {{"a", "b"}, {"secret", "c", true}};
  const Body body = operand % 4 == 0 ? Body::None() : Body::Pushed();
  Session& session = *end.session;
  Stream* stream = end.Pick(operand);
  if (operation == 0 && !end.server) {
    Stream* made = session.SubmitRequest({"POST", "http", "a", "/"}, fields, body);
    if (made != nullptr) end.Open(*made);
  } else if (operation == 1) {
    session.Ping({'p'});
  } else if (operation == 2 && operand == 0) {
    session.Drain();
  } else if (stream == nullptr) {
    return;
  } else if (operation == 0) {
    static_cast<void>(session.SubmitResponse(*stream, 200, fields, body));
  } else if (operation == 3) {
    static_cast<void>(session.SubmitInformational(*stream, 103, fields));
  } else if (operation == 4) {
    end.Write(*stream, operand * 3u, operand % 8 == 7);
  } else if (operation == 5) {
    session.Consume(*stream, operand * 2u);
  } else if (operation == 6) {
    static_cast<void>(session.SubmitTrailers(*stream, fields));
  } else if (operation == 7 && operand % 4 == 0) {
    session.Reset(*stream, ErrorCode::kCancel);
  }
}

void CheckRead(const End& from, const End& to) {
  for (const auto& [id, text] : to.read) {
    const auto sent = from.written.find(id);
    CL_CHECK(sent != from.written.end() && sent->second.starts_with(text));
  }
}

void Run(std::string_view script) {
  End client(false);
  End server(true);
  for (size_t i = 0; i + 1 < script.size(); i += 2) {
    const auto operation = static_cast<uint8_t>(script[i]);
    const auto operand = static_cast<uint8_t>(script[i + 1]);
    End& end = (operation & 8) != 0 ? server : client;
    End& other = end.server ? client : server;
    if ((operation & 16) != 0) {
      testing::Pair::Move(*end.session, *other.session, 1u + operand, testing::kStart);
    } else {
      Act(end, operation & 7, operand);
    }
  }
  while (testing::Pair::Move(*client.session, *server.session, SIZE_MAX, testing::kStart) ||
         testing::Pair::Move(*server.session, *client.session, SIZE_MAX, testing::kStart)) {
  }
  CheckRead(client, server);
  CheckRead(server, client);
  for (End* end : {&client, &server}) {
    CL_CHECK(end->stats.connection_errors == 0 && end->stats.malformed == 0);
    end->session->Abort(ErrorCode::kCancel);
    CL_CHECK(end->open.empty() && end->session->open_streams() == 0);
  }
}

}  // namespace
}  // namespace corelane::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Beyond that, the rates of pings and resets are exceeded, as they should be.
  corelane::h2::Run({reinterpret_cast<const char*>(data), std::min<size_t>(size, 600)});
  return 0;
}
