"""Which way the folders may depend: the table that tools/check holds the tree against.

A folder is a Bazel package ("driver/ring" is one of its own). Patterns are those of fnmatch. See the
picture in docs/architecture.md.
"""

# What a folder's shipped targets may depend on directly. A folder that is not named here fails the check.
ALLOWED = {
    "core": [],
    "driver": ["core"],
    "driver/*": ["driver", "core"],
    "arp": ["core"],
    "ip": ["arp", "core"],
    "tcp": ["ip", "core"],
    "udp": ["ip", "core"],
    "stack": ["tcp", "udp", "ip", "arp", "driver", "core"],
    "runtime": ["stack", "tcp", "udp", "ip", "driver", "core"],
    "runtime/app": ["runtime", "runtime/flags", "stack", "driver", "core"],
    "runtime/bridge": ["runtime", "stack", "tcp", "udp", "core"],
    "runtime/flags": ["core"],
    "runtime/metrics": ["runtime", "stack", "tcp", "udp", "ip", "arp", "driver", "core"],
    "runtime/resolver": ["runtime", "stack", "core"],
    "tls": ["runtime", "core"],
    "http/wire": ["core"],
    "http/h1": ["http/wire", "core"],
    "http/semantics": ["http/wire", "http/h1", "core"],
    "http": ["http/wire", "http/h1", "http/h2", "tls", "runtime", "core"],
    "http/client": ["http", "http/wire", "http/h1", "http/h2", "tls", "runtime", "runtime/resolver", "core"],
    "http/json": ["http"],
    "http/middleware": ["http", "http/semantics", "core"],
    "http/compress": ["http", "http/semantics"],
    "http/files": ["http", "http/semantics", "core"],
    "http/multipart": ["http", "http/wire", "core"],
    "http/ws": ["http", "http/wire", "core"],
    "http/h2": ["http/wire", "core"],
    "grpc/wire": ["http/wire", "core"],
    "grpc": ["grpc/wire", "http", "http/wire", "tls", "runtime", "core"],
    # Everything but real backends.
    "testing": ["http", "grpc", "tls", "runtime", "stack", "tcp", "udp", "ip", "arp", "driver", "core",
                "driver/ring", "driver/pcap", "driver/fault", "driver/capture", "driver/trace"],
    "testing/*": ["*"],
    "examples": ["*"],
    "examples/*": ["*"],
    "bench": ["*"],
    "bench/*": ["*"],
    "tools": ["*"],
    "tools/*": ["*"],
}

# What tests, and what is built only for them, may depend on as well.
ALLOWED_TO_TESTS = {
    "*": ["testing", "testing/*", "driver/*", "examples", "bench"],
    "http/client": ["testing", "testing/*", "driver/*", "driver", "examples", "bench", "runtime/app"],
    "runtime/app": ["testing", "testing/*", "driver/*", "runtime/metrics"],
    "http/ws": ["testing", "testing/*", "http/h2"],
}

# Public targets besides the face of a folder. What is testonly may always be one.
EXTRA_FACES = [
    "//http:stream_traits",  # What the I/O shells of server and client share.
    "//core:allocation_counter",  # Linking it replaces malloc.
    "//runtime/app:textproto",  # The only part of an App that needs Protobuf.
]

# Folders that are not part of the library: their targets need no face, and only tests may use them.
LOOSE = ["examples", "examples/*", "bench", "bench/*", "tools", "tools/*"]

# Folders that anything may name: build rules, not code.
UNRESTRICTED = ["bazel", ""]

# System libraries that only these folders, or these targets, may depend on. A library not named is free.
EXTERNAL = {
    "@sys//:boost": ["runtime", "runtime/*", "tls", "http/json", "testing", "testing/*", "examples", "examples/*", "bench", "bench/*"],
    "@sys//:boost_url": ["runtime", "http", "http/client", "examples", "examples/*"],
    "@sys//:cli11": ["runtime/flags"],
    "@sys//:dpdk": ["driver/dpdk"],
    "@sys//:dpdk_net_ring": ["driver/dpdk"],
    "@sys//:openssl": ["tls", "http/ws", "testing", "testing/*", "examples", "examples/*"],
    "@sys//:pcap": ["driver/pcap", "testing", "testing/*"],
    "@sys//:protobuf": ["runtime/app", "grpc", "testing", "testing/*", "examples", "examples/*"],
    "@sys//:prometheus": ["runtime/metrics", "examples", "examples/*"],
    "@sys//:spdlog": ["runtime", "runtime/*", "examples", "examples/*", "bench", "bench/*"],
    "@sys//:nghttp2": ["http/h2", "testing", "testing/*"],
    "@sys//:grpcpp": ["testing", "testing/*"],
    "@sys//:brotli": ["http/client", "http/compress"],
    "@sys//:zstd": ["http/client", "http/compress"],
    "@sys//:zlib": ["http/client", "http/compress", "http/ws", "grpc/wire", "testing", "testing/*", "examples", "examples/*"],
}

# What tests of these folders may use besides.
EXTERNAL_FOR_TESTS = {
    "@sys//:openssl": ["runtime", "runtime/bridge", "http"],  # asio::ssl::stream over our sockets
    "@sys//:zlib": ["http"],
}

# System libraries for tests and benchmarks only.
TEST_LIBRARIES = ["@sys//:gtest", "@sys//:gtest_main", "@sys//:benchmark", "@sys//:benchmark_main"]

# Folders whose protocol engines do no I/O. Only these targets of them, the I/O shells, may use Asio;
# besides them, only the face and tests may depend on a shell.
IO_SHELLS = {
    "http": ["//http:serve", "//http:client", "//http:stream_traits", "//http:use_task"],
    "http/ws": [],
    "http/client": ["//http/client:client"],
    "grpc": ["//grpc:channel"],
    "grpc/wire": [],
}
ASIO = "@sys//:boost"

# Which library an #include <...> belongs to: a file that has the include needs the dependency.
INCLUDE_OWNERS = [
    (r"<boost/", ["@sys//:boost", "@sys//:boost_url"]),
    (r"<openssl/", ["@sys//:openssl"]),
    (r"<pcap[/.]", ["@sys//:pcap"]),
    (r"<google/protobuf/", ["@sys//:protobuf"]),
    (r"<prometheus/", ["@sys//:prometheus"]),
    (r"<spdlog/", ["@sys//:spdlog"]),
    (r"<CLI/", ["@sys//:cli11"]),
    (r"<(gtest|gmock)/", ["@sys//:gtest"]),
    (r"<benchmark/", ["@sys//:benchmark"]),
    (r"<rte_", ["@sys//:dpdk"]),
    (r"<nghttp2/", ["@sys//:nghttp2"]),
    (r"<brotli/", ["@sys//:brotli"]),
    (r"<zstd", ["@sys//:zstd"]),
    (r"<zlib", ["@sys//:zlib"]),
    (r'["<]absl/', ["@sys//:absl_status", "@sys//:absl_strings"]),
]

BELOW_RUNTIME = ["core", "driver", "driver/*", "arp", "ip", "tcp", "udp", "stack"]

# (name, regular expression, folders, files that may, what is right instead). Applied to shipped code,
# comments left out.
FORBIDDEN = [
    # lane_group.h: those who change what all lanes read take turns by a lock that no lane waits for on the data path.
    ("thread", r"#include <(thread|future|condition_variable|mutex|shared_mutex|semaphore|latch|barrier)>|\bpthread_create\b",
     [f for f in BELOW_RUNTIME if f != "driver/*"], ["core/thread_owner.h", "driver/pcap_file.h", "driver/pcap_file.cc", "stack/lane_group.h"],
     "nothing below runtime starts or waits for a thread"),
    ("clock", r"\b(steady_clock|system_clock|high_resolution_clock|clock_gettime|gettimeofday|timespec_get)\b|\btime\((nullptr|NULL|0)\)",
     BELOW_RUNTIME, ["core/time.cc"],
     "nothing below runtime reads a clock: take an Instant"),
    ("log", r"\bspdlog\b|\bstd::(cout|cerr|clog)\b|\b(std::)?(printf|puts)\(",
     BELOW_RUNTIME, [],
     "nothing below runtime logs: count it, or return a status"),
    ("asio", r"#include <boost/",
     BELOW_RUNTIME, [],
     "nothing below runtime uses Asio"),
    ("random", r"\bstd::random_device\b|\bgetrandom\(|\b(std::)?rand\(\)",
     BELOW_RUNTIME, [],
     "randomness is injected: take a core/random.h Random or a seed"),
    ("dpdk", r"\brte_[a-z0-9_]+\b",
     ["core", "driver", "arp", "ip", "tcp", "udp", "stack", "runtime", "runtime/*", "tls", "http", "grpc"], [],
     "DPDK appears only in driver/dpdk"),
]

MAX_LINES = 600
# Longer files, each with the reason why it is one.
LONG_FILES = set()

MIN_SEEDS = 5  # In the corpus of a fuzz target.
