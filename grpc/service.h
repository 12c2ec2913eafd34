// Services: what generated classes derive from, and how their methods reach a server.

#ifndef CORELANE_GRPC_SERVICE_H_
#define CORELANE_GRPC_SERVICE_H_

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "grpc/method.h"
#include "grpc/result.h"
#include "grpc/server_call.h"
#include "grpc/server_context.h"
#include "http/task.h"

namespace corelane::grpc {

// The messages of a client's stream. co_await each operation at once; one at a time.
template <class T>
class Reader {
 public:
  explicit Reader(internal::ServerCall& call) : call_(call) {}

  // co_await Read(message): false at the end of the stream, which may also be the end of the call.
  auto Read(T& message) { return call_.ReadMessage(message); }
  // co_await Next(): nullopt likewise.
  http::Task<std::optional<T>> Next() {
    std::optional<T> message(std::in_place);
    auto read = call_.ReadMessage(*message);
    const bool got = co_await read;
    if (!got) message.reset();
    co_return std::move(message);
  }

 private:
  internal::ServerCall& call_;
};

// The messages to a client. What was written goes out in order; a write waits while the client
// takes nothing and much is under way already.
template <class T>
class Writer {
 public:
  explicit Writer(internal::ServerCall& call) : call_(call) {}

  // co_await Write(message): false when the call has ended, and nobody will read any more.
  auto Write(const T& message) { return call_.WriteMessage(message); }
  // For news from elsewhere on the connection's thread, while the handler waits: never waits.
  // False: the call has ended, or too much is under way; the message is dropped.
  bool TryWrite(const T& message) { return call_.TryWriteMessage(message); }
  // co_await SendHeaders(): the initial metadata, before the first message.
  auto SendHeaders() { return call_.SendHeaders(); }

 private:
  internal::ServerCall& call_;
};

// Collects a service's methods. Handlers are called with what the kind of their method says.
class Binder {
 public:
  struct Entry {
    Method method;
    std::function<http::Task<Status>(internal::ServerCall&)> run;
  };

  // handle(context, request) -> Task<Result<Reply>>
  template <class Request, class Reply, class Handle>
  void Unary(const Method& method, Handle handle) {
    entries_.push_back({method, [handle = std::move(handle)](internal::ServerCall& call) {
                          return RunUnary<Request, Reply>(call, handle);
                        }});
  }
  // handle(context, request, writer) -> Task<Status>
  template <class Request, class Reply, class Handle>
  void ServerStreaming(const Method& method, Handle handle) {
    entries_.push_back({method, [handle = std::move(handle)](internal::ServerCall& call) {
                          return RunServerStreaming<Request, Reply>(call, handle);
                        }});
  }
  // handle(context, reader) -> Task<Result<Reply>>
  template <class Request, class Reply, class Handle>
  void ClientStreaming(const Method& method, Handle handle) {
    entries_.push_back({method, [handle = std::move(handle)](internal::ServerCall& call) {
                          return RunClientStreaming<Request, Reply>(call, handle);
                        }});
  }
  // handle(context, reader, writer) -> Task<Status>
  template <class Request, class Reply, class Handle>
  void BidiStreaming(const Method& method, Handle handle) {
    entries_.push_back({method, [handle = std::move(handle)](internal::ServerCall& call) {
                          return RunBidiStreaming<Request, Reply>(call, handle);
                        }});
  }

  std::vector<Entry>& entries() { return entries_; }

 private:
  template <class Request, class Reply, class Handle>
  static http::Task<Status> RunUnary(internal::ServerCall& call, const Handle& handle) {
    Request* const request = call.New<Request>().get();
    auto read = call.ReadOnly(*request);
    const bool got = co_await read;
    if (!got) co_return Status();  // The call knows why.
    auto task = handle(static_cast<ServerContext&>(call), static_cast<const Request&>(*request));
    Result<Reply> reply = co_await std::move(task);
    if (!reply.ok()) co_return reply.status();
    call.WriteLast(*reply);
    co_return Status();
  }
  template <class Request, class Reply, class Handle>
  static http::Task<Status> RunServerStreaming(internal::ServerCall& call, const Handle& handle) {
    Request* const request = call.New<Request>().get();
    auto read = call.ReadOnly(*request);
    const bool got = co_await read;
    if (!got) co_return Status();
    Writer<Reply> writer(call);
    auto task =
        handle(static_cast<ServerContext&>(call), static_cast<const Request&>(*request), writer);
    co_return co_await std::move(task);
  }
  template <class Request, class Reply, class Handle>
  static http::Task<Status> RunClientStreaming(internal::ServerCall& call, const Handle& handle) {
    Reader<Request> reader(call);
    auto task = handle(static_cast<ServerContext&>(call), reader);
    Result<Reply> reply = co_await std::move(task);
    if (!reply.ok()) co_return reply.status();
    call.WriteLast(*reply);
    co_return Status();
  }
  template <class Request, class Reply, class Handle>
  static http::Task<Status> RunBidiStreaming(internal::ServerCall& call, const Handle& handle) {
    Reader<Request> reader(call);
    Writer<Reply> writer(call);
    auto task = handle(static_cast<ServerContext&>(call), reader, writer);
    co_return co_await std::move(task);
  }

  std::vector<Entry> entries_;
};

// The base of generated services. One may serve many connections of its thread at once; it must
// outlive the router that it was mounted on.
class Service {
 public:
  virtual ~Service() = default;

 private:
  friend class ServiceAccess;
  // Generated: names the methods to `binder`.
  virtual void corelane_bind(Binder& binder) = 0;
};

// For servers.
class ServiceAccess {
 public:
  static std::vector<Binder::Entry> Methods(Service& service) {
    Binder binder;
    service.corelane_bind(binder);
    return std::move(binder.entries());
  }
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_SERVICE_H_
