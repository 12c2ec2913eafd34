// What a Stream does, whatever is below it: the operations that wait, and one send and one receive
// of the next layer that serve them all.

#ifndef CORELANE_TLS_STREAM_CORE_H_
#define CORELANE_TLS_STREAM_CORE_H_

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/intrusive_list.h"
#include "tls/engine.h"

namespace corelane::tls::internal {

// An operation with its handler, which stream.h adds.
struct StreamOp {
  enum class Kind : uint8_t { kHandshake, kRead, kWrite, kShutdown };
  static constexpr size_t kMaxPieces = 8;  // Of a buffer sequence; one operation does no more.

  explicit StreamOp(Kind kind) : kind(kind) {}

  // Both free the operation. Complete calls the handler with `ec` and `bytes`, later if `post`.
  virtual void Complete(bool post) = 0;
  virtual void Destroy() = 0;

  const Kind kind;
  bool taken = false;  // The engine has done its part; what remains is to send up to `mark`.
  uint64_t mark = 0;
  error_code ec;
  size_t bytes = 0;
  std::array<boost::asio::mutable_buffer, kMaxPieces> to;  // Of a read.
  std::array<boost::asio::const_buffer, kMaxPieces> from;  // Of a write.
  size_t pieces = 0;
  ListNode node;

 protected:
  ~StreamOp() = default;
};
using StreamOps = IntrusiveList<StreamOp, &StreamOp::node>;

// Keeps the memory of a few operations for the next ones.
class StreamOpMemory {
 public:
  StreamOpMemory() = default;
  ~StreamOpMemory();
  StreamOpMemory(const StreamOpMemory&) = delete;
  StreamOpMemory& operator=(const StreamOpMemory&) = delete;

  void* Allocate(size_t size);
  void Deallocate(void* block, size_t size);

 private:
  struct Kept {
    void* block = nullptr;
    size_t size = 0;
  };
  std::array<Kept, 3> kept_;
};

// Lives until its stream and the operations of the next layer have gone. Every operation that waits
// does so for one of the latter.
class StreamCore
    : public boost::intrusive_ref_counter<StreamCore, boost::sp_adl_block::thread_unsafe_counter> {
 public:
  template <class Context, class... Name>
  explicit StreamCore(const Context& context, const Name&... name) : engine_(context, name...) {}
  virtual ~StreamCore();

  Engine& engine() { return engine_; }
  StreamOpMemory& memory() { return memory_; }

  // Takes the operation over; true while it waits.
  bool Start(StreamOp& op);
  void CancelOp(StreamOp& op, boost::asio::cancellation_type_t type);
  void Cancel();
  void Close();
  // A close_notify, then the end of the next layer's sending side, in the background.
  void ShutdownSend();

  // --- what the next layer's operations end with ---
  void OnReceived(error_code ec, size_t size);
  void OnSent(error_code ec, size_t size);
  // One was destroyed and not called: its context ends.
  void OnDropped();

 protected:
  virtual void StartReceive(std::span<char> to) = 0;
  virtual void StartSend(std::string_view from) = 0;
  virtual void CancelReceive() = 0;
  virtual void ShutdownNext() = 0;
  virtual void CloseNext() = 0;

 private:
  using Ref = boost::intrusive_ptr<StreamCore>;
  using Status = Engine::Status;

  // Does all that can be done. Handlers are called last, or later if `post`.
  void Run(bool post);
  void AdvanceReads(StreamOps& done);
  void AdvanceWrites(StreamOps& done);
  // Whether the operation is at its end.
  bool Read(StreamOp& op);
  bool Write(StreamOp& op);
  Engine::Result Take(StreamOp& op);
  Engine::Result WritePieces(const StreamOp& op);
  std::string_view Flatten(const StreamOp& op, size_t piece, size_t offset);
  void StartPumps();
  void Abort(StreamOps& ops, StreamOps& done);
  static void CompleteAll(StreamOps& done, bool post);

  uint64_t queued() const { return sent_ + engine_.output_size(); }

  Engine engine_;
  StreamOpMemory memory_;
  StreamOps reads_;
  StreamOps writes_;  // And handshakes, and shutdowns.
  std::unique_ptr<char[]> flat_;
  uint64_t sent_ = 0;  // Bytes of ciphertext that the next layer has taken.
  uint64_t end_mark_ = 0;
  error_code receive_error_;
  error_code send_error_;
  bool wants_input_ = false;
  bool receiving_ = false;
  bool receive_cancelled_ = false;
  bool sending_ = false;
  bool ends_ = false;   // The sending side does, after end_mark_.
  bool ended_ = false;  // It has.
  bool closed_ = false;
};

}  // namespace corelane::tls::internal

#endif  // CORELANE_TLS_STREAM_CORE_H_
