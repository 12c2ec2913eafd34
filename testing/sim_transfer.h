// SimTransfer: one seed's conversation over a bad network, and everything that must hold about it.
//
//   EXPECT_EQ(SimTransfer(seed).Run(), "");
//
// The seed chooses the link (loss, bursts of loss, reordering, duplication, corruption, delay,
// bandwidth, MTU, stalls), the memory of both stacks, and some connections, each with its family,
// sizes in both directions, patterns of writing and reading, and its end: closed by both sides, one
// half earlier, or aborted.
//
// What must hold: bytes arrive exactly once and in order; a connection that nobody aborted delivers
// all of them and ends without an error; every connection ends; sockets, blocks and packets are all
// given back.

#ifndef CORELANE_TESTING_SIM_TRANSFER_H_
#define CORELANE_TESTING_SIM_TRANSFER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "testing/sim_network.h"

namespace corelane::testing {

class SimTransfer {
 public:
  explicit SimTransfer(uint64_t seed);
  ~SimTransfer();

  // Runs to the end. Empty: all is well; else what is not.
  std::string Run();
  // The seed's choices in a few lines.
  std::string Describe() const;
  SimNetwork& network() { return *net_; }
  // Connections whose neighbor could not be resolved in time: three lost requests do that.
  int unresolved() const { return unresolved_; }

 private:
  // One application's end of a connection.
  struct Side {
    int host = 0;
    stack::TcpSocket* socket = nullptr;
    uint64_t stream = 0;  // of the bytes that it sends
    uint64_t peer_stream = 0;
    size_t to_send = 0;
    size_t sent = 0;
    size_t received = 0;
    size_t largest_write = 0;
    size_t largest_read = 0;
    Duration write_pause{0};
    Duration read_pause{0};
    Instant next_write{};
    Instant next_read{};
    Instant next_look{};       // for memory
    bool lends = false;        // reads by ReadPacket()
    bool closes_late = false;  // after the peer's end of stream
    bool aborts = false;
    size_t abort_at = 0;  // bytes sent and received
    bool close_sent = false;
    bool end_of_stream = false;
    bool done = false;
    tcp::Error error = tcp::Error::kNone;
    tcp::Options options;
  };
  struct Connection {
    bool v6 = false;
    Instant start{};
    Side side[2];  // client, server
  };

  void ChooseLink();
  void ChooseConnection();
  stack::StackOptions ChooseMemory();
  void ChooseSide(Side& side, int host);
  void Open(Connection& c);
  void Accept();
  void Act(Connection& c, Side& side);
  void Write(Side& side);
  void Read(Side& side);
  size_t ReadSome(Side& side);
  void Finish(Connection& c, Side& side);
  void CheckEnd(const Connection& c);
  void CheckLeaks();
  bool NeverAccepted(const Connection& c) const;
  bool AllDone() const;
  void Fail(const std::string& what);

  std::unique_ptr<SimNetwork> net_;
  SimLinkOptions link_options_;
  SimLink* link_ = nullptr;
  Random random_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<stack::TcpListener*> listeners_;
  std::vector<uint8_t> buffer_;
  int unresolved_ = 0;
  std::string failure_;
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_SIM_TRANSFER_H_
