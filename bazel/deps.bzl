"""corelane_dependencies(): the repositories that corelane needs, for its own WORKSPACE and for its users'."""

load(":system.bzl", "system_libraries")

def _local(name, path):
    if not native.existing_rule(name):
        native.local_repository(name = name, path = path)

def corelane_shims(corelane = ""):
    """Call first. corelane: the path from the workspace to corelane, with a trailing slash, or "" inside it."""
    _local("rules_cc", corelane + "bazel/shims/rules_cc")
    _local("remote_coverage_tools", corelane + "bazel/shims/remote_coverage_tools")
    _local("bazel_skylib", "/usr/share/bazel/tools/skylib")
    _local("platforms", "/usr/share/bazel/tools/platforms")
    _local("rules_java", "/usr/share/bazel/rules/java")
    _local("rules_proto", "/usr/share/bazel/rules/proto")

    # Only Bazel 7's own machinery asks for these (Debian's bazel-bootstrap 7.7 ships them).
    _local("rules_python", "/usr/share/bazel/rules/python")
    _local("rules_license", "/usr/share/bazel/rules/license")
    _local("bazel_features", "/usr/share/bazel/tools/features")

def corelane_dependencies(corelane = ""):
    """Everything that corelane's targets depend on. corelane: as for corelane_shims()."""
    corelane_shims(corelane)
    if not native.existing_rule("sys"):
        system_libraries()
