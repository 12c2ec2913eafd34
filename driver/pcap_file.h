// Classic pcap files: a reader over bytes and a writer.
//
//   0        4      6      8        12        16        20         24
//   | magic  | major| minor| zone   | sigfigs | snaplen | linktype |     once
//   | seconds| nanoseconds | caplen | length  | caplen bytes ...         per record
//
// Read are both byte orders, with microseconds (a1b2c3d4) and with nanoseconds (a1b23c4d), of
// Ethernet. Written are nanoseconds in the machine's byte order.

#ifndef CORELANE_DRIVER_PCAP_FILE_H_
#define CORELANE_DRIVER_PCAP_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/packet.h"
#include "core/time.h"

namespace corelane::driver {

struct PcapRecord {
  Duration time;                   // since 1970
  uint32_t length;                 // of the frame as it was on the wire
  std::span<const uint8_t> bytes;  // what was captured of it; inside of the reader's bytes
};

// Reads records out of a file's bytes, which must outlive it.
class PcapReader {
 public:
  enum class End : uint8_t { kNone, kEndOfFile, kTruncated, kCorrupt };

  // Checks the file header. `name` is what errors call the file.
  static absl::StatusOr<PcapReader> Open(std::span<const uint8_t> bytes, const std::string& name);

  // The next record, or nothing: end() tells why.
  std::optional<PcapRecord> Next();
  End end() const { return end_; }
  // Starts again at the first record.
  void Rewind();

 private:
  PcapReader(std::span<const uint8_t> bytes, bool swapped, bool nanoseconds)
      : bytes_(bytes), swapped_(swapped), nanoseconds_(nanoseconds) {
    Rewind();
  }
  uint32_t Load32(size_t offset) const;

  std::span<const uint8_t> bytes_;
  bool swapped_;
  bool nanoseconds_;
  size_t next_ = 0;
  End end_ = End::kNone;
};

// The whole file.
absl::StatusOr<std::vector<uint8_t>> ReadFileBytes(const std::string& path);

// A file that several queues, also of several threads, append to.
class PcapFile {
 public:
  // Creates or truncates it and writes the file header. Errors name the path and the reason.
  static absl::StatusOr<std::shared_ptr<PcapFile>> Create(const std::string& path);
  ~PcapFile();
  PcapFile(const PcapFile&) = delete;
  PcapFile& operator=(const PcapFile&) = delete;

  // Appends whole records. After an error (disk full) the file stays as it is: false from then on.
  bool Append(std::span<const uint8_t> records);

 private:
  explicit PcapFile(int fd) : fd_(fd) {}

  std::mutex mutex_;
  int fd_;
  bool failed_ = false;
};

// One queue's records on their way to a file. Belongs to one thread.
class PcapBuffer {
 public:
  // `wall_offset` added to an Instant's time gives the time since 1970.
  PcapBuffer(std::shared_ptr<PcapFile> file, Duration wall_offset);
  ~PcapBuffer() { Flush(); }
  PcapBuffer(const PcapBuffer&) = delete;
  PcapBuffer& operator=(const PcapBuffer&) = delete;

  // Adds a packet as it is, with a tag that waits in vlan_tci put in.
  void Add(Instant now, const PacketHead& packet);
  // A way to take back what was added since a mark; Flush() ends all marks.
  struct Mark {
    size_t bytes;
    uint64_t records;
  };
  Mark mark() const { return {buffer_.size(), added_}; }
  void TakeBack(const Mark& mark) {
    buffer_.resize(mark.bytes);
    added_ = mark.records;
  }
  // Writes if much has been buffered.
  void FlushIfLarge() {
    if (buffer_.size() >= kLarge) Flush();
  }
  void Flush();
  // Records that could not be written.
  uint64_t lost() const { return lost_; }

 private:
  static constexpr size_t kLarge = size_t{1} << 18;

  std::shared_ptr<PcapFile> file_;
  Duration wall_offset_;
  std::vector<uint8_t> buffer_;
  uint64_t added_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_PCAP_FILE_H_
