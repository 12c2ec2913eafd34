// Bytes into a server: no way of cutting them changes what the handler sees, and every stream that
// was announced is closed once.

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/h2/session_test_fixture.h"

namespace corelane::h2 {
namespace {

// Everything that the handler sees, but for what depends on the cuts: how much it sees of a body
// that turns out not to be as long as announced, and how soon a peer that goes away is listened to
// no more.
std::string Serve(std::string_view bytes, size_t piece) {
  SessionOptions options;
  options.max_concurrent_streams = 8;
  options.initial_window_size = 1000;
  options.max_header_list_size = 2000;
  options.enable_connect_protocol = true;
  options.resets = {10, 0};
  options.max_queued_frames = SIZE_MAX / 2;  // Counts reads, which differ.
  testing::LoneServer server(options);
  server.handler.log_data = false;
  std::set<Stream*> open;
  std::map<uint32_t, std::string> bodies;
  server.handler.on_request = [&](Stream& stream, const RequestHead&, bool) {
    CL_CHECK(open.insert(&stream).second);
    const HeaderField fields[] = {{"a", "b"}};
    static_cast<void>(server.session->SubmitInformational(stream, 103, fields));
    static_cast<void>(server.session->SubmitResponse(stream, 200, fields, Body::Pushed()));
  };
  server.handler.on_data = [&](Stream& stream, std::string_view data, bool end) {
    bodies[stream.id()] += data;
    if (end) server.handler.events.push_back(bodies[stream.id()]);
    CL_CHECK(open.contains(&stream));
    CL_CHECK(data.size() <= stream.unconsumed());
    // Not in the middle: whether a client that has overrun its window is caught would depend on how
    // much of that has been consumed by then.
    if (end) server.session->Consume(stream, stream.unconsumed());
  };
  server.handler.on_closed = [&](Stream& stream) { CL_CHECK(open.erase(&stream) == 1); };
  server.Receive(testing::ClientStart());
  while (!bytes.empty()) {
    server.Receive(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  for (Stream* stream : open) server.session->Write(*stream, "hello", true);
  static_cast<void>(testing::TakeOutput(*server.session));
  server.session->Abort(ErrorCode::kCancel);
  CL_CHECK(open.empty());
  CL_CHECK(server.session->open_streams() == 0);
  CL_CHECK(server.session->finished());
  std::string seen;
  for (const std::string& line : server.handler.events) {
    if (line.starts_with("goaway")) break;
    seen += line + "\n";
  }
  return seen;
}

}  // namespace
}  // namespace corelane::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::h2::Serve;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = Serve(bytes, SIZE_MAX);
  CL_CHECK(Serve(bytes, 1) == whole);
  if (size > 0) CL_CHECK(Serve(bytes, 1 + data[0] % size) == whole);
  return 0;
}
