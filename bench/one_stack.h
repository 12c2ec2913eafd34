// One stack with one established connection, whose peer is frames made here: what a segment costs
// inside a stack, without another one's work beside it.

#ifndef CORELANE_BENCH_ONE_STACK_H_
#define CORELANE_BENCH_ONE_STACK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/checksum.h"
#include "core/time.h"
#include "driver/ring/ring.h"
#include "stack/stack.h"

namespace corelane::bench {

// Two stacks that have connected. From then on only the subject takes turns; the other's end of the
// wire is played.
class OneStack {
 public:
  // batch: of the subject. The subject opens the connection where `subject_connects`.
  OneStack(size_t batch, bool subject_connects);

  stack::Stack& subject() { return *subject_; }
  stack::TcpSocket& socket() { return *socket_; }
  Instant now() const { return now_; }
  Instant Tick() { return now_ += Duration(1000); }

 protected:
  // The other's socket writes n bytes; the frame that this makes does not reach the subject.
  std::vector<uint8_t> CaptureData(size_t n);
  // The other takes turns until it has nothing to send, e.g. an ACK that was delayed; the last
  // frame is taken off the wire.
  std::vector<uint8_t> CaptureAck();
  // Puts a frame on the wire towards the subject; it has room for 256.
  void Play(const std::vector<uint8_t>& frame);
  // Takes what the subject sent off the wire; returns how many frames. `last`: the last one.
  size_t TakeSent(std::vector<uint8_t>* last = nullptr);

 private:
  void Exchange(int turns);

  Instant now_{std::chrono::seconds(1000)};
  driver::RingPair ring_;
  std::unique_ptr<stack::Stack> other_;
  std::unique_ptr<stack::Stack> subject_;
  stack::TcpSocket* other_socket_ = nullptr;
  stack::TcpSocket* socket_ = nullptr;
};

// A captured frame of IPv4 and TCP with timestamps, sent again with other numbers.
class FrameTemplate {
 public:
  explicit FrameTemplate(std::vector<uint8_t> frame);
  uint32_t seq() const;
  uint32_t ack() const;
  uint32_t timestamp() const;
  size_t payload() const;
  void set_seq(uint32_t seq);
  void set_ack(uint32_t ack);
  void set_timestamp_echo(uint32_t echo);
  // With its checksum put right.
  const std::vector<uint8_t>& frame();

 private:
  std::vector<uint8_t> frame_;
  Sum16 rest_;  // of what never changes, pseudo-header included
};

// Data segments in, acknowledgements out.
class ReceivePath : public OneStack {
 public:
  ReceivePath(size_t payload, size_t batch);
  // Puts the next `n` segments on the wire, n <= 256.
  void Prepare(size_t n);
  // One turn of the stack and its application, which reads.
  [[gnu::noinline]] void Turn();
  // ACK frames since the last call.
  size_t TakeAcks() { return TakeSent(); }
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  std::optional<FrameTemplate> data_;
  uint32_t seq_;
  uint64_t bytes_read_ = 0;
  std::vector<uint8_t> buffer_;
};

// Writes in, segments out.
class SendPath : public OneStack {
 public:
  explicit SendPath(size_t payload);
  // One write and the turn that sends it.
  [[gnu::noinline]] void Turn();
  // Acknowledges everything; returns how many segments that was.
  size_t Acknowledge();

 private:
  std::vector<uint8_t> data_;
  std::optional<FrameTemplate> ack_;
  uint32_t acked_at_capture_ = 0;
  uint64_t written_ = 0;
  std::vector<uint8_t> last_;
};

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_ONE_STACK_H_
