"""The rules that every C++ target of corelane is built with.

They carry the language level and the instruction set themselves, because a workspace that depends on corelane
inherits none of our .bazelrc.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

COPTS = [
    "-std=c++20",
    "-march=x86-64-v2",
    "-fomit-frame-pointer",
]

# Warnings are ours to fix, not our users': they apply to this workspace's own builds.
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
    "-Werror=return-type",
    "-Werror=switch",
]

def corelane_library(name, copts = [], **kwargs):
    cc_library(name = name, copts = COPTS + WARNINGS + copts, **kwargs)

def corelane_binary(name, copts = [], **kwargs):
    cc_binary(name = name, copts = COPTS + WARNINGS + copts, **kwargs)

def corelane_test(name, size = "small", copts = [], deps = [], main = True, **kwargs):
    """A GoogleTest. main = False: the sources bring their own main()."""
    cc_test(
        name = name,
        size = size,
        copts = COPTS + WARNINGS + copts,
        deps = deps + (["@sys//:gtest_main"] if main else []) + ["@sys//:gtest"],
        **kwargs
    )

def corelane_benchmark(name, srcs, deps = [], copts = [], **kwargs):
    """A Google Benchmark binary with its own main; never run as a test."""
    cc_binary(
        name = name,
        testonly = True,
        srcs = srcs,
        copts = COPTS + WARNINGS + copts,
        deps = deps + ["@sys//:benchmark_main", "@sys//:benchmark"],
        **kwargs
    )
