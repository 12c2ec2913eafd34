"""corelane_fuzz: a libFuzzer target and the ordinary test that replays its corpus."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load(":cc.bzl", "COPTS", "WARNINGS")

def corelane_fuzz(name, srcs, corpus = [], deps = [], size = "small", **kwargs):
    """NAME: the libFuzzer binary (--config=fuzz, run by tools/fuzz); NAME_test replays the corpus with any compiler.

    Args:
      name: ends in _fuzz.
      srcs: define LLVMFuzzerTestOneInput.
      corpus: labels of files, usually glob(["corpus/NAME/*"]). The test fails when there is none.
      deps: as for cc_library.
      size: of the replaying test.
      **kwargs: for the binary.
    """
    cc_library(name = name + "_lib", srcs = srcs, copts = COPTS + WARNINGS, deps = deps, alwayslink = True, testonly = True)
    cc_binary(name = name, deps = [name + "_lib"], linkopts = ["-fsanitize=fuzzer"], tags = ["manual", "fuzz"], testonly = True, **kwargs)
    cc_test(
        name = name + "_test",
        size = size,
        srcs = ["//bazel:replay_main.cc"],
        copts = COPTS,
        deps = [name + "_lib"],
        data = corpus,
        args = ["$(locations %s)" % c for c in corpus],
    )
