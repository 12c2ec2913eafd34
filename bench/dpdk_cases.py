"""The cases of tools/bench that DPDK carries: two processes over net_memif, and UDP datagrams of net_pcap beside
dpdk-testpmd. Each function returns one result as the other programs print it, or raises Failed or Skipped."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time

# What Seastar's native stack does in the same setting: two processes, a busy core each, joined by net_memif.
SEASTAR = {"bulk conns=1": 17.0, "rr conns=1 size=4": 206e3, "rr conns=16 size=4": 475e3, "http conns=64": 184e3,
           "http2 conns=8 streams=32": None}

# The same for our program and for testpmd.
EAL = ["--no-huge", "-m", "512"]
CPUS = sorted(os.sched_getaffinity(0))
LOAD_CPU, SERVE_CPU = CPUS[0], CPUS[-1]


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def last_json(text, who):
    try:
        return json.loads(text.splitlines()[-1])
    except (ValueError, IndexError):
        raise Failed(f"{who}: printed no result") from None


def pair(programs, arguments, secs):
    """arguments: mode=..., conns=... and so on, for both ends. The result is the load's, with the server's in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # the path of a Unix socket is short
        def start(end, role, ip, peer, *more):
            vdev = f"--vdev=net_memif0,role={role},id=0,socket={folder}/wire,socket-abstract=no"
            command = [os.path.join(programs, "pair"), end, *arguments, f"ip={ip}", f"peer={peer}", f"eal={vdev}",
                       *more]
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True)
        server = start("serve", "server", "10.0.0.2", "10.0.0.1", f"cpu={SERVE_CPU}", "secs=3600")
        load = None
        try:
            if server.stdout.readline() == "serving\n":
                load = start("load", "client", "10.0.0.1", "10.0.0.2", f"cpu={LOAD_CPU}", f"secs={secs}", "hold=1")
                result = load.stdout.readline()
        finally:
            # The server goes first: net_memif unmaps a wire whose other end goes, under whoever polls it.
            server.terminate()
            served, server_said = server.communicate(timeout=30)
            load_said = load.communicate(timeout=30)[1] if load else ""
    if load is None or server.returncode != 0:
        raise Failed(f"pair serve: status {server.returncode}: {(server_said or served).strip()}")
    if load.returncode != 0:
        raise Failed(f"pair load: status {load.returncode}: {(load_said or result).strip()}")
    return dict(last_json(result, "pair load"), served=last_json(served, "pair serve"))


def udp_echo(programs, arguments, secs):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        eal = " ".join([f"--lcores=0@{SERVE_CPU}", *EAL])
        done = subprocess.run([os.path.join(programs, "udp_echo"), *arguments, f"file={folder}/datagrams",
                               f"secs={secs}", f"eal={eal}"], capture_output=True, text=True, timeout=60 + 2 * secs)
    if done.returncode != 0:
        raise Failed((done.stderr or done.stdout).strip())
    return last_json(done.stdout, "udp_echo")


def wait_for_prompt(process):
    seen = b""
    while not seen.endswith(b"testpmd> "):
        byte = process.stdout.read(1)
        if not byte:
            raise Failed("dpdk-testpmd: " + seen.decode(errors="replace").strip().splitlines()[-1])
        seen += byte


def testpmd(programs, arguments, secs):
    """Packets that dpdk-testpmd sends back of the same file, with nothing but their MAC addresses changed."""
    program = shutil.which("dpdk-testpmd")
    if program is None:
        raise Skipped("dpdk-testpmd is not installed (Debian's package dpdk-dev)")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        file = f"{folder}/datagrams"
        subprocess.run([os.path.join(programs, "udp_echo"), *arguments, f"file={file}", "only_write=1"], check=True,
                       timeout=30)
        # The queue and the pool that udp_echo has.
        command = [program, f"--lcores=0@{LOAD_CPU},1@{SERVE_CPU}", *EAL, "--no-pci", "--no-shconf", "--no-telemetry",
                   "--log-level=4", f"--file-prefix=testpmd-{os.getpid()}",
                   f"--vdev=net_pcap0,rx_pcap={file},infinite_rx=1", "--", "-i", "--forward-mode=macswap",
                   "--nb-cores=1", "--burst=32", "--rxd=1024", "--txd=1024", "--total-num-mbufs=8191"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            # Its rates are those since the command before, by its own clock.
            for line, pause in [(b"start\n", 0.1), (b"show port stats 0\n", secs), (b"show port stats 0\n", 0)]:
                wait_for_prompt(process)
                process.stdin.write(line)
                process.stdin.flush()
                time.sleep(pause)
            text = process.communicate(b"stop\nquit\n", timeout=30)[0].decode(errors="replace")
        finally:
            process.kill()
    rates = re.findall(r"Tx-pps:\s*(\d+)", text)
    if process.returncode != 0 or not rates:
        raise Failed("dpdk-testpmd: " + (text.strip().splitlines() or ["no output"])[-1])
    return {"per_s": float(rates[-1])}
