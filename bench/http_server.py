"""Measures //examples:http_server on each device: what it costs while idle, how soon it answers after a pause, and
how many requests wrk gets answered; see tools/bench, which calls it.

usage: http_server.py HTTP_SERVER RUNS SECONDS

Prints a table with minimum, median and maximum. On `ring` the requests go through the forwarder and its kernel
sockets, on `tap` through a TAP interface in a network namespace of its own, on `kernel:` the server is an ordinary
program; wrk and the server share the machine.
"""

import os
import socket
import statistics
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testing", "interop"))
import lab  # noqa: E402

IDLE_SECONDS = 3.0
PAUSES = 20
PAUSE_SECONDS = 0.1
CONNECTIONS = 64
REQUEST = b"GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def idle_percent(server):
    """Of one core, while nobody asks anything: with a connection open, as a client of the page has one."""
    before, start = cpu_seconds(server.process.pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return 100 * (cpu_seconds(server.process.pid) - before) / (time.monotonic() - start)


def ask(peer):
    """Seconds until the first bytes of an answer."""
    start = time.perf_counter()
    peer.sendall(REQUEST)
    got = peer.recv(65536)
    seconds = time.perf_counter() - start
    while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + 128:
        got += peer.recv(65536)
    return seconds


def measure(make_server, address_of, seconds):
    """{name: value} of one server's life."""
    with make_server() as server:
        address = address_of(server)
        url = "http://%s:%d/hello" % (lab.host_in_url(address[0]), address[1])
        with socket.create_connection(address, timeout=10) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask(peer)
            time.sleep(0.5)
            idle = idle_percent(server)
            answers, connects = [], []
            for _ in range(PAUSES):
                time.sleep(PAUSE_SECONDS)
                answers.append(ask(peer))
            for _ in range(PAUSES):
                time.sleep(PAUSE_SECONDS)
                start = time.perf_counter()
                with socket.create_connection(address, timeout=10) as fresh:
                    ask(fresh)
                connects.append(time.perf_counter() - start)
        answered, wrong = lab.wrk(url, CONNECTIONS, max(1, round(seconds)))
        if wrong:
            raise AssertionError("wrk: %s" % "; ".join(wrong))
    return {
        "idle, % of a core": [idle],
        f"answer after {PAUSE_SECONDS:g} s idle, us": [1e6 * s for s in answers],
        "connect and answer, us": [1e6 * s for s in connects],
        f"wrk, {CONNECTIONS} connections, requests/s": [answered / max(1, round(seconds))],
    }


def of_url(server):
    parts = urllib.parse.urlsplit(server.url)
    return parts.hostname, parts.port


DEVICES = {
    "ring": (lambda: lab.Server("--listen", "127.0.0.1:0"), of_url),
    "tap": (lab.TapServer, lambda server: (lab.SERVER_ADDRESSES["v4"], 8080)),
    "kernel:": (lambda: lab.Server("--device", "kernel:", "--listen", "127.0.0.1:0"), of_url),
}


def main(arguments):
    program, runs, seconds = arguments
    lab.begin(namespace=True)
    lab.set_server(program)
    found = {name: {} for name in DEVICES}
    for _ in range(int(runs)):
        for name, (make_server, address_of) in DEVICES.items():
            try:
                for row, values in measure(make_server, address_of, float(seconds)).items():
                    found[name].setdefault(row, []).extend(values)
            except lab.unittest.SkipTest as reason:
                found[name] = str(reason)
    lab.clean_up()
    print("%-52s  %8s  %9s  %9s" % ("the HTTP server (//examples:http_server)", "min", "median", "max"))
    for name, rows in found.items():
        if isinstance(rows, str):
            print("%s: skipped: %s" % (name, rows))
            continue
        for row, values in rows.items():
            print("%-52s  %8.1f  %9.1f  %9.1f" % (f"{name} {row}", min(values), statistics.median(values), max(values)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
