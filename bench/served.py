#!/usr/bin/env python3
"""usage: served.py PROGRAMS_FOLDER [RUNS [SECS]]

A client on Linux's sockets against a server: on our stack behind a TAP interface, behind one end of a veth pair
(AF_XDP, AF_PACKET), and on Linux's own sockets behind the same pair. For each: bytes to and from the server, requests
on 64 connections, connections a second, the server's processor time for each, and what it costs and how long it takes
to answer when it was idle. Repetitions are interleaved. Runs in network namespaces of its own; as root. tools/bench
calls it.
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

CLIENT, SERVER = "10.88.0.1", "10.88.0.2"
NEAR, FAR = "bench0", "bench1"  # the client's interface, and the other end of a veth pair
INSIDE = "CORELANE_BENCH_INSIDE"

# name: (device of our stack, or None: Linux's; what NEAR is)
SERVERS = {
    "tap": ("tap:" + NEAR, "tap"),
    "net_tap": ("dpdk:net_tap0,iface=%s,pool=4096" % NEAR, "tap"),
    "af_xdp": ("dpdk:net_af_xdp0,iface=%s,pool=8191" % FAR, "veth"),
    "net_af_packet": ("dpdk:net_af_packet0,iface=%s,pool=8191" % FAR, "veth"),
    "kernel": (None, "veth"),
    "kernel, no offloads": (None, "veth plain"),
}
# name: (client's arguments, key of its result, unit, what one is that the server's time is divided by)
MEASURES = {
    "to the server": (["sink"], "gbit_s", "Gbit/s"),
    "from the server": (["source"], "gbit_s", "Gbit/s"),
    "rr conns=64": (["rr", "conns=64"], "per_s", "/s"),
    "connections": (["crr", "conns=16"], "per_s", "/s"),
    "woken": (["wake", "count=200"], "p99_us", "us p99"),
}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip()))


def ethtool_off(interface, *commands):
    """What `ethtool -K INTERFACE tx off tso off` does, without that program."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in commands:
            off = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(off))
            fcntl.ioctl(any_socket, 0x8946, request)


STXCSUM, STSO, SGSO, SGRO = 0x17, 0x1F, 0x24, 0x2C


def cpu_seconds(pid):
    """Of the scheduler's own accounts: those in ticks say little of a process that runs for microseconds."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
            total += int(file.read().split()[0])
    return total * 1e-9


def pin(cpu):
    return lambda: os.sched_setaffinity(0, {cpu % os.cpu_count()})


class Server:
    """A server that is ready, and the interface to it."""

    def __init__(self, programs, name):
        device, link = SERVERS[name]
        if link.startswith("veth"):
            run("ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR)
            run("ip", "link", "set", "dev", FAR, "up")
            if device is not None or link == "veth plain":
                ethtool_off(NEAR, STXCSUM, STSO, SGSO)
        program = [os.path.join(programs, "served_kernel")]
        if device is not None:
            program = [os.path.join(programs, "served_lane"), "--device", device, "--address", SERVER + "/24"]
        else:
            program = ["unshare", "-n", "sh", "-c", "read line; exec " + program[0]]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, preexec_fn=pin(1))
        try:
            if device is None:
                self.give_far_end(link)
            if "ready" not in self.process.stdout.readline():
                raise RuntimeError(self.process.stderr.read().strip().splitlines()[-1])
            run("ip", "address", "add", CLIENT + "/24", "dev", NEAR)
            run("ip", "link", "set", "dev", NEAR, "up")
            time.sleep(0.5)
        except BaseException:
            self.stop()
            raise

    def give_far_end(self, link):
        pid = self.process.pid
        while os.readlink("/proc/%d/ns/net" % pid) == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        if link == "veth plain":
            ethtool_off(FAR, STXCSUM, STSO, SGSO, SGRO)
        run("ip", "link", "set", "dev", FAR, "netns", str(pid))
        enter = ["nsenter", "-t", str(pid), "-n", "ip"]
        run(*enter, "address", "add", SERVER + "/24", "dev", FAR)
        run(*enter, "link", "set", "dev", FAR, "up")
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        subprocess.run(["ip", "link", "delete", NEAR], capture_output=True)


def measure(programs, server, name, secs):
    """Returns (the measure, the server's processor time by what was measured)."""
    arguments, key, _ = MEASURES[name]
    client = subprocess.Popen([os.path.join(programs, "served_client"), *arguments, "peer=" + SERVER, "secs=%g" % secs],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=pin(0))
    try:
        line = client.stdout.readline()
        before = cpu_seconds(server.process.pid)
        if line.startswith("begin"):
            line = client.stdout.readline()
        used = cpu_seconds(server.process.pid) - before
        error = client.communicate(timeout=60)[1]
    finally:
        client.kill()
    if client.returncode != 0:
        raise RuntimeError("%s: %s" % (name, error.strip() or line.strip()))
    result = json.loads(line)
    if not result[key]:
        raise RuntimeError("%s: nothing came through" % name)
    if key == "per_s":
        return result[key], used / (result[key] * result["secs"]) * 1e6
    if key == "gbit_s":
        return result[key], used / (result[key] * result["secs"]) * 1e3
    return result[key], None


def idle_percent(server):
    time.sleep(0.5)
    before = cpu_seconds(server.process.pid)
    time.sleep(2)
    return (cpu_seconds(server.process.pid) - before) / 2 * 100


def row(*cells):
    print("%-22s %-18s %10s %10s %10s  %s" % cells, flush=True)


def spread(values, digits):
    return ["%.*f" % (digits, f(values)) for f in (min, statistics.median, max)]


def main():
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    programs = sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    secs = float(sys.argv[3]) if len(sys.argv) > 3 else 1
    results = {name: {m: [] for m in [*MEASURES, "idle"]} for name in SERVERS}
    errors = {}
    for _ in range(runs):
        for name in SERVERS:
            if name in errors:
                continue
            try:
                server = Server(programs, name)
                try:
                    results[name]["idle"].append((idle_percent(server), None))
                    for what in MEASURES:
                        results[name][what].append(measure(programs, server, what, secs))
                finally:
                    server.stop()
            except (RuntimeError, ValueError, OSError, subprocess.TimeoutExpired) as error:
                errors[name] = str(error)
    row("server", "measure", "min", "median", "max", "the server's processor time (median)")
    for name, of_server in results.items():
        for what, values in of_server.items():
            if not values:
                continue
            unit = "% of a core" if what == "idle" else MEASURES[what][2]
            cost = ""
            if values[0][1] is not None:
                cost = "%.1f us each" if unit == "/s" else "%.0f ms a Gbit"
                cost = cost % statistics.median(v[1] for v in values)
            digits = 0 if unit in ("/s", "us p99") else 1
            row(name, what, *spread([v[0] for v in values], digits), "%-12s %s" % (unit, cost))
    for name, error in errors.items():
        print("%s: %s" % (name, error))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
