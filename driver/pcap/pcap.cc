#include "driver/pcap/pcap.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "core/check.h"
#include "driver/frame.h"
#include "driver/pcap_file.h"

namespace corelane::driver {
namespace {

// Hands out the frames of a file when they are due.
class Replay {
 public:
  Replay(std::vector<uint8_t> bytes, PcapReader reader, double speed, uint64_t rounds)
      : bytes_(std::move(bytes)), reader_(reader), speed_(speed), rounds_(rounds) {
    Advance();
  }

  // When the next frame is due; kNever: there is none. Before Start(): now.
  Instant NextDue() const {
    if (!next_) return kNever;
    if (!started_ || speed_ == 0) return Instant::min();
    return due_;
  }
  // The replay's time begins. Later calls change nothing.
  void Start(Instant now) {
    if (started_) return;
    started_ = true;
    due_ = now;
  }
  // Needs a next frame.
  const PcapRecord& next() const { return *next_; }
  void Pop() { Advance(); }
  // Places at which the file was broken.
  uint64_t broken() const { return broken_; }

 private:
  void Advance() {
    const std::optional<PcapRecord> last = std::exchange(next_, reader_.Next());
    if (!next_) {
      if (reader_.end() != PcapReader::End::kEndOfFile) ++broken_;
      // A file without a frame has nothing to repeat.
      if (!last || rounds_ == 1) return;
      if (rounds_ != 0) --rounds_;
      reader_.Rewind();
      next_ = reader_.Next();
      return;
    }
    if (!last || speed_ == 0) return;
    // Files may go back in time; the replay does not.
    const Duration gap = std::max(next_->time - last->time, Duration(0));
    const double scaled = std::min(static_cast<double>(gap.count()) / speed_, 1e17);
    due_ += Duration(static_cast<int64_t>(scaled));
  }

  std::vector<uint8_t> bytes_;
  PcapReader reader_;
  double speed_;
  uint64_t rounds_;
  std::optional<PcapRecord> next_;
  bool started_ = false;
  Instant due_;
  uint64_t broken_ = 0;
};

class PcapQueue final : public DeviceQueue {
 public:
  PcapQueue(const DeviceInfo& info, uint32_t pool_packets, std::optional<Replay> replay,
            std::optional<PcapBuffer>& out)
      : pool_(pool_packets, DataRoomFor(info.mtu)),
        limits_(info),
        replay_(std::move(replay)),
        out_(out) {}
  ~PcapQueue() override { pool_.ReleaseOwner(); }

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override {
    starved_ = false;
    if (!replay_) return 0;
    replay_->Start(now);
    size_t n = 0;
    // A file of nothing but damaged frames, repeated for ever, must not keep the caller.
    const size_t looks = 4 * out.size();
    for (size_t look = 0; look < looks && n < out.size() && HasNext(now); ++look) {
      const PcapRecord& record = replay_->next();
      if (IsWhole(record)) {
        out[n] = PacketFromBytes(record.bytes, pool_);
        if (!out[n]) {
          starved_ = true;
          break;
        }
        ++stats_.rx_packets;
        stats_.rx_bytes += record.bytes.size();
        ++n;
      } else {
        ++damaged_;
      }
      replay_->Pop();
    }
    stats_.rx_dropped = damaged_ + replay_->broken();
    return n;
  }

  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override {
    for (PacketBuf& packet : in) {
      if (!CanSend(*packet.head(), limits_) || packet.segments() > limits_.max_segments) {
        ++stats_.tx_dropped;
      } else {
        ++stats_.tx_packets;
        stats_.tx_bytes += packet.packet_size();
        if (out_) out_->Add(now, *packet.head());
      }
      packet.Reset();
    }
    if (out_) out_->FlushIfLarge();
    return in.size();
  }

  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_.AllocateBurst(out); }

  Instant NextEvent() const override {
    // What is there already is for ReceiveBurst and ArmWake to tell.
    if (!replay_ || replay_->NextDue() == Instant::min()) return kNever;
    return replay_->NextDue();
  }

  std::optional<WakeSource> ArmWake() override {
    if (out_) out_->Flush();
    if (starved_) return WakeSource{.fd = -1, .nap = std::chrono::milliseconds(1)};
    if (replay_ && replay_->NextDue() == Instant::min()) return std::nullopt;
    return WakeSource{};
  }

  const QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return &pool_; }

 private:
  bool HasNext(Instant now) const {
    const Instant due = replay_->NextDue();
    return due <= now && due != kNever;
  }
  bool IsWhole(const PcapRecord& record) const {
    return record.bytes.size() == record.length && record.length >= kEthernetHeader &&
           record.length <= limits_.max_frame + kVlanTag;
  }

  PacketPool pool_;
  TxLimits limits_;
  std::optional<Replay> replay_;
  std::optional<PcapBuffer>& out_;
  bool starved_ = false;
  uint64_t damaged_ = 0;
  QueueStats stats_;
};

class PcapDevice final : public Device {
 public:
  PcapDevice(const PcapOptions& options, std::optional<Replay> replay,
             std::shared_ptr<PcapFile> out) {
    info_.name = "pcap:" + options.in;
    info_.mac = options.mac;
    info_.mtu = options.mtu;
    info_.capabilities.max_tx_segments = 512;
    if (out != nullptr) out_.emplace(std::move(out), options.wall_offset);
    queue_.emplace(info_, options.pool_packets, std::move(replay), out_);
  }

  const DeviceInfo& info() const override { return info_; }
  DeviceQueue& queue(size_t index) override {
    CL_CHECK(index == 0);
    return *queue_;
  }

 private:
  DeviceInfo info_;
  std::optional<PcapBuffer> out_;
  std::optional<PcapQueue> queue_;
};

const RegisterDevice kRegister("pcap",
                               "pcap:IN[,out=FILE][,speed=X][,loop=N][,mtu=N][,pool=N][,mac=MAC]",
                               &OpenPcap);

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> MakePcapDevice(const PcapOptions& options) {
  std::optional<Replay> replay;
  if (!options.in.empty()) {
    absl::StatusOr<std::vector<uint8_t>> bytes = ReadFileBytes(options.in);
    if (!bytes.ok()) return bytes.status();
    // The bytes stay where they are when the vector moves.
    const absl::StatusOr<PcapReader> reader = PcapReader::Open(*bytes, options.in);
    if (!reader.ok()) return reader.status();
    replay.emplace(*std::move(bytes), *reader, options.speed, options.loop);
  }
  std::shared_ptr<PcapFile> out;
  if (!options.out.empty()) {
    absl::StatusOr<std::shared_ptr<PcapFile>> file = PcapFile::Create(options.out);
    if (!file.ok()) return file.status();
    out = *std::move(file);
  }
  return std::make_unique<PcapDevice>(options, std::move(replay), std::move(out));
}

absl::StatusOr<std::unique_ptr<Device>> OpenPcap(const DeviceUri& uri, const OpenOptions& options) {
  OptionReader reader(uri);
  PcapOptions pcap;
  OpenOptions standard = options;
  standard.queues = 1;  // a file has no flows to spread
  const OpenOptions common = TakeCommonOptions(reader, standard, 1, 65535 - 18);
  pcap.in = uri.target;
  pcap.out = reader.String("out", "");
  pcap.speed = reader.Number("speed", 0, 0, 1e9);
  pcap.loop = reader.Unsigned("loop", 1, 0, ~uint64_t{0});
  pcap.mtu = common.mtu;
  pcap.pool_packets = common.pool_packets;
  pcap.wall_offset = options.wall_offset;
  if (common.mac) pcap.mac = *common.mac;
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  if (pcap.in.empty() && pcap.out.empty()) {
    return absl::InvalidArgumentError("\"" + uri.ToString() +
                                      "\": names no file; write pcap:IN or pcap:,out=FILE");
  }
  if (!pcap.in.empty() && pcap.in == pcap.out) {
    return absl::InvalidArgumentError("\"" + uri.ToString() + "\": out=" + pcap.out +
                                      " would overwrite the file to replay; name another file");
  }
  return MakePcapDevice(pcap);
}

}  // namespace corelane::driver
