#!/usr/bin/env python3
"""Complains about source files longer than tools/layering.py allows. The names come on stdin.

usage: check_lengths.py <NAMES      (at the root of the workspace)
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import layering  # noqa: E402  (the table)


def main():
    count, bad = 0, 0
    for name in sys.stdin.read().split("\n"):
        if not name:
            continue
        count += 1
        with open(name, "rb") as file:
            lines = sum(1 for _ in file)
        if lines > layering.MAX_LINES and name not in layering.LONG_FILES:
            bad += 1
            print("%s:1: %d lines: at most %d (make it two, or give the reason in tools/layering.py)" %
                  (name, lines, layering.MAX_LINES))
    print("length: %d files, %d too long" % (count, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
