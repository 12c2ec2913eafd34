#!/usr/bin/env python3
"""usage: http_peers.py EXAMPLES_FOLDER RUNS SECONDS

Our HTTP server beside nginx and nghttpd, each pinned to one CPU and asked for 128 bytes by one program on the other, one
after the other, all in each repetition. First on equal transport, the kernel's sockets over loopback, by wrk
(HTTP/1.1) and h2load (HTTP/2); then by examples/load on as many connections: nginx over loopback, ours over loopback and
over net_memif on our own stack. Prints tables with minimum, median and maximum. tools/bench calls it.
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CPUS = sorted(os.sched_getaffinity(0))
LOAD_CPU, SERVE_CPU = CPUS[0], CPUS[-1]
BODY = b"x" * 127 + b"\n"
NGINX = """
worker_processes 1; daemon off; error_log %(folder)s/error.log; pid %(folder)s/pid;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; http2_max_requests 1000000000; client_body_temp_path %(folder)s/b;
  proxy_temp_path %(folder)s/p; fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server { listen 127.0.0.1:%(port)d%(options)s; location /hello { default_type text/plain; return 200 "%(body)s"; } }
}
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def pin(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


class Server:
    """A program that listens at self.port, on a CPU of its own, until `with` ends."""

    def __init__(self, make_command):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        command = make_command(self.folder.name, self.port)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=pin(SERVE_CPU), start_new_session=True)

    def __enter__(self):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.02)
        self.__exit__()
        raise RuntimeError("the server does not listen")

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.folder.cleanup()


def ours(program):
    return lambda folder, port: [program, "--device", "kernel:", "--listen", "127.0.0.1:%d" % port]


def nginx(options):
    def command(folder, port):
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(NGINX % {"folder": folder, "port": port, "options": options, "body": "x" * len(BODY)})
        return ["nginx", "-p", folder, "-c", path]
    return command


def nghttpd(folder, port):
    with open(os.path.join(folder, "hello"), "wb") as file:
        file.write(BODY)
    return ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-n", "1", "-d", folder, str(port)]


def wrk(port, seconds):
    done = subprocess.run(["wrk", "-t1", "-c64", "-d%ds" % seconds, "http://127.0.0.1:%d/hello" % port],
                          capture_output=True, text=True, timeout=60 + seconds, preexec_fn=pin(LOAD_CPU))
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError("wrk: " + done.stdout)
    return float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout).group(1))


def h2load(port, seconds):
    done = subprocess.run(["h2load", "-t1", "-c8", "-m32", "-D%d" % seconds, "http://127.0.0.1:%d/hello" % port],
                          capture_output=True, text=True, timeout=60 + seconds, preexec_fn=pin(LOAD_CPU))
    if not re.search(r" 0 failed, 0 errored", done.stdout):
        raise RuntimeError("h2load: " + done.stdout)
    return float(re.search(r", ([\d.]+) req/s", done.stdout).group(1))


def load(program, target, seconds, more):
    """What examples/load says: requests a second, and the 99th percentile in microseconds."""
    with tempfile.NamedTemporaryFile(mode="r") as file:
        done = subprocess.run([program, "--json", file.name, "--warmup", "0.5", "--seconds", str(seconds), *more, target],
                              capture_output=True, text=True, timeout=60 + seconds, preexec_fn=pin(LOAD_CPU))
        if done.returncode != 0:
            raise RuntimeError("load: " + (done.stderr or done.stdout))
        result = json.load(file)
    return result["requests_per_second"], result["service_ns"]["p99"] / 1000


class MemifServer:
    """Our server on a lane of its own stack, at one end of a net_memif wire."""

    ADDRESS = "10.0.0.2"

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(dir="/tmp")  # The path of a Unix socket is short.
        self.process = subprocess.Popen(
            [self.program, "--device", self.device("server"), "--address", self.ADDRESS + "/24", "--listen", "0.0.0.0:80",
             "--cpus", str(SERVE_CPU), "--busy-poll"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if not self.process.stdout.readline().startswith("http"):
            self.__exit__()
            raise RuntimeError("lanes_dpdk does not serve")
        return self

    def device(self, role):
        return "dpdk:net_memif0,role=%s,id=0,socket='%s/wire',socket-abstract=no" % (role, self.folder.name)

    def __exit__(self, *_):
        self.process.kill()  # At its end net_memif frees what DPDK's own thread may be looking at.
        self.process.wait()
        self.folder.cleanup()


LOADS = {"HTTP/1.1, 64 connections": ["--connections", "64"],
         "HTTP/2, 8 connections, 32 streams": ["--http2", "--connections", "8", "--streams", "32"]}


def measure_by_load(folder, seconds, found):
    """One repetition of all that examples/load measures."""
    program = os.path.join(folder, "load")
    for what, more in LOADS.items():
        servers = {"ours, loopback": ours(os.path.join(folder, "http_server"))}
        if shutil.which("nginx") is not None:
            servers["nginx, loopback"] = nginx(" http2" if "HTTP/2" in what else "")
        for name, make in servers.items():
            with Server(make) as server:
                found.setdefault(f"{what}: {name}", []).append(
                    load(program, "http://127.0.0.1:%d/hello" % server.port, seconds, more))
        with MemifServer(os.path.join(folder, "lanes_dpdk")) as server:
            found.setdefault(f"{what}: ours, net_memif", []).append(
                load(program + "_dpdk", "http://%s/hello" % server.ADDRESS, seconds,
                     [*more, "--device", server.device("client"), "--address", "10.0.0.1/24", "--cpus", str(LOAD_CPU),
                      "--busy-poll"]))


def print_by_load(found):
    print("\n%-52s  %9s  %9s  %9s  %8s  %8s  %8s" % ("by examples/load, requests/s and p99 in us", "min", "median", "max",
                                                    "p99 min", "median", "max"))
    for name, values in found.items():
        cells = [f(v[i] for v in values) for i in (0, 1) for f in (min, statistics.median, max)]
        print("%-52s  %9.0f  %9.0f  %9.0f  %8.0f  %8.0f  %8.0f" % (name, *cells))


def main(arguments):
    folder, runs, seconds = arguments[0], int(arguments[1]), max(1, round(float(arguments[2])))
    program = os.path.join(folder, "http_server")
    by_load = {}
    cases = {
        "HTTP/1.1, wrk -t1 -c64: ours": (ours(program), wrk, None),
        "HTTP/1.1, wrk -t1 -c64: nginx": (nginx(""), wrk, "nginx"),
        "HTTP/2, h2load -c8 -m32: ours": (ours(program), h2load, None),
        "HTTP/2, h2load -c8 -m32: nghttpd": (nghttpd, h2load, "nghttpd"),
        "HTTP/2, h2load -c8 -m32: nginx": (nginx(" http2"), h2load, "nginx"),
    }
    found = {name: [] for name in cases}
    for _ in range(runs):
        for name, (make, ask, needs) in cases.items():
            if needs is not None and shutil.which(needs) is None:
                continue
            with Server(make) as server:
                ask(server.port, 1)  # Warm.
                found[name].append(ask(server.port, seconds))
        measure_by_load(folder, seconds, by_load)
    print("%-52s  %9s  %9s  %9s  %7s" % ("equal transport: the kernel's sockets, requests/s", "min", "median", "max", "ours/"))
    first = None
    for name, values in found.items():
        if not values:
            print("%s: skipped: it is not installed" % name)
            continue
        median = statistics.median(values)
        if cases[name][2] is None:
            first = median
        beside = "" if cases[name][2] is None else "%.2f" % (first / median)
        print(("%-52s  %9.0f  %9.0f  %9.0f  %7s" % (name, min(values), median, max(values), beside)).rstrip())
    print_by_load(by_load)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
