// The two applications of a benchmark, by hand: a client and a server, each over one stack.
//
// After Stack::Receive() and before Stack::Transmit() each looks at its ready sockets once a turn.

#ifndef CORELANE_BENCH_ENDS_H_
#define CORELANE_BENCH_ENDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/options.h"
#include "bench/pattern.h"
#include "core/ip_address.h"
#include "stack/stack.h"

namespace corelane::bench {

class End {
 public:
  // What this end has verified; `errors`: wrong bytes, failed connections.
  const Result& counted() const { return counted_; }

 protected:
  // One end of a connection; its socket's `user` points to it.
  struct Peer {
    Peer(stack::TcpSocket& s, const Pattern& pattern, uint16_t client_port)
        : socket(&s), out(pattern, client_port), in(pattern, client_port) {}

    stack::TcpSocket* socket;
    Cursor out;         // of what is written
    Cursor in;          // of what must be read
    uint64_t owed = 0;  // bytes of this message still to be written
    uint64_t got = 0;   // bytes of this message read
  };

  End(const Options& options, const Pattern& pattern, stack::Stack& stack);

  Peer* NewPeer(stack::TcpSocket& socket, uint16_t client_port);
  // Reads and verifies everything that has arrived.
  void Take(Peer& peer);
  // Writes what is owed, as far as it fits.
  void Flush(Peer& peer);
  void Close(Peer& peer);

  const Options options_;
  const Pattern& pattern_;
  stack::Stack& stack_;
  Result counted_;

  std::vector<std::unique_ptr<Peer>> peers_;

 private:
  std::vector<uint8_t> buffer_;
  std::vector<Peer*> free_;
};

class ClientEnd : public End {
 public:
  ClientEnd(const Options& options, const Pattern& pattern, stack::Stack& stack,
            const Endpoint& server)
      : End(options, pattern, stack), server_(server) {}

  // Begins a connection; in crr another follows each that ends.
  void Open();
  void Turn();
  // Bytes that the server has, as far as this end knows. bulk only.
  uint64_t acknowledged() const;

 private:
  // False: the peer is gone.
  bool OnEvent(Peer& peer);
  // What is written has no end.
  void WriteForever(Peer& peer);

  Endpoint server_;
  uint64_t written_ = 0;
};

class ServerEnd : public End {
 public:
  // Listens at once; aborts the program where it cannot.
  ServerEnd(const Options& options, const Pattern& pattern, stack::Stack& stack,
            const Endpoint& at);

  void Turn();

 private:
  void OnEvent(Peer& peer);
};

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_ENDS_H_
