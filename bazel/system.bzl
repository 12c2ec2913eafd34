"""Exposes distribution packages as @sys//:NAME, found with pkg-config."""

def _pkg_config(rctx, mods):
    """Returns what pkg-config prints, "-" when a module is not installed."""
    r = rctx.execute(["pkg-config", "--cflags", "--libs"] + mods.split(" "))
    return r.stdout.rstrip("\n") if r.return_code == 0 else "-"

def _impl(rctx):
    out = [
        'load("@rules_cc//cc:defs.bzl", "cc_library")',
        'package(default_visibility = ["//visibility:public"])',
    ]
    answers = []
    for name, mods in rctx.attr.pkgs.items():
        incs, defs, libs = [], [], []
        skip = False
        answer = _pkg_config(rctx, mods)
        answers.append("%s: %s" % (mods, answer))
        if answer == "-":  # what depends on a package that is not installed is skipped
            out.append("cc_library(name = %r, target_compatible_with = ['@corelane//bazel:not_installed'])" % name)
            continue
        for f in [x for x in answer.split(" ") if x]:
            if skip:  # the argument of -include
                skip = False
            elif f == "-include":
                skip = True
            elif f.startswith("-I"):
                if "dbus" in f or "libnl" in f:
                    continue  # only the library's own sources need these
                link = "include/%s%d" % (name, len(incs))
                rctx.symlink(f[2:], link)
                incs.append(link)
            elif f.startswith("-D"):
                defs.append(f[2:])
            elif f.startswith("-l") or f.startswith("-L") or f.startswith("-Wl,"):
                libs.append(f)
        out.append("cc_library(name = %r, hdrs = glob(%r), includes = %r, defines = %r, linkopts = %r)" %
                   (name, [i + "/**" for i in incs], incs, defs, libs))
    for name, libs in rctx.attr.link.items():
        out.append("cc_library(name = %r, linkopts = %r)" % (name, libs.split(" ")))
    rctx.file("BUILD.bazel", "\n".join(out) + "\n")
    rctx.file("answers", "\n".join(answers) + "\n")  # tools/lib.sh asks again whether they still hold

system_repository = repository_rule(
    implementation = _impl,
    attrs = {"pkgs": attr.string_dict(), "link": attr.string_dict()},
    environ = ["PKG_CONFIG_PATH"],
    configure = True,
)

def system_libraries():
    """Declares @sys. A library that is not installed becomes a target that skips what depends on it."""
    system_repository(
        name = "sys",
        pkgs = {
            "absl_status": "absl_status absl_statusor",
            "absl_strings": "absl_strings absl_str_format",
            "openssl": "openssl",
            "prometheus": "prometheus-cpp-core",
            "pcap": "libpcap",
            "zlib": "zlib",
            "spdlog": "spdlog",
            "dpdk": "libdpdk",
            "nghttp2": "libnghttp2",
            "brotli": "libbrotlienc libbrotlidec",
            "zstd": "libzstd",
            "protobuf": "protobuf",
            "grpcpp": "grpc++ protobuf",
            "gtest": "gmock gtest",
            "gtest_main": "gmock_main",
            "benchmark": "benchmark",
            "cli11": "CLI11",
        },
        link = {
            "protoc": "-lprotoc -lprotobuf -lpthread",
            "benchmark_main": "-lbenchmark_main -lbenchmark -lpthread",
            "boost": "-lpthread",
            "boost_url": "-lboost_url",
            "dpdk_net_ring": "-lrte_net_ring -lrte_bus_vdev",
        },
    )
