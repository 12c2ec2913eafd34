// inproc with coroutines: both stacks on one worker.

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <tuple>
#include <vector>

#include "bench/lane.h"
#include "bench/pattern.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/worker.h"

namespace corelane::bench {
namespace {

namespace asio = boost::asio;
using runtime::TcpListener;
using runtime::TcpStream;
template <class T>
using Task = asio::awaitable<T, runtime::WorkerExecutor>;
constexpr asio::use_awaitable_t<runtime::WorkerExecutor> kAwait;
// The operation itself is awaited: kAwait makes a coroutine frame for each. [error, result]
constexpr asio::as_tuple_t<asio::deferred_t> kDirect{asio::deferred};

class AsioBench {
 public:
  AsioBench(const Options& options, Lane& lane) : options_(options), lane_(lane) {
    worker_.AttachStack(lane.client());
    worker_.AttachStack(lane.server());
    listener_.emplace(worker_.get_executor(), lane.server(), lane.server_endpoint(), Backlog());
  }

  Result Run(StartLine& start);

 private:
  runtime::ListenOptions Backlog() const {
    runtime::ListenOptions listen;
    listen.backlog = options_.conns + 16;
    return listen;
  }

  Task<void> BulkClient();
  Task<void> BulkServer();
  Task<void> RrClient();
  Task<void> CrrClient();
  Task<void> Server();
  // Messages to and fro: in crr one each way, else for ever. False: the connection ended. One
  // coroutine for all of them, since each call of another takes a frame.
  Task<bool> Converse(TcpStream& stream, bool client, uint16_t client_port,
                      std::vector<uint8_t>& buffer);
  void Verify(Cursor& in, std::span<const uint8_t> bytes) {
    if (!in.Take(bytes)) ++counted_.errors;
    counted_.bytes += bytes.size();
  }
  size_t Verify(Cursor& in, const PacketBuf& packet) {
    size_t n = 0;
    for (const PacketHead* p = packet.head(); p != nullptr; p = p->next_segment) {
      Verify(in, {p->data, p->length});
      n += p->length;
    }
    return n;
  }

  size_t BufferSize() const {
    constexpr uint64_t kMax = 64 * 1024;
    return options_.bulk() ? kMax : std::min(kMax, options_.size);
  }

  const Options options_;
  RealClock clock_;
  Lane& lane_;
  Pattern pattern_;
  Result counted_;
  runtime::Worker worker_;
  std::optional<TcpListener> listener_;
};

Task<bool> AsioBench::Converse(TcpStream& stream, bool client, uint16_t client_port,
                               std::vector<uint8_t>& buffer) {
  Cursor out(pattern_, client_port);
  Cursor in = out;
  bool writing = client;
  for (uint64_t step = 1;; ++step, writing = !writing) {
    for (uint64_t left = options_.size; left > 0;) {
      runtime::error_code ec;
      size_t n = 0;
      if (writing) {
        const std::span<const uint8_t> next = out.Next(left);
        const auto bytes = asio::buffer(next.data(), next.size());
        std::tie(ec, n) = co_await stream.async_write_some(bytes, kDirect);
        out.Advance(n);
      } else if (options_.copy) {
        std::tie(ec, n) = co_await stream.async_read_some(asio::buffer(buffer), kDirect);
        Verify(in, {buffer.data(), n});
      } else {
        const auto [error, packet] = co_await stream.async_read_packet(kDirect);
        ec = error;
        n = Verify(in, packet);
      }
      if (ec || n > left) co_return false;
      left -= n;
    }
    if (options_.crr() && step == 2) co_return true;
    if (client && !writing) ++counted_.transactions;
  }
}

Task<void> AsioBench::BulkClient() {
  TcpStream stream(worker_.get_executor(), lane_.client());
  runtime::error_code ec;
  auto token = asio::redirect_error(kAwait, ec);
  const Endpoint to = lane_.server_endpoint();
  co_await stream.async_connect(to, token);
  if (!ec) {
    Cursor out(pattern_, stream.local_endpoint().port);
    while (!ec) {
      const std::span<const uint8_t> next = out.Next(Pattern::kPeriod);
      const auto bytes = asio::buffer(next.data(), next.size());
      const size_t n = co_await stream.async_write_some(bytes, token);
      out.Advance(n);
    }
  }
  ++counted_.errors;
}

Task<void> AsioBench::BulkServer() {
  std::vector<uint8_t> buffer(BufferSize());
  TcpStream stream = co_await listener_->async_accept(kAwait);
  Cursor in(pattern_, stream.remote_endpoint().port);
  runtime::error_code ec;
  auto token = asio::redirect_error(kAwait, ec);
  const auto room = asio::buffer(buffer);
  while (!ec) {
    if (options_.copy) {
      const size_t n = co_await stream.async_read_some(room, token);
      Verify(in, {buffer.data(), n});
    } else {
      const PacketBuf packet = co_await stream.async_read_packet(token);
      Verify(in, packet);
    }
  }
}

Task<void> AsioBench::RrClient() {
  TcpStream stream(worker_.get_executor(), lane_.client());
  std::vector<uint8_t> buffer(BufferSize());
  runtime::error_code ec;
  auto token = asio::redirect_error(kAwait, ec);
  const Endpoint to = lane_.server_endpoint();
  co_await stream.async_connect(to, token);
  if (!ec) co_await Converse(stream, true, stream.local_endpoint().port, buffer);
  ++counted_.errors;
}

Task<void> AsioBench::CrrClient() {
  std::vector<uint8_t> buffer(BufferSize());
  const Endpoint to = lane_.server_endpoint();
  for (;;) {
    TcpStream stream(worker_.get_executor(), lane_.client());
    runtime::error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    co_await stream.async_connect(to, token);
    if (ec) break;
    const bool good = co_await Converse(stream, true, stream.local_endpoint().port, buffer);
    if (!good) break;
    // The server closes first.
    const auto room = asio::buffer(buffer);
    const size_t more = co_await stream.async_read_some(room, token);
    if (more != 0 || ec != asio::error::eof) break;
    ++counted_.transactions;
  }
  ++counted_.errors;
}

// One of these serves one connection after another.
Task<void> AsioBench::Server() {
  std::vector<uint8_t> buffer(BufferSize());
  for (;;) {
    TcpStream stream = co_await listener_->async_accept(kAwait);
    co_await Converse(stream, false, stream.remote_endpoint().port, buffer);
  }
}

Result AsioBench::Run(StartLine& start) {
  const auto spawn = [&](Task<void> task) {
    asio::co_spawn(worker_.get_executor(), std::move(task), asio::detached);
  };
  for (size_t i = 0; i < options_.conns; ++i) {
    spawn(options_.bulk() ? BulkServer() : Server());
    spawn(options_.bulk() ? BulkClient() : options_.crr() ? CrrClient() : RrClient());
  }
  const WarmUp warm_up(options_, clock_.Now());
  const auto seconds =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options_.secs));
  Result before;
  Result after;
  Instant begin{};
  Instant stop = kNever;
  // Both looks are taken inside RunUntil(), so that nothing but turns lies between them.
  worker_.RunUntil(
      [&] {
        const Instant now = worker_.now();
        if (stop == kNever) {
          if (!warm_up.Over(now, counted_.transactions)) return false;
          start.arrive_and_wait();
          before = lane_.Totals();
          before += counted_;
          begin = clock_.Now();
          stop = begin + seconds;
        } else if (now >= stop) {
          after = lane_.Totals();
          after += counted_;
          stop = clock_.Now();
          return true;
        }
        return false;
      },
      std::chrono::hours(2));
  return Difference(after, before, stop - begin);
}

}  // namespace

Result RunAsio(const Options& options, Lane& lane, StartLine& start) {
  return AsioBench(options, lane).Run(start);
}

}  // namespace corelane::bench
