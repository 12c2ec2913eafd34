// The program of README.md.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "driver/registry.h"
#include "http/router.h"
#include "http/serve.h"
#include "runtime/steady_timer.h"
#include "runtime/system.h"
#include "runtime/tcp_listener.h"
#include "runtime/worker.h"

using namespace corelane;

int main() {
  auto device =
      driver::OpenDevice("tap:tap0");  // or ring:..., pcap:...: the only line that changes
  if (!device.ok()) return 1;
  runtime::Worker worker;  // one thread: an Asio execution context
  stack::StackOptions options;
  options.seed = runtime::RandomSeed();
  stack::Stack& stack = worker.NewStack(options);
  stack::InterfaceOptions interface;
  interface.addresses = {*IpPrefix::Parse("10.77.0.2/24")};
  if (!stack.AddInterface((*device)->queue(0), (*device)->info(), interface).ok()) return 1;

  http::Router router;
  router.Get("/hello/{name}", [](const http::Request& request) {
    return http::Response::Text("hello, " + std::string(request.Param("name")) + "\n");
  });
  runtime::TcpListener listener(worker.get_executor(), *Endpoint::Parse("0.0.0.0:80"));
  boost::asio::co_spawn(worker.get_executor(),
                        http::Serve(std::move(listener), router, http::ServerOptions()),
                        boost::asio::detached);
  worker.Run();
}
