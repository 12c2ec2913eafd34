#!/usr/bin/env python3
"""Counts what `bazel test` did, from its build events, and says why something was skipped or failed.

usage: test_summary.py EVENTS_JSON BAZEL_STATUS SKIPS_OUT

Prints each skip with its reason, each failure, and last `N passed, N failed, N skipped`. One unit is one
test target. A target counts as skipped when Bazel left it out as incompatible, or when it ran and every
test case in it was skipped; skipped cases of other targets are listed but not counted. A target of any
kind that does not build counts as failed. SKIPS_OUT gets one line for each skip: `LABEL` or
`LABEL SUITE.CASE`. Exits with 0 when nothing failed and something passed.

A test that is not a GoogleTest reports a skip with a line `SKIPPED: reason` and status 0.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOOD = ("PASSED", "FLAKY")


class Target:
    """What the build events say about one label."""

    def __init__(self, label):
        self.label = label
        self.is_test = False
        self.incompatible = False
        self.build_failure = None
        self.status = None  # Of a test that was started.
        self.logs = []
        self.xmls = []
        self.millis = 0


class Cases:
    """The test cases in one target's test.xml files."""

    def __init__(self):
        self.run = 0
        self.failed = []
        self.skipped = []  # (name, reason)


def local_path(uri):
    return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


def read_events(path):
    """Returns (targets by label, errors that concern no target, whether Bazel got to its end)."""
    targets, errors, finished = {}, [], False

    def target(label):
        return targets.setdefault(label, Target(label))

    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            kind, key = next(iter(event["id"].items()))
            label = key.get("label") if isinstance(key, dict) else None
            aborted = event.get("aborted")
            if kind == "targetConfigured" and "configured" in event:
                target(label).is_test = "testSize" in event["configured"]
            elif kind == "targetCompleted" and "completed" in event:
                if not event["completed"].get("success"):
                    detail = event["completed"].get("failureDetail", {}).get("message", "")
                    target(label).build_failure = detail or "does not build"
            elif kind == "testResult" and "testResult" in event:
                outputs = event["testResult"].get("testActionOutput", [])
                target(label).xmls += [local_path(o["uri"]) for o in outputs if o["name"] == "test.xml" and "uri" in o]
                target(label).logs += [local_path(o["uri"]) for o in outputs if o["name"] == "test.log" and "uri" in o]
            elif kind == "testSummary" and "testSummary" in event:
                target(label).status = event["testSummary"].get("overallStatus", "NO_STATUS")
                target(label).millis = int(event["testSummary"].get("totalRunDurationMillis", 0))
            elif kind == "buildFinished":
                finished = "finished" in event
            elif aborted and aborted.get("reason") == "SKIPPED" and label:
                target(label).incompatible = True
            elif aborted and label:
                if not target(label).status:
                    target(label).build_failure = aborted.get("description") or aborted.get("reason", "aborted")
            elif aborted:
                errors.append(aborted.get("description") or aborted.get("reason", kind))
    return targets, errors, finished


def one_line(text):
    return " ".join(text.split())


def read_cases(paths):
    cases = Cases()
    for path in paths:
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, ElementTree.ParseError):
            continue
        for case in root.iter("testcase"):
            cases.run += 1
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            skipped = case.find("skipped")
            if skipped is not None:
                reason = skipped.get("message") or skipped.text or ""
                reason = re.sub(r"^\S+:\d+\n", "", reason)  # GoogleTest puts FILE:LINE first.
                cases.skipped.append((name, one_line(reason)))
            elif case.get("status") == "notrun":
                cases.skipped.append((name, "disabled in its source"))
            elif case.find("failure") is not None or case.find("error") is not None:
                cases.failed.append(name)
        for output in root.iter("system-out"):  # Bazel's own test.xml: the whole log is one case.
            for reason in re.findall(r"^SKIPPED: *(.*?)(?:\]\]>)?$", output.text or "", re.MULTILINE):
                cases.skipped.append(("", one_line(reason)))
    return cases


def missing_libraries(labels):
    """Returns {label: the libraries of @sys that are not installed and that it needs}."""
    bazel = [os.environ.get("BAZEL", "bazel")] + shlex.split(os.environ.get("BAZEL_STARTUP", ""))
    result = {}
    for label in labels:
        query = 'attr(target_compatible_with, "not_installed", deps(%s))' % label
        answer = subprocess.run(bazel + ["query", "--noshow_progress", query], cwd=ROOT, capture_output=True,
                                text=True, check=False)
        result[label] = sorted(set(answer.stdout.split()) - {label})
    return result


def report(targets, errors):
    """Prints skips and failures; returns (passed, failed, skipped, skip keys)."""
    passed, failed, skipped = [], [], []
    lines, keys = [], []
    incompatible = missing_libraries(sorted(t.label for t in targets.values() if t.incompatible))
    for label in sorted(targets):
        target = targets[label]
        cases = read_cases(target.xmls)
        if target.incompatible:
            skipped.append(label)
            keys.append(label)
            needs = ", ".join(incompatible[label])
            needs = needs + " (not installed)" if needs else "something that this machine does not have"
            lines.append("skipped: %s: not built, for it needs %s" % (label, needs))
        elif target.build_failure:
            failed.append(label)
            lines.append("failed: %s: build: %s" % (label, one_line(target.build_failure).split(": error executing")[0][:200]))
        elif not target.is_test:
            continue
        elif target.status not in GOOD:
            failed.append(label)
            what = ", ".join(cases.failed) or target.status or "did not run"
            lines.append("failed: %s: %s" % (label, what))
            lines += ["  log: %s" % log for log in target.logs]
        else:
            if target.status == "FLAKY":
                lines.append("flaky: %s: passed only when repeated" % label)
            whole = cases.skipped and len(cases.skipped) >= cases.run
            (skipped if whole else passed).append(label)
            for name, reason in cases.skipped:
                keys.append(("%s %s" % (label, name)).strip())
                scope = "skipped" if whole else "skipped case"
                lines.append("%s: %s: %s" % (scope, keys[-1], reason or "no reason given"))
    lines += ["failed: %s" % one_line(e) for e in errors]
    if lines:
        print("\n" + "\n".join(lines))
    return passed, failed, skipped, keys


def print_slowest(targets, count=5):
    slow = sorted((t for t in targets.values() if t.millis >= 1000), key=lambda t: -t.millis)[:count]
    if slow:
        print("\nslowest: " + ", ".join("%s %.1f s" % (t.label, t.millis / 1000) for t in slow))


def main(argv):
    if len(argv) != 4:
        print("test_summary.py: expected EVENTS_JSON BAZEL_STATUS SKIPS_OUT", file=sys.stderr)
        return 2
    events, bazel_status, skips_out = argv[1], int(argv[2]), argv[3]
    try:
        targets, errors, finished = read_events(events)
    except (OSError, ValueError) as error:
        targets, errors, finished = {}, ["Bazel left no complete event file: %s" % error], False
    if not finished and not errors:
        errors.append("Bazel stopped before its end")
    passed, failed, skipped, keys = report(targets, errors)
    print_slowest(targets)
    if not failed and not errors and bazel_status not in (0, 4):  # 4: there was no test.
        errors.append("bazel exited with status %d" % bazel_status)
        print("failed: " + errors[-1])
    if not passed and not failed and not errors:
        errors.append("no test ran")
        print("failed: " + errors[-1])
    with open(skips_out, "w", encoding="utf-8") as out:
        out.writelines(key + "\n" for key in keys)
    print("\n%d passed, %d failed, %d skipped" % (len(passed), len(failed) + len(errors), len(skipped)))
    return 1 if failed or errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
