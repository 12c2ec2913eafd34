// UploadPipe: a request's body that is written while it is sent.
//
//   auto pipe = std::make_shared<http::UploadPipe>(executor);
//   asio::co_spawn(executor, Produce(pipe), asio::detached);
//   auto response = co_await client.Send(http::OutgoingRequest::Put(url).Stream(pipe), token);
//   ...
//   co_await pipe->Write(asio::buffer(piece), token);  // In Produce: as fast as the server takes
//   it. pipe->End();
//
// Belongs to the client's thread. Held by both sides; the body can be sent only once.

#ifndef CORELANE_HTTP_CLIENT_UPLOAD_PIPE_H_
#define CORELANE_HTTP_CLIENT_UPLOAD_PIPE_H_

#include <algorithm>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "http/client/request.h"
#include "http/wire/buffer.h"

namespace corelane::http {

template <class Executor>
class UploadPipe final : public UploadSource {
 public:
  // size: of the whole body where it is known. capacity: bytes that are written ahead.
  explicit UploadPipe(const Executor& executor, std::optional<uint64_t> size = std::nullopt,
                      size_t capacity = 64 << 10)
      : executor_(executor), size_(size), capacity_(capacity) {}
  ~UploadPipe() override { OnRequestOver(); }

  // void(error_code, size_t): once all of it has been taken; `buffer` must live until then. One at
  // a time. broken_pipe: the request is over, and nobody reads any more.
  template <class Token>
  auto Write(boost::asio::const_buffer buffer, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [this](auto handler, boost::asio::const_buffer from) {
          auto done = std::make_unique<Handler<decltype(handler)>>(std::move(handler), executor_);
          if (writer_ != nullptr) return done->Complete(boost::asio::error::in_progress, 0);
          if (over_ || state_ != State::kOpen) {
            return done->Complete(boost::asio::error::broken_pipe, 0);
          }
          writer_ = std::move(done);
          from_ = from;
          written_ = 0;
          Fill();
          NotifyReady();
        },
        token, buffer);
  }
  // The body is complete.
  void End() { Close(State::kEnded); }
  // Gives the request up.
  void Fail() { Close(State::kFailed); }

  // --- UploadSource ---
  std::optional<uint64_t> size() const override { return size_; }
  Result Read(std::span<char> out) override {
    if (state_ == State::kFailed) return Result::Failed();
    if (bytes_.empty()) return state_ == State::kEnded ? Result::End() : Result::Pending();
    const size_t size = std::min(out.size(), bytes_.size());
    std::memcpy(out.data(), bytes_.data(), size);
    bytes_.Consume(size);
    Fill();
    return Result::Data(size);
  }
  void OnRequestOver() override {
    over_ = true;
    if (writer_ == nullptr) return;
    std::exchange(writer_, nullptr)->Complete(boost::asio::error::broken_pipe, written_);
  }

 private:
  enum class State : uint8_t { kOpen, kEnded, kFailed };

  class Writer {
   public:
    virtual ~Writer() = default;
    virtual void Complete(boost::system::error_code error, size_t size) = 0;
  };
  template <class H>
  class Handler final : public Writer {
   public:
    Handler(H handler, const Executor& executor)
        : executor_(executor),
          handler_(std::move(handler)),
          work_(boost::asio::get_associated_executor(handler_, executor)) {}
    void Complete(boost::system::error_code error, size_t size) override {
      boost::asio::post(executor_, boost::asio::append(std::move(handler_), error, size));
    }

   private:
    Executor executor_;
    H handler_;
    boost::asio::executor_work_guard<boost::asio::associated_executor_t<H, Executor>> work_;
  };

  // Takes what there is room for.
  void Fill() {
    if (writer_ == nullptr || bytes_.size() >= capacity_) return;
    const size_t size = std::min(from_.size() - written_, capacity_ - bytes_.size());
    bytes_.Append({static_cast<const char*>(from_.data()) + written_, size});
    written_ += size;
    if (written_ == from_.size()) std::exchange(writer_, nullptr)->Complete({}, written_);
  }
  void Close(State state) {
    if (state_ == State::kOpen) state_ = state;
    NotifyReady();
  }

  const Executor executor_;
  const std::optional<uint64_t> size_;
  const size_t capacity_;
  State state_ = State::kOpen;
  bool over_ = false;
  Buffer bytes_;
  std::unique_ptr<Writer> writer_;
  boost::asio::const_buffer from_;
  size_t written_ = 0;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_UPLOAD_PIPE_H_
