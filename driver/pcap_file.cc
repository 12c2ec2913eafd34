#include "driver/pcap_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "core/bytes.h"

namespace corelane::driver {
namespace {

constexpr size_t kFileHeader = 24;
constexpr size_t kRecordHeader = 16;
constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kNanoseconds = 0xa1b23c4d;
constexpr uint32_t kPcapng = 0x0a0d0d0a;  // the same in both byte orders
constexpr uint32_t kEthernet = 1;
// libpcap's own bound (MAXIMUM_SNAPLEN); a longer record is taken for a corrupt one.
constexpr uint32_t kMaxRecord = 262144;
constexpr int64_t kSecond = 1'000'000'000;

absl::Status Error(const std::string& name, const std::string& what) {
  return absl::InvalidArgumentError("\"" + name + "\": " + what);
}

absl::Status SystemError(const std::string& path, const std::string& what, int error) {
  return absl::ErrnoToStatus(error, "\"" + path + "\": " + what);
}

void AppendWords(std::vector<uint8_t>& to, std::initializer_list<uint32_t> words) {
  for (const uint32_t word : words) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&word);
    to.insert(to.end(), bytes, bytes + sizeof(word));
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

absl::StatusOr<PcapReader> PcapReader::Open(std::span<const uint8_t> bytes,
                                            const std::string& name) {
  if (bytes.size() < kFileHeader) {
    return Error(name, "is no pcap file: it has " + std::to_string(bytes.size()) +
                           " bytes and would need a header of 24");
  }
  uint32_t magic;
  std::memcpy(&magic, bytes.data(), sizeof(magic));
  if (magic == kPcapng) {
    return Error(name, "is a pcapng file; convert it with `editcap -F nsecpcap`");
  }
  bool swapped = false;
  if (magic != kMicroseconds && magic != kNanoseconds) {
    magic = __builtin_bswap32(magic);
    swapped = true;
  }
  if (magic != kMicroseconds && magic != kNanoseconds) {
    return Error(name, "is no pcap file: it does not begin with one of pcap's magic numbers");
  }
  PcapReader reader(bytes, swapped, magic == kNanoseconds);
  // The upper bits of the field hold flags of the frame check sequence.
  const uint32_t link_type = reader.Load32(20) & 0xffff;
  if (link_type != kEthernet) {
    return Error(name, "holds packets of link type " + std::to_string(link_type) +
                           "; only Ethernet (1) can be replayed");
  }
  return reader;
}

uint32_t PcapReader::Load32(size_t offset) const {
  uint32_t value;
  std::memcpy(&value, bytes_.data() + offset, sizeof(value));
  return swapped_ ? __builtin_bswap32(value) : value;
}

void PcapReader::Rewind() {
  next_ = kFileHeader;
  end_ = End::kNone;
}

std::optional<PcapRecord> PcapReader::Next() {
  if (end_ != End::kNone) return std::nullopt;
  const size_t left = bytes_.size() - next_;
  if (left < kRecordHeader) {
    end_ = left == 0 ? End::kEndOfFile : End::kTruncated;
    return std::nullopt;
  }
  const uint32_t seconds = Load32(next_);
  const uint32_t fraction = Load32(next_ + 4);
  const uint32_t captured = Load32(next_ + 8);
  if (captured > kMaxRecord) {
    end_ = End::kCorrupt;
    return std::nullopt;
  }
  if (left - kRecordHeader < captured) {
    end_ = End::kTruncated;
    return std::nullopt;
  }
  PcapRecord record;
  record.time = Duration(int64_t{seconds} * kSecond +
                         (nanoseconds_ ? int64_t{fraction} : int64_t{fraction} * 1000));
  record.length = Load32(next_ + 12);
  record.bytes = bytes_.subspan(next_ + kRecordHeader, captured);
  next_ += kRecordHeader + captured;
  return record;
}

absl::StatusOr<std::vector<uint8_t>> ReadFileBytes(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return SystemError(path, "cannot be read", errno);
  struct stat status;
  if (fstat(file.get(), &status) != 0) return SystemError(path, "cannot be read", errno);
  if (S_ISDIR(status.st_mode)) return Error(path, "is a directory; name a file");
  std::vector<uint8_t> bytes(static_cast<size_t>(std::max<off_t>(status.st_size, 0)));
  size_t have = 0;
  while (true) {
    if (have == bytes.size()) bytes.resize(have + std::max<size_t>(have / 2, 65536));
    const ssize_t n = read(file.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path, "cannot be read", errno);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

absl::StatusOr<std::shared_ptr<PcapFile>> PcapFile::Create(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError(path, "cannot be written", errno);
  std::shared_ptr<PcapFile> file(new PcapFile(fd));
  std::vector<uint8_t> header;
  constexpr uint32_t kVersion = 2 | 4 << 16;  // 2.4, as two 16-bit fields
  static_assert(std::endian::native == std::endian::little);
  AppendWords(header, {kNanoseconds, kVersion, 0, 0, kMaxRecord, kEthernet});
  if (!file->Append(header)) return SystemError(path, "cannot be written", errno);
  return file;
}

PcapFile::~PcapFile() { close(fd_); }

bool PcapFile::Append(std::span<const uint8_t> records) {
  const std::lock_guard lock(mutex_);
  while (!records.empty() && !failed_) {
    const ssize_t n = write(fd_, records.data(), records.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failed_ = true;
    } else {
      records = records.subspan(static_cast<size_t>(n));
    }
  }
  return !failed_;
}

PcapBuffer::PcapBuffer(std::shared_ptr<PcapFile> file, Duration wall_offset)
    : file_(std::move(file)), wall_offset_(wall_offset) {
  buffer_.reserve(kLarge + kLarge / 2);
}

void PcapBuffer::Add(Instant now, const PacketHead& packet) {
  constexpr uint32_t kTag = 4;
  constexpr uint32_t kAddresses = 12;
  const bool tag = (packet.flags & PacketHead::kHasVlan) != 0 && packet.length >= kAddresses;
  const uint32_t length = packet.packet_length + (tag ? kTag : 0);
  const uint32_t captured = std::min(length, kMaxRecord);
  const int64_t time = std::max<int64_t>((now.time_since_epoch() + wall_offset_).count(), 0);
  AppendWords(buffer_, {static_cast<uint32_t>(time / kSecond),
                        static_cast<uint32_t>(time % kSecond), captured, length});
  const size_t end = buffer_.size() + captured;
  for (const PacketHead* s = &packet; s != nullptr; s = s->next_segment) {
    const uint8_t* from = s->data;
    if (tag && s == &packet) {
      buffer_.insert(buffer_.end(), from, from + kAddresses);
      from += kAddresses;
      uint8_t bytes[kTag] = {0x81, 0x00};
      StoreBe16(bytes + 2, packet.vlan_tci);
      buffer_.insert(buffer_.end(), bytes, bytes + kTag);
    }
    buffer_.insert(buffer_.end(), from, static_cast<const uint8_t*>(s->data) + s->length);
  }
  buffer_.resize(end);
  ++added_;
}

void PcapBuffer::Flush() {
  if (buffer_.empty()) return;
  if (!file_->Append(buffer_)) lost_ += added_;
  added_ = 0;
  buffer_.clear();
}

}  // namespace corelane::driver
