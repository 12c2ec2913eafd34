#!/usr/bin/env python3
"""Turns the answer of `bazel aquery --output=jsonproto` into compile_commands.json.

usage: compile_commands.py ACTIONS_JSON BAZEL_INFO ROOT OUTPUT
"""

import json
import os
import re
import sys

# Flags whose value is a path, joined or as the next argument.
PATH_FLAGS = ("-iquote", "-isystem", "-I", "-idirafter", "-include", "-fprofile-instr-use=")
# Outputs and Bazel's own bookkeeping: of no use to an editor.
DROPPED_WITH_VALUE = ("-o", "-MF")
DROPPED = ("-MD", "-fno-canonical-system-headers")


def absolute(path, roots):
    """A path of the execution root as one that works anywhere."""
    for prefix, place in roots:
        if path == prefix or path.startswith(prefix + "/"):
            return place + path[len(prefix):]
    return path


def translate(arguments, roots):
    result, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in DROPPED_WITH_VALUE:
            skip = True
        elif argument in DROPPED or argument.startswith("-frandom-seed="):
            continue
        else:
            flag = next((f for f in PATH_FLAGS if argument.startswith(f) and argument != f), "")
            result.append(flag + absolute(argument[len(flag):], roots))
    return result


def main(argv):
    if len(argv) != 5:
        print("compile_commands.py: expected ACTIONS_JSON BAZEL_INFO ROOT OUTPUT", file=sys.stderr)
        return 2
    with open(argv[1], encoding="utf-8") as file:
        container = json.load(file)
    with open(argv[2], encoding="utf-8") as file:
        info = dict(line.strip().split(": ", 1) for line in file if ": " in line)
    root = argv[3]
    roots = [("external", info["output_base"] + "/external"), ("bazel-out", info["output_path"])]
    commands = {}
    for action in container.get("actions", []):
        arguments = action.get("arguments", [])
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        output = arguments[arguments.index("-o") + 1] if "-o" in arguments else ""
        built_for_tools = re.search(r"bazel-out/(host|[^/]*-exec[^/]*)/", output)
        if source.startswith("external/") or source in commands or built_for_tools:
            continue
        commands[source] = {
            "directory": root,
            "file": absolute(source, roots),
            "arguments": translate(arguments, roots),
        }
    entries = [commands[source] for source in sorted(commands)]
    scratch = argv[4] + ".new"
    with open(scratch, "w", encoding="utf-8") as file:
        json.dump(entries, file, indent=1)
        file.write("\n")
    os.replace(scratch, argv[4])
    print("%s: %d files" % (argv[4], len(entries)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
