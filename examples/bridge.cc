// Three threads and one stack between them: what a program looks like whose threads are ordinary
// ones, with an io_context or with none, and that wants the stack all the same.
//
//   main thread                worker's thread                       io_context's thread
//   a client that blocks       10.0.0.1 <----ring----> 10.0.0.2:7    an echo server of coroutines
//        ^                         ^                        ^             ^
//        +-------- bridge ---------+                        +-- bridge ---+
//
// The worker's thread runs stacks and timers and nothing of the program's. The other two use
// sockets that look like its own, on whatever executor they like; what they read and write, the
// worker copies once. Its first stack could as well be on a tap or a DPDK port, with the peer
// somewhere else. The exit status says whether it worked.

#include "runtime/bridge/bridge.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/ip_address.h"
#include "driver/registry.h"
#include "runtime/bridge/tcp_listener.h"
#include "runtime/bridge/tcp_stream.h"
#include "runtime/system.h"
#include "runtime/worker.h"
#include "stack/stack.h"

using namespace corelane;
namespace asio = boost::asio;

namespace {

const Endpoint kServer{Ipv4Address(10, 0, 0, 2), 7};

// Two stacks at the ends of a wire, and the worker that drives them. Belongs to one thread from its
// beginning to its end.
struct Lane {
  bool Add(const char* address) {
    auto device = driver::OpenDevice("ring:example");
    if (!device.ok()) return false;
    devices.push_back(std::move(*device));
    stack::StackOptions options;
    options.seed = runtime::RandomSeed();
    stack::Stack& stack = worker.NewStack(options);
    stacks.push_back(&stack);
    stack::InterfaceOptions interface;
    interface.addresses = {*IpPrefix::Parse(address)};
    driver::Device& end = *devices.back();
    return stack.AddInterface(end.queue(0), end.info(), interface).ok();
  }

  std::vector<std::unique_ptr<driver::Device>> devices;  // outlive the worker and its stacks
  runtime::Worker worker;
  std::vector<stack::Stack*> stacks;
};

// Null in `made`: it did not work.
void RunLane(std::promise<Lane*> made) {
  Lane lane;
  const bool good = lane.Add("10.0.0.1/24") && lane.Add("10.0.0.2/24");
  made.set_value(good ? &lane : nullptr);
  if (good) lane.worker.Run();
}

asio::awaitable<void> Echo(runtime::BridgeTcpStream stream) {
  std::vector<char> bytes(65536);
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  for (;;) {
    const size_t n = co_await stream.async_read_some(asio::buffer(bytes), token);
    if (!error) co_await asio::async_write(stream, asio::buffer(bytes, n), token);
    if (error) co_return;  // the end of the stream, for instance: ours ends with it
  }
}

asio::awaitable<void> Serve(runtime::BridgeTcpListener listener) {
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  for (;;) {
    runtime::BridgeTcpStream stream = co_await listener.async_accept(token);
    if (error) co_return;
    asio::co_spawn(listener.get_executor(), Echo(std::move(stream)), asio::detached);
  }
}

// Sends `sent` from this thread, which waits for each step, and returns what came back.
std::string Converse(asio::io_context& io, const runtime::Bridge& bridge, const std::string& sent) {
  runtime::BridgeTcpStream stream(io.get_executor(), bridge);
  stream.async_connect(kServer, asio::use_future).get();
  // Both at once: with one after the other, full buffers on either side would stop both.
  auto written = asio::async_write(stream, asio::buffer(sent), asio::use_future);
  std::string got(sent.size(), '\0');
  asio::async_read(stream, asio::buffer(got), asio::use_future).get();
  written.get();
  return got;
}

}  // namespace

int main() {
  std::promise<Lane*> made;
  std::future<Lane*> ready = made.get_future();
  std::thread worker_thread(RunLane, std::move(made));
  Lane* const lane = ready.get();
  if (lane == nullptr) {
    worker_thread.join();
    return 1;
  }
  std::string sent(3'000'000, '\0');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 + i / 251);
  std::string got;
  {
    const runtime::Bridge near(lane->worker, *lane->stacks[0]);
    const runtime::Bridge far(lane->worker, *lane->stacks[1]);
    asio::io_context io(1);
    asio::co_spawn(io, Serve(runtime::BridgeTcpListener(io.get_executor(), far, kServer)),
                   asio::detached);
    std::thread io_thread([&io] { io.run(); });
    got = Converse(io, near, sent);
    io.stop();
    io_thread.join();
  }
  const auto sleeps = static_cast<unsigned long long>(lane->worker.counters().sleeps.value());
  const auto wakes = static_cast<unsigned long long>(lane->worker.inbox()->wakes());
  lane->worker.Stop();
  worker_thread.join();
  std::printf("%s: %zu bytes there and back; the worker slept %llu times, and was woken %llu\n",
              got == sent ? "intact" : "BROKEN", got.size(), sleeps, wakes);
  return got == sent ? 0 : 1;
}
