#include "examples/demo_app.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>

#include "examples/demo_page.h"
#include "http/message.h"
#include "http/sse.h"
#include "http/wire/syntax.h"
#include "http/ws/handler.h"

namespace corelane::examples {
namespace {

using http::BodyChunk;
using http::BodySource;
using http::Request;
using http::Response;
using http::Task;

constexpr std::string_view kOctets = "application/octet-stream";
constexpr uint64_t kMaxBytes = uint64_t{1} << 40;
constexpr size_t kPatternPeriod = 65536;

const std::array<char, kPatternPeriod>& Pattern() {
  static const auto* const pattern = [] {
    auto* const made = new std::array<char, kPatternPeriod>;
    uint32_t state = 1;
    for (char& byte : *made) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<char>(state >> 24);
    }
    return made;
  }();
  return *pattern;
}

class PatternSource final : public BodySource {
 public:
  explicit PatternSource(uint64_t size) : size_(size) {}

  std::optional<uint64_t> size() const override { return size_; }
  Result Read(std::span<char> out) override {
    const size_t from = static_cast<size_t>(at_ % kPatternPeriod);
    const size_t size =
        static_cast<size_t>(std::min<uint64_t>({out.size(), kPatternPeriod - from, size_ - at_}));
    if (size == 0) return Result::End();
    std::memcpy(out.data(), Pattern().data() + from, size);
    at_ += size;
    return Result::Data(size);
  }

 private:
  const uint64_t size_;
  uint64_t at_ = 0;
};

// `count` lines, each a chunk.
class LinesSource final : public BodySource {
 public:
  explicit LinesSource(uint64_t count) : count_(count) {}

  Result Read(std::span<char> out) override {
    if (line_.empty()) {
      if (at_ == count_) return Result::End();
      ++at_;
      line_ = "chunk " + std::to_string(at_) + " of " + std::to_string(count_) + "\n";
    }
    const size_t size = std::min(out.size(), line_.size());
    std::memcpy(out.data(), line_.data(), size);
    line_.erase(0, size);
    return Result::Data(size);
  }

 private:
  const uint64_t count_;
  uint64_t at_ = 0;
  std::string line_;
};

// The request's body as the response's.
class EchoSource final : public BodySource {
 public:
  explicit EchoSource(const Request& request) : request_(request) {}

  std::optional<uint64_t> size() const override { return request_.content_length(); }
  Result Read(std::span<char> out) override {
    if (left_.empty()) {
      const std::optional<BodyChunk> chunk = request_.PollBody();
      if (!chunk.has_value()) return Result::Pending();
      if (chunk->failed()) return Result::Failed();
      if (chunk->end()) return Result::End();
      left_ = chunk->data;
    }
    const size_t size = std::min(out.size(), left_.size());
    std::memcpy(out.data(), left_.data(), size);
    left_.remove_prefix(size);
    return Result::Data(size);
  }
  Task<void> Wait() override { co_await request_.WaitForBody(); }

 private:
  const Request& request_;
  std::string_view left_;
};

// Server-sent events: the statistics, twice a second, until the server stops.
class StatsEvents final : public BodySource {
 public:
  StatsEvents(const Request& request, StatsSource& stats) : request_(request), stats_(stats) {
    event_ = "retry: 1000\n\n";
  }

  Result Read(std::span<char> out) override {
    if (ended_) return Result::End();
    if (sent_ == event_.size()) {
      if (!due_) return Result::Pending();
      due_ = false;
      sent_ = 0;
      event_ = "data: " + StatsToJson(stats_.Snapshot()) + "\n\n";
    }
    const size_t size = std::min(out.size(), event_.size() - sent_);
    std::memcpy(out.data(), event_.data() + sent_, size);
    sent_ += size;
    return Result::Data(size);
  }

  Task<void> Wait() override {
    const bool running = co_await request_.Sleep(std::chrono::milliseconds(500));
    ended_ = !running;
    due_ = true;
  }

 private:
  const Request& request_;
  StatsSource& stats_;
  std::string event_;
  size_t sent_ = 0;
  bool due_ = true;
  bool ended_ = false;
};

Response Bytes(const Request& request) {
  const std::optional<uint64_t> size = request.NumberParam("n");
  if (!size.has_value() || *size > kMaxBytes) {
    return Response::Static("text/plain",
                            "/bytes/{n}: n must be a decimal number up to 1099511627776\n", 400);
  }
  return Response::Stream(kOctets, std::make_unique<PatternSource>(*size));
}

Response Stream(http::Path<"n", uint64_t> count) {
  return Response::Stream("text/plain", std::make_unique<LinesSource>(*count));
}

Task<Response> Echo(const Request& request) {
  co_return Response::Stream(request.Header("content-type").value_or(kOctets),
                             std::make_unique<EchoSource>(request));
}

// An event at once, and then one a second; a client that comes back goes on where it was.
Task<void> CountSeconds(http::EventStream& events) {
  uint64_t count = http::ParseDecimal(events.last_event_id()).value_or(0);
  for (bool running = true; running;) {
    const std::string number = std::to_string(++count);
    const http::ServerEvent event{.event = "count", .data = number, .id = number, .retry = {}};
    co_await events.Send(event);
    running = co_await events.Sleep(std::chrono::seconds(1));
  }
}

Task<void> EchoMessages(ws::Socket& socket) {
  for (;;) {
    const std::optional<ws::Message> message = co_await socket.Receive();
    if (!message) co_return;
    co_await socket.Send(*message);
  }
}

// For any page, since it gives nothing away.
ws::Options EchoOptions() {
  ws::Options options;
  options.origins = {"*"};
  options.deflate.emplace();
  options.max_message = 16 << 20;
  return options;
}

std::string Hex32(uint32_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out(8, '0');
  for (size_t i = 8; i-- > 0; value >>= 4) out[i] = kDigits[value & 15];
  return out;
}

Task<Response> Upload(const Request& request) {
  uint64_t bytes = 0;
  uLong crc = crc32(0, nullptr, 0);
  for (;;) {
    const BodyChunk chunk = co_await request.ReadBody();
    if (chunk.failed()) co_return Response::Static("text/plain", "the body broke off\n", 400);
    if (chunk.end()) break;
    bytes += chunk.data.size();
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(chunk.data.data()), chunk.data.size());
  }
  co_return Response::Json("{\"bytes\":" + std::to_string(bytes) + ",\"crc32\":\"" +
                           Hex32(static_cast<uint32_t>(crc)) + "\"}\n");
}

}  // namespace

char PatternByte(uint64_t i) { return Pattern()[static_cast<size_t>(i % kPatternPeriod)]; }

void AddDemoRoutes(http::Router& router, StatsSource& stats) {
  router.Get("/", [](const Request&) {
    Response response = Response::Static("text/html; charset=utf-8", DemoPage());
    response.Add("Cache-Control", "no-cache");
    response.Add("Content-Security-Policy",
                 "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                 "connect-src 'self'; img-src data:");
    return response;
  });
  router.Get("/hello", [](const Request&) { return Response::Static("text/plain", kHello); });
  router.Get("/json", [](const Request&) {
    return Response::Static("application/json", "{\"message\":\"Hello, World!\"}\n");
  });
  router.Get("/bytes/{n}", Bytes);
  router.Get("/stream/{n}", Stream);
  router.Get("/sse",
             [](const Request& request) { return http::StreamEvents(request, CountSeconds); });
  router.Get("/ws", ws::Handler(EchoMessages, EchoOptions()));
  router.Any("/echo", Echo);
  router.Post("/upload", Upload);
  router.Put("/upload", Upload);
  router.Get("/api/stats", [&stats](const Request&) {
    Response response = Response::Json(StatsToJson(stats.Snapshot()) + "\n");
    response.Add("Cache-Control", "no-store");
    return response;
  });
  router.Get("/api/events", [&stats](const Request& request) {
    Response response =
        Response::Stream("text/event-stream", std::make_unique<StatsEvents>(request, stats));
    response.Add("Cache-Control", "no-store");
    return response;
  });
}

}  // namespace corelane::examples
