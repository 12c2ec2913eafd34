#include "grpc/server_call.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <utility>

#include "core/check.h"
#include "grpc/message_frame.h"
#include "grpc/wire/encoding.h"
#include "grpc/wire/timeout.h"

namespace corelane::grpc {

ServerContext::ServerContext(const Method& method, const http::Request& request)
    : method_(method), request_(request), arena_(arena_block_.memory, kArenaBlock) {}

Duration ServerContext::time_left() const {
  if (deadline_ == kNever) return Duration::max();
  return std::max(deadline_ - request_.now(), Duration::zero());
}

namespace internal {
namespace {

constexpr int kMaxRefusals = 1000;

}  // namespace

ServerCall::ServerCall(std::shared_ptr<const ServedMethod> method, const http::Request& request)
    : ServerContext(method->method, request),
      served_(std::move(method)),
      reader_(served_->options.max_receive_message) {}

ServerCall::~ServerCall() {
  cancelled_ = true;  // What the handler's frames destroy may still ask.
  task_ = {};
  if (root_.handle) root_.handle.destroy();
}

// --- The server's side ---

http::Task<http::Response> ServerCall::Serve(std::shared_ptr<const ServedMethod> method,
                                             const http::Request& request) {
  std::unique_ptr<ServerCall> call(new ServerCall(std::move(method), request));
  Status refusal = call->Open();
  if (refusal.ok()) {
    RunAwaiter run = call->Run();
    co_await run;
  } else {
    call->End(std::move(refusal));
  }
  co_return Finish(std::move(call));
}

Status ServerCall::Open() {
  request_.AllowSlowBody();
  if (Status bad = metadata_.Parse(request_.fields()); !bad.ok()) return bad;
  if (const auto timeout = request_.Header("grpc-timeout"); timeout.has_value()) {
    const std::optional<Duration> parsed = ParseTimeout(*timeout);
    if (!parsed.has_value()) {
      return Status(StatusCode::kInternal,
                    "grpc-timeout: '" + std::string(*timeout) +
                        "' is not 1 to 8 digits and one of n, u, m, S, M, H");
    }
    const bool endless = *parsed >= kNever - request_.now();
    if (!endless) deadline_ = request_.now() + *parsed;
    request_.SetTimeout(endless ? Duration::max() : *parsed);
  } else {
    request_.SetTimeout(Duration::max());
  }
  if (const auto encoding = request_.Header("grpc-encoding"); encoding.has_value()) {
    const std::optional<Compression> known = ParseCompression(*encoding);
    if (!known.has_value()) {
      trailers_.Add("grpc-accept-encoding", kAcceptEncoding);
      return Status(StatusCode::kUnimplemented, "grpc-encoding: '" + std::string(*encoding) +
                                                    "' is none of " + std::string(kAcceptEncoding));
    }
    reader_.set_compression(*known);
  }
  accepted_ = CompressionSet::Parse(request_.Header("grpc-accept-encoding").value_or(""));
  root_ = RunHandler();
  handler_ = root_.handle;
  return Status();
}

ServerCall::Root ServerCall::RunHandler() {
  Status status;
  try {
    task_ = served_->run(*this);
    status = co_await std::move(task_);
  } catch (const http::HandlerTimeout&) {
    status = Status(StatusCode::kDeadlineExceeded, "the deadline has passed");
  } catch (...) {
    status = Status(StatusCode::kInternal, "internal error");
  }
  End(std::move(status));
}

void ServerCall::End(Status status) {
  if (!failure_.ok()) status = std::move(failure_);
  if (request_.timed_out()) {
    status = Status(StatusCode::kDeadlineExceeded, "the deadline has passed");
  }
  for (const Metadata* metadata : {&initial_metadata_, &trailing_metadata_}) {
    if (status.ok()) status = metadata->status();
  }
  status_ = std::move(status);
  if (!status_.ok()) last_ = {};
  ended_ = true;
  WriteTrailers();
  if (head_sent_) request_.ResumeOutput();
}

const http::FieldLines& ServerCall::OkTrailers() {
  static const http::FieldLines* const ok = [] {
    auto* const lines = new http::FieldLines;
    lines->Add("grpc-status", "0");
    return lines;
  }();
  return *ok;
}

// What follows the messages, or comes alone.
void ServerCall::WriteTrailers() {
  if (status_.ok() && trailing_metadata_.empty()) return;  // OkTrailers.
  trailers_.Add("grpc-status", std::to_string(static_cast<int>(status_.code())));
  if (!status_.message().empty()) trailers_.Add("grpc-message", PercentEncode(status_.message()));
  if (!status_.details().empty()) {
    trailers_.Add("grpc-status-details-bin", Base64Encode(status_.details()));
  }
  trailing_metadata_.ForEachLine(
      [this](std::string_view name, std::string_view value) { trailers_.Add(name, value); });
}

http::Response ServerCall::Finish(std::unique_ptr<ServerCall> call) {
  ServerCall& self = *call;
  self.head_sent_ = true;
  const bool alone = self.ended_ && self.last_.empty() && self.out_.empty();
  http::Response response = alone ? http::Response::Static("application/grpc", {})
                                  : http::Response::Stream("application/grpc", std::move(call));
  if (!self.initial_metadata_.empty()) {
    self.initial_metadata_.ForEachLine(
        [&response](std::string_view name, std::string_view value) { response.Add(name, value); });
  }
  if (alone) {
    self.FinalFields().ForEach(
        [&response](std::string_view name, std::string_view value) { response.Add(name, value); });
  } else if (self.compression_ != Compression::kIdentity) {
    response.Add("grpc-encoding", CompressionName(self.compression_));
  }
  return response;
}

http::BodySource::Result ServerCall::Read(std::span<char> out) {
  if (!out_.empty()) {
    const size_t size = std::min(out.size(), out_.size());
    std::memcpy(out.data(), out_.data(), size);
    out_.Consume(size);
    if (waits_for_room_ && has_room()) request_.Interrupt();
    return http::BodySource::Result::Data(size);
  }
  if (!last_.empty()) {
    const size_t size = last_.copy(out.data(), out.size());
    last_.remove_prefix(size);
    return http::BodySource::Result::Data(size);
  }
  return ended_ ? http::BodySource::Result::End() : http::BodySource::Result::Pending();
}

http::Task<void> ServerCall::Wait() {
  RunAwaiter run = Run();
  co_await run;
}

// --- In ---

bool ServerCall::ReadAwaiter::await_ready() {
  const Got got = call_.TakeMessage(message_);
  if (got == Got::kNothingYet) return false;
  if (only_ && got == Got::kMessage) {
    // Nearly always the end came with it.
    call_.read_one_ = true;
    const Got next = call_.TakeMessage(message_);
    if (next == Got::kNothingYet) return false;
  }
  got_ = only_ ? call_.CountOnly(got) : got == Got::kMessage;
  return true;
}

bool ServerCall::ReadAwaiter::await_resume() {
  if (call_.request_.timed_out()) throw http::HandlerTimeout();
  return more_ ? std::move(more_).operator co_await().await_resume() : got_;
}

http::Task<bool> ServerCall::ReadOn(google::protobuf::MessageLite& message, bool only) {
  for (;;) {
    auto more = request_.WaitForBody();
    co_await more;
    const Got got = TakeMessage(message);
    if (got == Got::kNothingYet) continue;
    if (!only) co_return got == Got::kMessage;
    if (got == Got::kEnd) co_return CountOnly(got);
    read_one_ = true;
  }
}

// Of a method that takes one message: whether it had one.
bool ServerCall::CountOnly(Got) {
  if (!failure_.ok()) return false;
  if (read_one_) return true;
  Fail(Status(StatusCode::kUnimplemented, "the method takes one request, and there was none"));
  return false;
}

ServerCall::Got ServerCall::Fail(Status status) {
  if (failure_.ok()) failure_ = std::move(status);
  input_ = {};
  return Got::kEnd;
}

ServerCall::Got ServerCall::TakeMessage(google::protobuf::MessageLite& message) {
  for (;;) {
    if (!failure_.ok()) return Got::kEnd;
    switch (reader_.Next(input_)) {
      case MessageReader::Event::kMessage:
        return Parse(message);
      case MessageReader::Event::kError:
        return Fail(reader_.status());
      case MessageReader::Event::kNeedMore:
        break;
    }
    const std::optional<http::BodyChunk> chunk = request_.PollBody();
    if (!chunk.has_value()) return Got::kNothingYet;
    if (chunk->failed()) {
      cancelled_ = true;
      return Fail(Status(StatusCode::kCancelled, "the client has gone"));
    }
    if (chunk->end()) {
      const Status end = reader_.Finish();
      return end.ok() ? Got::kEnd : Fail(end);
    }
    input_ = chunk->data;
  }
}

ServerCall::Got ServerCall::Parse(google::protobuf::MessageLite& message) {
  if (read_one_) {
    return Fail(
        Status(StatusCode::kUnimplemented, "the method takes one request, and there were more"));
  }
  const std::string_view bytes = reader_.message();
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Fail(Status(StatusCode::kInternal, "the request is no valid " + message.GetTypeName()));
  }
  return Got::kMessage;
}

// --- Out ---

bool ServerCall::MaySend(size_t size) {
  if (size <= options().max_send_message) return true;
  Fail(Status(StatusCode::kResourceExhausted, "a reply of " + std::to_string(size) +
                                                  " bytes is over max_send_message, " +
                                                  std::to_string(options().max_send_message)));
  return false;
}

bool ServerCall::Append(const google::protobuf::MessageLite& message) {
  const size_t size = message.ByteSizeLong();
  if (!MaySend(size)) return false;
  if (compression_ == Compression::kIdentity) {
    AppendFrame(message, size, out_);
    return true;
  }
  plain_.resize(size);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(plain_.data()));
  compressor_.Compress(compression_, plain_, compressed_);
  WriteFramePrefix(true, compressed_.size(), out_.Prepare(kFramePrefix));
  out_.Commit(kFramePrefix);
  out_.Append(compressed_);
  return true;
}

void ServerCall::WriteLast(const google::protobuf::MessageLite& message) {
  if (compression_ != Compression::kIdentity) {
    Append(message);
    return;
  }
  const size_t size = message.ByteSizeLong();
  if (!MaySend(size)) return;
  char* const at = google::protobuf::Arena::CreateArray<char>(&arena_, kFramePrefix + size);
  WriteFrame(message, size, at);
  last_ = {at, kFramePrefix + size};
}

// True: the handler may go on at once.
bool ServerCall::BeginWrite(const google::protobuf::MessageLite* message) {
  if (cancelled_ || !failure_.ok() || request_.timed_out()) return ++refusals_ < kMaxRefusals;
  if (message != nullptr && !Append(*message)) return true;
  if (!head_sent_) return false;
  request_.ResumeOutput();
  return has_room();
}

std::coroutine_handle<> ServerCall::SuspendWrite(std::coroutine_handle<> handler) {
  if (!head_sent_) {  // Its caller sends the head, and runs it again.
    handler_ = handler;
    return std::exchange(caller_, std::noop_coroutine());
  }
  waits_for_room_ = true;
  auto room = request_.WaitForInterrupt();
  room.await_suspend(handler);
  return std::noop_coroutine();
}

bool ServerCall::EndWrite() {
  waits_for_room_ = false;
  if (request_.timed_out()) throw http::HandlerTimeout();
  return !cancelled_ && failure_.ok();
}

bool ServerCall::TryWriteMessage(const google::protobuf::MessageLite& message) {
  if (ended_ || cancelled_ || !failure_.ok() || !has_room()) return false;
  if (!Append(message)) return false;
  if (head_sent_) {
    request_.ResumeOutput();
  } else {
    std::exchange(caller_, std::noop_coroutine()).resume();
  }
  return true;
}

}  // namespace internal
}  // namespace corelane::grpc
