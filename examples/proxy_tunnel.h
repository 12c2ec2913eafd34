// Both directions of a connection that has changed its protocol, through the reverse proxy: what
// the client says goes into the other server's tunnel, and what that says into the client's.
//
//   auto upload = std::make_shared<TunnelUpload>();
//   out.Upgrade("websocket", upload);
//   ...the answer is a 101...
//   return Response::Tunnel("websocket",
//                           std::make_unique<ProxyTunnel>(request, upload, std::move(answer)));
//
// Each direction holds at most a buffer of bytes, and then waits for who is slow. The tunnel ends
// with the other server's end, a little after the client's, and when the proxy stops.

#ifndef CORELANE_EXAMPLES_PROXY_TUNNEL_H_
#define CORELANE_EXAMPLES_PROXY_TUNNEL_H_

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "core/time.h"
#include "http/client/client.h"
#include "http/client/request.h"
#include "http/message.h"
#include "http/wire/buffer.h"
#include "runtime/worker.h"

namespace corelane::examples {

// The client's bytes, on their way to the other server.
class TunnelUpload final : public http::UploadSource {
 public:
  bool has_room() const { return bytes_.size() < kCapacity; }
  void Push(std::string_view bytes);
  void End();
  // Called when there is room again; null: nobody listens.
  void set_room(std::function<void()> room) { room_ = std::move(room); }

  Result Read(std::span<char> out) override;

 private:
  static constexpr size_t kCapacity = 64 << 10;

  http::Buffer bytes_;
  bool ended_ = false;
  std::function<void()> room_;
};

class ProxyTunnel final : public http::BodySource {
 public:
  using Answer = http::IncomingResponse<runtime::WorkerExecutor>;

  ProxyTunnel(const http::Request& request, std::shared_ptr<TunnelUpload> upload, Answer answer);
  ~ProxyTunnel() override;

  Result Read(std::span<char> out) override;
  http::Task<void> Wait() override;

 private:
  // The other server's bytes. Outlives the tunnel until a read that is under way has ended.
  struct Download;

  void TakeInput();
  void StartRead();

  const http::Request& request_;
  const std::shared_ptr<TunnelUpload> upload_;
  const std::shared_ptr<Download> download_;
  bool started_ = false;
  bool client_ended_ = false;
  Instant end_at_ = kNever;
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_PROXY_TUNNEL_H_
