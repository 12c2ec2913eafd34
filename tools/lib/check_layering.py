#!/usr/bin/env python3
"""Holds the build graph and the sources against the table in tools/layering.py.

usage: check_layering.py      (at the root of the workspace)

Prints one line for each violation, `FILE:LINE: what, and what would be right`, and exits with 1 when there
is one. Reads the graph with `bazel query`; builds nothing.
"""

import collections
import fnmatch
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import layering  # noqa: E402  (the table)

EDGE_ATTRIBUTES = ("deps", "srcs", "hdrs", "data", "textual_hdrs", "implementation_deps", "tools", "actual", "exports")


def bazel_query(*arguments):
    bazel = [os.environ.get("BAZEL", "bazel")] + shlex.split(os.environ.get("BAZEL_STARTUP", ""))
    command = bazel + ["query", "--noshow_progress", *arguments]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        sys.exit("bazel query %s:\n%s" % (" ".join(arguments), answer.stderr))
    return answer.stdout


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def lookup(table, folder):
    """The entry for folder: its own, else that of the first pattern that matches."""
    if folder in table:
        return table[folder]
    return next((value for pattern, value in table.items() if fnmatch.fnmatchcase(folder, pattern)), None)


def folder_of(label):
    return label[2:].split(":")[0]


def face_of(folder):
    return "//%s:%s" % (folder, folder.split("/")[-1])


def is_face(rules, label):
    if label == face_of(folder_of(label)) or label in layering.EXTRA_FACES:
        return True
    return label in rules and rules[label].for_tests


class Rule:
    """One target of the workspace."""

    def __init__(self, element):
        self.label = element.get("name")
        self.kind = element.get("class")
        path, line = element.get("location").rsplit(":", 2)[:2]
        self.where = "%s:%s" % (os.path.relpath(path, ROOT), line)
        self.folder = folder_of(self.label)
        self.tags = self._list(element, "tags")
        testonly = element.find("boolean[@name='testonly']")
        self.for_tests = self.kind.endswith("_test") or (testonly is not None and testonly.get("value") == "true")
        self.edges = {label for name in EDGE_ATTRIBUTES for label in self._list(element, name)}
        self.edges |= {e.get("value") for e in element.findall("label[@name='actual']")}
        self.sources = [label for name in ("srcs", "hdrs", "textual_hdrs") for label in self._list(element, name)]

    @staticmethod
    def _list(element, name):
        found = element.find("list[@name='%s']" % name)
        return [] if found is None else [e.get("value") for e in found]


def read_rules():
    tree = ElementTree.fromstring(bazel_query("//...", "--output=xml").replace('version="1.1"', 'version="1.0"', 1))
    rules = [Rule(element) for element in tree.iter("rule")]
    # A test_suite is no code; generated rules (cc_proto's) carry their edges as srcs and deps like others.
    return {rule.label: rule for rule in rules if rule.kind != "test_suite"}


def check_folder_edges(rules, complain):
    for rule in rules.values():
        allowed = lookup(layering.ALLOWED, rule.folder)
        if allowed is None:
            if rule.folder not in layering.UNRESTRICTED:
                complain(rule.where, "folder %s is not in tools/layering.py: add it, with what it may depend on" % rule.folder)
            continue
        if rule.for_tests:
            allowed = allowed + lookup(layering.ALLOWED_TO_TESTS, rule.folder)
        for edge in sorted(rule.edges):
            if not edge.startswith("//") or folder_of(edge) == rule.folder:
                continue
            to = folder_of(edge)
            if to in layering.UNRESTRICTED:
                continue
            if not matches(to, allowed):
                complain(rule.where, "%s must not depend on %s: %s may use only %s" %
                         (rule.label, edge, rule.folder, ", ".join(allowed) or "nothing"))
            elif not is_face(rules, edge) and not matches(to, layering.LOOSE):
                complain(rule.where, "%s depends on %s: outside its folder only the face %s may be used" %
                         (rule.label, edge, face_of(to)))


def check_external_edges(rules, complain):
    for rule in rules.values():
        if rule.folder in layering.UNRESTRICTED:
            continue
        shells = layering.IO_SHELLS.get(rule.folder, [])
        for edge in sorted(rule.edges):
            if edge in layering.TEST_LIBRARIES and not rule.for_tests and rule.kind != "cc_binary":
                complain(rule.where, "%s depends on %s: only tests and benchmarks may (testonly = True)" % (rule.label, edge))
            if edge == layering.ASIO and rule.folder in layering.IO_SHELLS:
                if rule.label not in shells and not rule.for_tests:
                    complain(rule.where, "%s uses Asio: in %s only the I/O shells %s may" %
                             (rule.label, rule.folder, ", ".join(shells)))
                continue
            if edge in shells and rule.label not in shells + [face_of(rule.folder)] and not rule.for_tests:
                complain(rule.where, "%s depends on the I/O shell %s: the engine does no I/O" % (rule.label, edge))
            allowed = layering.EXTERNAL.get(edge)
            if rule.for_tests and matches(rule.folder, layering.EXTERNAL_FOR_TESTS.get(edge, [])):
                continue
            if allowed is not None and not matches(rule.folder, allowed) and rule.label not in allowed:
                complain(rule.where, "%s must not depend on %s: only %s may" % (rule.label, edge, ", ".join(allowed)))


def check_faces(rules, complain):
    folders = sorted({rule.folder for rule in rules.values()})
    visible = set(bazel_query("kind(rule, visible(//:LICENSE, //...))").split())
    for folder in folders:
        if folder in layering.UNRESTRICTED or matches(folder, layering.LOOSE):
            continue
        mine = [rule for rule in rules.values() if rule.folder == folder]
        if any(not rule.for_tests for rule in mine) and face_of(folder) not in rules:
            complain(folder + "/BUILD.bazel:1", "folder %s has no face: expected a target %s" % (folder, face_of(folder)))
        for rule in mine:
            if rule.label in visible and not is_face(rules, rule.label):
                complain(rule.where, "%s is public: only the face %s may be, and what is testonly" %
                         (rule.label, face_of(folder)))


def check_cycles(rules, complain):
    graph = collections.defaultdict(set)
    for rule in rules.values():
        if not rule.for_tests:
            graph[rule.folder] |= {folder_of(e) for e in rule.edges if e.startswith("//")} - {rule.folder}
    done, path = set(), []

    def visit(folder):
        if folder in path:
            complain("tools/layering.py:1", "folders depend on each other: " + " -> ".join(path[path.index(folder):] + [folder]))
            return
        if folder in done:
            return
        path.append(folder)
        for to in sorted(graph[folder]):
            visit(to)
        path.pop()
        done.add(folder)

    for folder in sorted(graph):
        visit(folder)


def reachable(rules, label, cache):
    if label not in cache:
        cache[label] = {label}
        if label in rules:
            cache[label] |= {x for edge in rules[label].edges for x in reachable(rules, edge, cache)}
    return cache[label]


def without_comments(text):
    """Blanks out comments and keeps the lines."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0)) if match.group(0)[0] == "/" else match.group(0)
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)


def read_source(label):
    path = label[2:].replace(":", "/")
    if not re.search(r"\.(h|cc|inc)$", path):
        return None, None
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            return path, without_comments(file.read())
    except OSError:  # A generated file.
        return None, None


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_sources(rules, complain):
    cache, texts = {}, {}
    for rule in rules.values():
        for label in rule.sources:
            if not label.startswith("//") or label in rules:
                continue
            if label not in texts:
                texts[label] = read_source(label)
            path, text = texts[label]
            if text is None:
                continue
            for pattern, owners in layering.INCLUDE_OWNERS:
                match = re.search("#include " + pattern, text)
                if match and not any(owner in reachable(rules, rule.label, cache) for owner in owners):
                    complain("%s:%d" % (path, line_of(text, match.start())), "%s includes %s...: %s needs the dependency %s" %
                             (path, match.group(0)[9:], rule.label, " or ".join(owners)))
            if rule.for_tests:
                continue
            for name, pattern, folders, exempt, right in layering.FORBIDDEN:
                if not matches(rule.folder, folders) or path in exempt or path.endswith("_benchmark.cc"):
                    continue
                for match in re.finditer(pattern, text):
                    complain("%s:%d" % (path, line_of(text, match.start())), "'%s' (%s): %s" % (match.group(0), name, right))


def check_fuzz_targets(rules, complain):
    for rule in rules.values():
        if "fuzz" not in rule.tags:
            continue
        replay = rules.get(rule.label + "_test")
        seeds = [e for e in replay.edges if "corpus/" in e] if replay else []
        if len(seeds) < layering.MIN_SEEDS:
            complain(rule.where, "%s has %d corpus files: expected at least %d" % (rule.label, len(seeds), layering.MIN_SEEDS))


def main():
    rules = read_rules()
    complaints = set()

    def complain(where, what):
        complaints.add("%s: %s" % (where, what))

    for check in (check_folder_edges, check_external_edges, check_faces, check_cycles, check_sources, check_fuzz_targets):
        check(rules, complain)
    print("\n".join(sorted(complaints)), end="\n" if complaints else "")
    print("layering: %d targets, %d violations" % (len(rules), len(complaints)))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
