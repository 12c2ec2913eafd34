#include "driver/tap/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "driver/tap/tap_queue.h"

namespace corelane::driver {
namespace {

using internal::TapQueue;
using internal::TapQueueOptions;

constexpr uint16_t kMaxQueues = 256;  // MAX_TAP_QUEUES of the kernel

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status Failure(const std::string& name, const std::string& what, int error) {
  std::string right;
  if (error == EPERM || error == EACCES) {
    right =
        "; run as root, or in a network namespace of its own: "
        "unshare --user --map-root-user --net";
  }
  return absl::ErrnoToStatus(error, "\"tap:" + name + "\": " + what + right);
}

absl::Status CheckName(const std::string& name) {
  const auto wrong = [&name](const std::string& what) {
    return absl::InvalidArgumentError("\"tap:" + name + "\": " + what);
  };
  if (name.empty()) {
    return wrong("names no interface; write tap:NAME, such as tap:corelane0");
  }
  if (name.size() >= IFNAMSIZ) {
    return wrong("the interface's name has " + std::to_string(name.size()) +
                 " bytes; Linux allows at most " + std::to_string(IFNAMSIZ - 1));
  }
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '/' && c != ':' && c != '%';
  });
  if (!printable || name == "." || name == "..") {
    return wrong("is no name for an interface; use letters, digits, '-', '_' and '.'");
  }
  return absl::OkStatus();
}

// The kernel's interface by its name.
class Interface {
 public:
  explicit Interface(const std::string& name)
      : name_(name), socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

  absl::StatusOr<MacAddress> Mac() const {
    ifreq request = Request();
    if (ioctl(socket_.get(), SIOCGIFHWADDR, &request) != 0) {
      return Failure(name_, "the interface's address cannot be read", errno);
    }
    return MacAddress::FromBytes(reinterpret_cast<const uint8_t*>(request.ifr_hwaddr.sa_data));
  }

  // Who may not set what is set already succeeds.
  absl::Status SetMtu(uint16_t mtu) const {
    ifreq request = Request();
    if (ioctl(socket_.get(), SIOCGIFMTU, &request) == 0 && request.ifr_mtu == mtu) {
      return absl::OkStatus();
    }
    request.ifr_mtu = mtu;
    if (ioctl(socket_.get(), SIOCSIFMTU, &request) == 0) return absl::OkStatus();
    return Failure(name_, "the interface's MTU cannot be set to " + std::to_string(mtu), errno);
  }

  absl::Status BringUp() const {
    ifreq request = Request();
    if (ioctl(socket_.get(), SIOCGIFFLAGS, &request) == 0) {
      if ((request.ifr_flags & IFF_UP) != 0) return absl::OkStatus();
      request.ifr_flags |= IFF_UP;
      if (ioctl(socket_.get(), SIOCSIFFLAGS, &request) == 0) return absl::OkStatus();
    }
    return Failure(name_, "the interface cannot be brought up", errno);
  }

 private:
  ifreq Request() const {
    ifreq request{};
    std::memcpy(request.ifr_name, name_.c_str(), name_.size() + 1);
    return request;
  }

  std::string name_;
  Descriptor socket_;
};

absl::Status AttachFailure(const TapOptions& options, int error) {
  switch (error) {
    case EBUSY:
      return Failure(options.name, "the interface is in use by another program; name another one",
                     error);
    case EINVAL:
      return Failure(options.name,
                     "there is an interface of this name that is no TAP interface or was made for "
                     "another number of queues; name another one, or delete it first",
                     error);
    case E2BIG:
      return Failure(options.name,
                     "the kernel refuses " + std::to_string(options.queues) + " queues", error);
    default:
      return Failure(options.name, "the interface cannot be made or opened", error);
  }
}

// Opens one queue of the interface.
absl::StatusOr<Descriptor> Attach(const TapOptions& options, bool vnet_header) {
  Descriptor tun(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (tun.get() < 0) {
    const int error = errno;
    const bool missing = error == ENOENT || error == ENODEV || error == ENXIO;
    return Failure(options.name,
                   missing ? "/dev/net/tun is missing; load the kernel's module: modprobe tun"
                           : "/dev/net/tun cannot be opened",
                   error);
  }
  ifreq request{};
  std::memcpy(request.ifr_name, options.name.c_str(), options.name.size() + 1);
  const int flags = IFF_TAP | IFF_NO_PI | (vnet_header ? IFF_VNET_HDR : 0);
  request.ifr_flags = static_cast<int16_t>(flags | (options.queues > 1 ? IFF_MULTI_QUEUE : 0));
  if (ioctl(tun.get(), TUNSETIFF, &request) == 0) return tun;
  if (errno == EINVAL && options.queues == 1) {
    // The interface is there and was made for several queues: one of them is fine.
    request.ifr_flags = static_cast<int16_t>(flags | IFF_MULTI_QUEUE);
    if (ioctl(tun.get(), TUNSETIFF, &request) == 0) return tun;
    errno = EINVAL;
  }
  return AttachFailure(options, errno);
}

bool KernelHasVnetHeader() {
  const Descriptor tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  unsigned features = 0;
  return tun.get() >= 0 && ioctl(tun.get(), TUNGETFEATURES, &features) == 0 &&
         (features & IFF_VNET_HDR) != 0;
}

// What the kernel may leave undone in frames that it sends.
struct RxOffload {
  bool checksum = false;
  bool segmentation = false;
};

RxOffload SetOffload(int fd) {
  constexpr unsigned kSegmentation = TUN_F_TSO4 | TUN_F_TSO6;
  for (const unsigned flags : {TUN_F_CSUM | kSegmentation | TUN_F_TSO_ECN,
                               TUN_F_CSUM | kSegmentation, unsigned{TUN_F_CSUM}}) {
    if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(flags)) == 0) {
      return {.checksum = true, .segmentation = (flags & kSegmentation) != 0};
    }
  }
  return {};
}

// A locally administered address that depends on nothing but the name: 02, four bytes of its FNV-1a
// hash, and a last byte that differs from the kernel's.
MacAddress StackMac(const std::string& name, const MacAddress& kernel) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  const auto byte = [hash](int shift) { return static_cast<uint8_t>(hash >> shift); };
  const uint8_t last = kernel.bytes()[5] == 0x01 ? 0x02 : 0x01;
  return MacAddress(0x02, byte(24), byte(16), byte(8), byte(0), last);
}

class TapDevice final : public Device {
 public:
  TapDevice(DeviceInfo info, std::vector<Descriptor> queues, const TapQueueOptions& options)
      : info_(std::move(info)) {
    for (Descriptor& fd : queues) {
      queues_.push_back(std::make_unique<TapQueue>(fd.Release(), info_, options));
    }
  }

  const DeviceInfo& info() const override { return info_; }
  DeviceQueue& queue(size_t index) override { return *queues_.at(index); }

 private:
  DeviceInfo info_;
  std::vector<std::unique_ptr<TapQueue>> queues_;
};

const RegisterDevice kRegister(
    "tap", "tap:NAME[,queues=N][,mtu=N][,mac=MAC][,offload=1][,persist=1][,pool=N]", &OpenTap);

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> MakeTapDevice(const TapOptions& options) {
  if (absl::Status status = CheckName(options.name); !status.ok()) return status;
  DeviceInfo info;
  info.name = "tap:" + options.name;
  info.mtu = options.mtu;
  info.queues = options.queues;
  info.capabilities.max_tx_segments = TapQueue::kMaxTxSegments;

  TapQueueOptions queue_options;
  queue_options.pool_packets = options.pool_packets;
  queue_options.vnet_header = options.offload && KernelHasVnetHeader();
  std::vector<Descriptor> queues;
  for (uint16_t i = 0; i < options.queues; ++i) {
    absl::StatusOr<Descriptor> queue = Attach(options, queue_options.vnet_header);
    if (!queue.ok()) return queue.status();
    queues.push_back(*std::move(queue));
  }
  if (queue_options.vnet_header) {
    const RxOffload rx = SetOffload(queues[0].get());
    queue_options.large_frames = rx.segmentation;
    Capabilities& has = info.capabilities;
    has.tx_checksum_l4 = has.tso = true;
    has.max_tso_size = 65535 - 120;  // with the headers, an IP packet
    has.rx_checksum = rx.checksum;
    has.lro = rx.segmentation;
  }
  if (options.persist && ioctl(queues[0].get(), TUNSETPERSIST, 1UL) != 0) {
    return Failure(options.name, "the interface cannot be made persistent", errno);
  }
  const Interface interface(options.name);
  if (absl::Status status = interface.SetMtu(options.mtu); !status.ok()) return status;
  if (absl::Status status = interface.BringUp(); !status.ok()) return status;
  const absl::StatusOr<MacAddress> kernel = interface.Mac();
  if (!kernel.ok()) return kernel.status();
  info.mac = options.mac.value_or(StackMac(options.name, *kernel));
  if (info.mac == *kernel) {
    return absl::InvalidArgumentError("\"tap:" + options.name + "\": mac=" + info.mac.ToString() +
                                      " is the address of the kernel's interface; the stack is "
                                      "its neighbor and needs another one");
  }
  return std::make_unique<TapDevice>(std::move(info), std::move(queues), queue_options);
}

absl::StatusOr<std::unique_ptr<Device>> OpenTap(const DeviceUri& uri, const OpenOptions& options) {
  OptionReader reader(uri);
  const OpenOptions common = TakeCommonOptions(reader, options, kMaxQueues, 65535 - 18);
  TapOptions tap;
  tap.name = uri.target;
  tap.queues = common.queues;
  tap.mtu = common.mtu;
  tap.mac = common.mac;
  tap.pool_packets = common.pool_packets;
  tap.offload = reader.Bool("offload", false);
  tap.persist = reader.Bool("persist", false);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  return MakeTapDevice(tap);
}

}  // namespace corelane::driver
