#include "examples/proxy_tunnel.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

namespace corelane::examples {
namespace {

// For the other server's last words, when the client has said its own.
constexpr Duration kLinger = std::chrono::seconds(5);

}  // namespace

void TunnelUpload::Push(std::string_view bytes) {
  bytes_.Append(bytes);
  NotifyReady();
}

void TunnelUpload::End() {
  ended_ = true;
  NotifyReady();
}

TunnelUpload::Result TunnelUpload::Read(std::span<char> out) {
  if (bytes_.empty()) return ended_ ? Result::End() : Result::Pending();
  const bool full = !has_room();
  const size_t size = std::min(out.size(), bytes_.size());
  std::memcpy(out.data(), bytes_.data(), size);
  bytes_.Consume(size);
  if (full && has_room() && room_ != nullptr) room_();
  return Result::Data(size);
}

struct ProxyTunnel::Download {
  explicit Download(Answer answer) : answer(std::move(answer)) {}

  Answer answer;
  std::array<char, 16384> bytes;
  size_t begin = 0;
  size_t end = 0;
  boost::system::error_code error;
  bool reading = false;
  const http::Request* request = nullptr;  // Null: the tunnel has gone.
};

ProxyTunnel::ProxyTunnel(const http::Request& request, std::shared_ptr<TunnelUpload> upload,
                         Answer answer)
    : request_(request),
      upload_(std::move(upload)),
      download_(std::make_shared<Download>(std::move(answer))) {
  download_->request = &request;
  upload_->set_room([&request] { request.Interrupt(); });
}

ProxyTunnel::~ProxyTunnel() {
  upload_->set_room(nullptr);
  download_->request = nullptr;
  download_->answer.Cancel();
}

void ProxyTunnel::TakeInput() {
  while (!client_ended_ && upload_->has_room()) {
    const std::optional<http::BodyChunk> chunk = request_.PollBody();
    if (!chunk.has_value()) return;
    if (!chunk->end() && !chunk->failed()) {
      upload_->Push(chunk->data);
      continue;
    }
    client_ended_ = true;
    end_at_ = request_.now() + kLinger;
    upload_->End();
  }
}

void ProxyTunnel::StartRead() {
  if (std::exchange(download_->reading, true)) return;
  download_->begin = download_->end = 0;
  download_->answer.Read(boost::asio::buffer(download_->bytes),
                         [download = download_](boost::system::error_code error, size_t size) {
                           download->reading = false;
                           download->error = error;
                           download->end = size;
                           if (download->request != nullptr) download->request->Interrupt();
                         });
}

http::BodySource::Result ProxyTunnel::Read(std::span<char> out) {
  if (!std::exchange(started_, true)) request_.SetTimeout(Duration::max());
  TakeInput();
  Download& from = *download_;
  if (!from.reading && from.begin < from.end) {
    const size_t size = std::min(out.size(), from.end - from.begin);
    std::memcpy(out.data(), from.bytes.data() + from.begin, size);
    from.begin += size;
    return Result::Data(size);
  }
  if (from.error == boost::asio::error::eof) return Result::End();
  if (from.error) return Result::Failed();
  if (request_.stopping() || request_.now() >= end_at_) return Result::End();
  StartRead();
  return Result::Pending();
}

http::Task<void> ProxyTunnel::Wait() {
  const Duration most =
      end_at_ == kNever ? Duration::max() : std::max(end_at_ - request_.now(), Duration::zero());
  if (!client_ended_ && upload_->has_room()) {
    auto more = request_.WaitForBody(most);
    co_await more;
  } else {
    auto time = request_.Sleep(most);
    co_await time;
  }
}

}  // namespace corelane::examples
