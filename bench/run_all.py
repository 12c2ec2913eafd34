"""Runs all benchmarks, interleaved, and prints their table; see tools/bench, which calls it."""

import argparse
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

import dpdk_cases
import lane_cases


class Case:
    """One row: a program with its arguments, and the key of its result that the row shows."""

    def __init__(self, group, name, command, key, floor=None, run=None, known=None):
        self.group = group
        self.name = name
        self.command = command
        self.key = key
        self.floor = floor  # the name of the floor case with the same bytes
        self.run = run  # of dpdk_cases or lane_cases
        self.known = known  # what to compare with: a number, or the name of another case of the group
        self.results = []
        self.error = ""
        self.skipped = False

    def values(self):
        return [r[self.key] for r in self.results]


# Groups whose rows stand beside a figure of somebody else's.
MEMIF = "two processes, net_memif between them"
PCAP = "UDP datagrams of net_pcap, sent back"
LANES = "two lanes on two CPUs beside one, and two processes that share nothing"
DEVICES = "two stacks, one thread, on DPDK's net_ring beside ours"
FORWARD = "a packet that arrives at the wrong lane"
HOP = "hop: a cache line to the other CPU and back"
KNOWN = {MEMIF: "Seastar", PCAP: "testpmd", LANES: "one lane", DEVICES: "ring", FORWARD: "at most"}


def words(**keys):
    return [f"{k}={v}" for k, v in keys.items()]


def keys_name(mode, keys):
    return " ".join([mode] + words(**keys))


def case(group, program, mode, keys, floor_keys=None):
    name = f"{program} " + keys_name(mode, keys)
    floor = None
    if floor_keys is not None:
        # What crr must do with its bytes is what rr must do.
        floor = "floor " + keys_name("bulk" if mode == "bulk" else "rr", floor_keys)
    return Case(group, name, [program, mode, *words(**keys)], "gbit_s" if mode == "bulk" else "per_s", floor)


def bulk_floor(keys):
    return {k: keys.get(k, default) for k, default in [("mtu", 1500), ("csum", 1), ("copy", 1)]}


def rr_floor(keys):
    return {"csum": keys.get("csum", 1)}


def all_cases():
    cases = []
    for mtu, csum, copy in itertools.product([1500, 9000], [1, 0], [1, 0]):
        cases.append(case("floor", "floor", "bulk", {"mtu": mtu, "csum": csum, "copy": copy}))
    for csum in [1, 0]:
        cases.append(case("floor", "floor", "rr", {"csum": csum}))
    for api in ["poll", "asio"]:
        for mtu, csum, copy in itertools.product([1500, 9000], [1, 0], [1, 0]):
            keys = {"api": api, "mtu": mtu, "csum": csum, "copy": copy}
            cases.append(case("two stacks, one thread", "inproc", "bulk", keys, bulk_floor(keys)))
        for conns, csum in itertools.product([1, 16], [1, 0]):
            keys = {"api": api, "conns": conns, "csum": csum}
            cases.append(case("two stacks, one thread", "inproc", "rr", keys, rr_floor(keys)))
        for csum in [1, 0]:
            keys = {"api": api, "csum": csum}
            cases.append(case("two stacks, one thread", "inproc", "crr", keys, rr_floor(keys)))
    for batch in [1, 8, 32, 64, 128]:
        keys = {"api": "poll", "batch": batch}
        cases.append(case("batch size", "inproc", "bulk", keys, bulk_floor(keys)))
        cases.append(case("batch size", "inproc", "rr", dict(keys, conns=128), rr_floor(keys)))
    for transport in ["lo", "veth"]:
        group = "Linux's sockets, two threads"
        bulks = [{}] if transport == "lo" else [{"mtu": 1500}, {"mtu": 9000}]
        for keys in bulks:
            cases.append(case(group, "sockets", "bulk", {"transport": transport, **keys}, bulk_floor(keys)))
        for conns in [1, 16]:
            cases.append(case(group, "sockets", "rr", {"transport": transport, "conns": conns}, rr_floor({})))
        cases.append(case(group, "sockets", "crr", {"transport": transport}, rr_floor({})))
    return cases + dpdk_cases_of_all() + lane_cases_of_all()


def lane_cases_of_all():
    cases = []
    for keys in [{"mode": "bulk"}, {"mode": "rr", "conns": 1}, {"mode": "rr", "conns": 16}, {"mode": "crr"}]:
        mode, more = keys["mode"], words(**{k: v for k, v in keys.items() if k != "mode"})
        name = " ".join([mode, *more])
        key = "gbit_s" if mode == "bulk" else "per_s"
        one = ["inproc", mode, *more]
        alone, two = f"inproc {name} lanes=1", f"inproc {name} lanes=2"
        beside = f"{two} as two processes"
        cases.append(Case(LANES, alone, [*one, "lanes=1"], key))
        cases.append(Case(LANES, two, [*one, "lanes=2"], key, known=alone))
        cases.append(Case(LANES, beside, one, key, run=lane_cases.beside, known=alone))
        if mode != "crr":
            ring = f"inproc {name} device=ring"
            cases.append(Case(DEVICES, f"inproc {name} device=dpdk:net_ring", [*one, "device=dpdk:net_ring"], key,
                              known=ring))
            cases.append(Case(DEVICES, ring, [*one, "device=ring"], key))
    cases.append(Case(FORWARD, HOP, ["hop"], "round_trip_ns", run=lane_cases.hop))
    for size in [64, 1400]:
        cases.append(Case(FORWARD, f"forward size={size}", ["forward", f"size={size}"], "forward_ns",
                          run=lane_cases.forward, known=150.0))
    return cases


def dpdk_cases_of_all():
    cases = []
    for name, known in dpdk_cases.SEASTAR.items():
        key = "gbit_s" if name.startswith("bulk") else "per_s"
        cases.append(Case(MEMIF, f"pair {name}", f"mode={name}".split(), key, run=dpdk_cases.pair, known=known))
    for size in [18, 1000]:
        arguments = words(size=size)
        name = " ".join(arguments)
        testpmd = f"dpdk-testpmd macswap {name}"
        cases.append(Case(PCAP, f"udp_echo {name}", arguments, "per_s", run=dpdk_cases.udp_echo, known=testpmd))
        cases.append(Case(PCAP, testpmd, arguments, "per_s", run=dpdk_cases.testpmd))
    return cases


def run_other_case(c, options):
    try:
        return c.run(options.programs, c.command, options.secs)
    except dpdk_cases.Skipped as reason:
        c.skipped, c.error = True, f"skipped: {reason}"
    except (dpdk_cases.Failed, subprocess.SubprocessError, OSError) as error:
        c.error = str(error)
    return None


def run_case(c, options):
    if c.run is not None:
        return run_other_case(c, options)
    command = [os.path.join(options.programs, c.command[0]), *c.command[1:], f"secs={options.secs}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=90 + 10 * options.secs)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        c.error = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"status {done.returncode}"]
        c.error = c.error[0]
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        c.error = str(error)
    return None


def run_hot_path(options):
    """Returns {name: nanoseconds}, of a segment where a benchmark handles many."""
    seconds = 0.01 if options.secs < 0.1 else 0.1
    command = [os.path.join(options.programs, "hot_path"), "--benchmark_format=json",
               f"--benchmark_min_time={seconds}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    result = {}
    for b in json.loads(done.stdout)["benchmarks"] if done.returncode == 0 else []:
        if b.get("error_occurred"):
            result[b["name"]] = b["error_message"]
        elif "per_segment" in b:  # seconds
            result[b["name"]] = b["per_segment"] * 1e9
        else:
            result[b["name"]] = b["cpu_time"]
    return result


def instructions(options, path, keys):
    """Instructions of one segment, by the difference of two counts."""
    toggle = {"receive": "*ReceivePath::Turn*", "send": "*SendPath::Turn*", "idle": "*Stack::Poll*"}[path]
    counts = []
    for segments in [2048, 10240]:
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={toggle}",
                   os.path.join(options.programs, "segment_cost"), path, f"segments={segments}", *words(**keys)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or not found:
            return None
        counts.append(int(found.group(1)))
    return (counts[1] - counts[0]) / (10240 - 2048)


def number(x):
    if x >= 1e6:
        return f"{x / 1e6:.2f}M"
    if x >= 10000:
        return f"{x / 1000:.0f}k"
    return f"{x:.1f}" if x < 1000 else f"{x:.0f}"


def row(cells, widths):
    return "  ".join([cells[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(cells[1:], widths[1:])]).rstrip()


WIDTHS = [52, 8, 9, 9, 9, 7, 6, 6]


def compare(c, by_name):
    """The cells that say how a row's median stands to another figure: to its floor, or to what it is beside."""
    median = statistics.median(c.values())
    if c.group not in KNOWN:
        floor = by_name.get(c.floor)
        return [f"{median / statistics.median(floor.values()):.2f}" if floor and floor.results else ""]
    known = c.known
    if known in by_name:
        known = statistics.median(by_name[known].values()) if by_name[known].results else None
    return [number(known), f"{median / known:.2f}"] if isinstance(known, (int, float)) else ["", ""]


def median_of(c, key, digits):
    values = [r[key] for r in c.results if key in r]
    return f"{statistics.median(values):.{digits}f}" if values else ""


def print_cases(cases, out):
    by_name = {c.name: c for c in cases}
    for group in dict.fromkeys(c.group for c in cases):
        beside = [KNOWN[group], "factor"] if group in KNOWN else ["/floor"]
        widths = WIDTHS[:5] + ([9] if group in KNOWN else []) + WIDTHS[5:]
        out.append("")
        out.append(row([group, "", "min", "median", "max", *beside, "CPUs", "adds"], widths))
        for c in cases:
            if c.group != group:
                continue
            if not c.results:
                out.append(f"{c.name}: {c.error}")
                continue
            values = c.values()
            unit = {"gbit_s": "Gbit/s", "forward_ns": "ns", "round_trip_ns": "ns"}.get(c.key, "/s")
            spread = [number(f(values)) for f in (min, statistics.median, max)]
            out.append(row([c.name, unit, *spread, *compare(c, by_name), median_of(c, "cpus", 2),
                            median_of(c, "adds_per_ns", 1)], widths))


def print_hot_path(rounds, out):
    if not rounds:
        return
    out.append("")
    out.append(row(["hot parts", "", "min", "median", "max"], WIDTHS))
    for name in rounds[0]:
        values = [r[name] for r in rounds if isinstance(r.get(name), float)]
        if not values:
            out.append(f"{name}: {rounds[0][name]}")
            continue
        shown = name.replace("BM_", "").replace("/manual_time", "")
        out.append(row([shown, "ns", *(number(f(values)) for f in (min, statistics.median, max))], WIDTHS))


def print_instructions(options, out):
    if not options.valgrind or shutil.which("valgrind") is None:
        return
    out.append("")
    out.append(row(["instructions", "", "each"], WIDTHS))
    for path, keys in [("receive", {"size": 1448, "batch": 32}), ("receive", {"size": 1448, "batch": 1}),
                       ("receive", {"size": 64, "batch": 32}), ("receive", {"size": 64, "batch": 1}),
                       ("send", {"size": 1448}), ("send", {"size": 64}), ("idle", {})]:
        name = keys_name(path, keys)
        if options.only not in f"instructions {name}":
            continue
        count = instructions(options, path, keys)
        out.append(row([name, "", "failed" if count is None else f"{count:.0f}"], WIDTHS))


def busy_share(seconds):
    """Of all CPUs, as long as it looks."""
    def times():
        with open("/proc/stat", encoding="ascii") as file:
            values = [int(x) for x in file.readline().split()[1:]]
        return sum(values), values[3]  # all, idle
    all_before, idle_before = times()
    time.sleep(seconds)
    all_after, idle_after = times()
    return 1 - (idle_after - idle_before) / max(all_after - all_before, 1)


def wait_until_idle(seconds):
    """Until others leave the CPUs alone, but not longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and busy_share(0.2) > 0.05:
        pass


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} CPUs, Linux {os.uname().release}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--secs", type=float, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("--valgrind", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    cases = [c for c in all_cases() if options.only in c.name]
    wanted = {c.floor for c in cases} | {c.known for c in cases}
    if any(c.group == MEMIF for c in cases):
        wanted.add(HOP)
    cases += [c for c in all_cases() if c.name in wanted and options.only not in c.name]
    hot_path = options.only in "hot_path"
    if not cases and not hot_path and options.only not in "instructions":
        print(f"tools/bench: --only: value '{options.only}': no case has it in its name", file=sys.stderr)
        return 2
    load_before = os.getloadavg()[0]
    rounds = []
    with open(os.path.join(options.out, "results.jsonl"), "w", encoding="utf-8") as raw:
        for repetition in range(options.runs):
            for c in cases:
                wait_until_idle(options.wait)
                result = run_case(c, options)
                if result is not None:
                    c.results.append(result)
                    raw.write(json.dumps({"case": c.name, "repetition": repetition, **result}) + "\n")
            if hot_path:
                rounds.append(run_hot_path(options))
                raw.write(json.dumps({"case": "hot_path", "repetition": repetition, "ns": rounds[-1]}) + "\n")
            print(f"repetition {repetition + 1} of {options.runs} done", file=sys.stderr, flush=True)
    out = [machine(),
           f"{options.runs} repetitions of {options.secs} s; load {load_before:.1f} before, "
           f"{os.getloadavg()[0]:.1f} after"]
    print_cases(cases, out)
    print_hot_path(rounds, out)
    print_instructions(options, out)
    text = "\n".join(out) + "\n"
    with open(os.path.join(options.out, "table.txt"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text, end="")
    failed = [c for c in cases if not c.results and not c.skipped] or (hot_path and not all(rounds))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
