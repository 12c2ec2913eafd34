// Runs one path of one stack so many times, for a tool that counts instructions:
//
//   valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*ReceivePath::Turn*'
//     segment_cost receive segments=10000
//
// What it collects, divided by the segments, is the cost of one.

#include <cstdio>
#include <string>

#include "bench/one_stack.h"
#include "runtime/flags/flag_parser.h"

int main(int argc, char** argv) {
  using namespace corelane;
  std::string path;
  uint64_t size = 1448;
  uint64_t batch = 32;
  uint64_t segments = 10000;
  runtime::FlagParser parser("segment_cost",
                             "Runs one path of a stack for an instruction counter.");
  parser.AddPositional("path", runtime::OneOf(&path, {"receive", "send", "idle"}),
                       "segment in to ACK out; write to segment out; a turn with nothing to do");
  parser.AddKey("size", runtime::Integer(&size, 1, 1448), "bytes of payload");
  parser.AddKey("batch", runtime::Integer(&batch, 1, 256), "segments of a received burst");
  parser.AddKey("segments", runtime::Integer(&segments, 1, 100000000), "how many");
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  size_t answers = 0;
  uint64_t done = 0;
  if (path == "receive") {
    bench::ReceivePath receive(size, batch);
    for (; done < segments; done += batch) {
      receive.Prepare(batch);
      receive.Turn();
      answers += receive.TakeAcks();
    }
  } else if (path == "send") {
    bench::SendPath send(size);
    for (; done < segments; ++done) {
      send.Turn();
      answers += send.Acknowledge();
    }
  } else {
    bench::OneStack idle(batch, false);
    for (; done < segments; ++done) idle.subject().Poll(idle.Tick());
  }
  std::printf("{\"path\":\"%s\",\"segments\":%llu,\"frames_out\":%zu}\n", path.c_str(),
              static_cast<unsigned long long>(done), answers);
  return 0;
}
