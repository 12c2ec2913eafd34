#!/usr/bin/env python3
"""Runs clang-tidy in parallel over build/tidy/compile_commands.json, and remembers what was clean.

usage: tidy.py ROOT [FILES_OR_FOLDERS]
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time

TIDY = "clang-tidy-19"
# Without FILES, these are left out: they are read with less care than what ships.
NOT_SHIPPED = re.compile(r"_(test|benchmark|fuzz|oracle)\.cc?$|^(bench|examples|testing)/|/testing/")
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


class Digests:
    """Hashes of a source with everything of ours that it includes."""

    def __init__(self, root, salt):
        self.root, self.salt, self.contents = root, salt, {}

    def _read(self, name):
        if name not in self.contents:
            try:
                with open(os.path.join(self.root, name), "rb") as file:
                    data = file.read()
            except OSError:
                data = b""
            self.contents[name] = (data, [m.decode() for m in INCLUDE.findall(data)])
        return self.contents[name]

    def of(self, entry):
        digest = hashlib.sha256(self.salt)
        digest.update(json.dumps(entry["arguments"]).encode())
        seen, todo = set(), [entry["file"]]
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            data, includes = self._read(name)
            digest.update(name.encode() + b"\0" + data)
            todo += sorted(includes)
        return digest.hexdigest()


def wanted(entries, root, names):
    if not names:
        return [e for e in entries if not os.path.isabs(e["file"]) and not NOT_SHIPPED.search(e["file"])]
    names = [os.path.relpath(name, root) for name in names]
    stems = {os.path.splitext(name)[0] for name in names if name.endswith(".h")}
    chosen = []
    for entry in entries:
        file = entry["file"]
        below = any(name == "." or file == name or file.startswith(name + "/") for name in names)
        if below or os.path.splitext(file)[0] in stems:
            chosen.append(entry)
    return chosen


def run(root, database, entry):
    start = time.monotonic()
    answer = subprocess.run([TIDY, "-p", database, "--quiet", entry["file"]], cwd=root, capture_output=True,
                            text=True, check=False)
    return answer.returncode, answer.stdout + (answer.stderr if answer.returncode else ""), time.monotonic() - start


def main(argv):
    root, names = argv[1], argv[2:]
    database = os.path.join(root, "build", "tidy")
    with open(os.path.join(database, "compile_commands.json"), encoding="utf-8") as file:
        entries = wanted(json.load(file), root, names)
    if not entries:
        print("tidy: no source file of a Bazel target among: " + " ".join(names), file=sys.stderr)
        return 1
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    with open(os.path.join(root, ".clang-tidy"), "rb") as file:
        digests = Digests(root, version + file.read())
    stamps = os.path.join(database, "clean")
    os.makedirs(stamps, exist_ok=True)
    todo = [(e, os.path.join(stamps, digests.of(e))) for e in entries]
    todo = [(e, stamp) for e, stamp in todo if not os.path.exists(stamp)]
    bad, times = [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = {pool.submit(run, root, database, e): (e["file"], stamp) for e, stamp in todo}
        for job in concurrent.futures.as_completed(jobs):
            name, stamp = jobs[job]
            status, output, seconds = job.result()
            times.append((seconds, name))
            if status == 0:
                open(stamp, "w", encoding="utf-8").close()
            else:
                bad.append(name)
                print(output, flush=True)
    slowest = ", ".join("%s %.0f s" % (name, seconds) for seconds, name in sorted(times, reverse=True)[:3])
    print("tidy: %d files, %d unchanged since clean, %d with findings%s" %
          (len(entries), len(entries) - len(todo), len(bad), "; slowest: " + slowest if times else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
