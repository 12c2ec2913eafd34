#!/usr/bin/env python3
"""Runs the end-to-end programs for a moment each: their JSON, their bytes, their exit statuses. Asserts no speed."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

FOLDER = os.path.dirname(sys.argv.pop(1))

FIRST_CLASS = ["gbit_s", "per_s", "frames_fwd", "frames_back", "ns_per_fwd_frame", "allocs"]


def run(program, *arguments):
    return subprocess.run([os.path.join(FOLDER, program), *arguments], capture_output=True, text=True, timeout=60)


class ProgramsTest(unittest.TestCase):
    def measure(self, program, *arguments):
        done = run(program, *arguments, "secs=0.1")
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        result = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(list(result)[: len(FIRST_CLASS)], FIRST_CLASS)
        self.assertEqual(result["errors"], 0, arguments)
        self.assertEqual(result["mode"], arguments[0])
        self.assertGreater(result["gbit_s"] + result["per_s"], 0, arguments)
        self.assertGreater(result["frames_fwd"], 0, arguments)
        return result

    def inproc(self, *arguments):
        result = self.measure("inproc", *arguments)
        self.assertGreater(result["frames_back"], 0, arguments)
        self.assertEqual(result["resets"], 0, arguments)
        # A connection that still grows may take memory, and so may one that a coroutine opens; a segment may not.
        opens = result["mode"] == "crr" and result["api"] == "asio"
        self.assertLess(result["allocs"], 64 + result["frames_fwd"] * (2 if opens else 0.01), arguments)
        return result

    def test_every_mode_by_hand_and_with_coroutines(self):
        for api in ["poll", "asio"]:
            for mode in ["bulk", "rr", "crr"]:
                for more in [[], ["csum=0", "copy=0", "mtu=9000"]]:
                    with self.subTest(api=api, mode=mode, more=more):
                        self.inproc(mode, f"api={api}", *more)

    def test_many_connections_of_every_size(self):
        for api in ["poll", "asio"]:
            self.inproc("bulk", "conns=3", f"api={api}")
            self.inproc("rr", "conns=16", f"api={api}", "size=1", "batch=1")
            self.inproc("rr", "conns=2", f"api={api}", "size=300000")
            self.inproc("crr", "conns=5", f"api={api}", "size=5000")

    def test_connections_stay_in_time_wait(self):
        self.assertGreater(self.inproc("crr")["time_wait"], 0)

    def test_lanes_on_threads_of_their_own(self):
        self.assertEqual(self.inproc("bulk", "lanes=2")["lanes"], 2)

    def test_a_device_with_options(self):
        self.inproc("bulk", "device=ring:x,depth=64,mtu=4000")

    def test_a_wire_of_dpdk(self):
        for mode in ["bulk", "rr", "crr"]:
            self.inproc(mode, "device=dpdk:net_ring")

    def pair(self, mode, conns):
        # The path of a Unix socket is short.
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            def command(role, ip, peer, secs):
                vdev = f"--vdev=net_memif0,role={role},id=0,socket={folder}/wire,socket-abstract=no"
                program = "serve" if role == "server" else "load"
                return [os.path.join(FOLDER, "pair"), program, f"mode={mode}", f"conns={conns}", f"ip={ip}",
                        f"peer={peer}", f"secs={secs}", f"eal={vdev}"]
            server = subprocess.Popen(command("server", "10.0.0.2", "10.0.0.1", 60), stdout=subprocess.PIPE, text=True)
            try:
                self.assertEqual(server.stdout.readline(), "serving\n")
                load = subprocess.run(command("client", "10.0.0.1", "10.0.0.2", 0.3), capture_output=True, text=True,
                                      timeout=60)
                self.assertEqual(load.returncode, 0, load.stderr)
            finally:
                server.terminate()
                served = server.communicate(timeout=30)[0]
        self.assertEqual(server.returncode, 0, served)
        result = json.loads(load.stdout.splitlines()[-1])
        self.assertEqual(list(result)[: len(FIRST_CLASS)], FIRST_CLASS)
        verified = json.loads(served.splitlines()[-1])
        self.assertEqual((result["errors"], verified["errors"]), (0, 0))
        self.assertGreater(result["per_s"], 0)
        self.assertGreater(verified["frames_back"], 0)
        return result, verified

    def test_two_processes_over_memif(self):
        for mode in ["bulk", "rr", "crr"]:
            for conns in [1, 16]:
                with self.subTest(mode=mode, conns=conns):
                    self.pair(mode, conns)

    def test_http_between_two_processes(self):
        for conns in [1, 64]:
            with self.subTest(conns=conns):
                result, served = self.pair("http", conns)
                # Each answer that the load has verified, and those of its warm-up.
                self.assertGreaterEqual(served["per_s"] * served["seconds"], 0.99 * result["per_s"] * result["seconds"])
                self.assertEqual((result["conns"], result["resets"], served["resets"]), (conns, 0, 0))

    def test_no_retransmission_on_a_perfect_wire(self):
        # Losses would only show as less speed otherwise.
        result = self.inproc("bulk")
        self.assertLess(result["retransmits"], 1 + result["frames_fwd"] / 100)

    def test_floor(self):
        for mode in ["bulk", "rr", "crr"]:
            self.measure("floor", mode)

    def test_sockets(self):
        probe = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "ip", "link", "add", "type", "veth"],
                               capture_output=True)
        if probe.returncode != 0:
            print("SKIPPED: no network namespace or no veth here")
            return
        for transport in ["lo", "veth"]:
            for mode in ["bulk", "rr", "crr"]:
                self.measure("sockets", mode, f"transport={transport}", "conns=2")
                self.measure("sockets", mode, f"transport={transport}")

    def refused(self, program, *arguments):
        done = run(program, *arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    def test_mistakes(self):
        self.assertIn("mode", self.refused("inproc"))
        self.assertIn("push", self.refused("inproc", "push"))
        self.assertIn("speed", self.refused("inproc", "rr", "speed=9"))
        self.assertIn("secs", self.refused("inproc", "rr", "secs=fast"))
        self.assertIn("secs", self.refused("inproc", "rr", "secs=-1"))
        self.assertIn("size", self.refused("inproc", "rr", "size=0"))
        self.assertIn("mtu", self.refused("inproc", "rr", "mtu=100"))
        self.assertIn("api", self.refused("inproc", "rr", "api=callback"))
        self.assertIn("batch", self.refused("inproc", "rr", "batch=1000"))
        self.assertIn("wire", self.refused("inproc", "rr", "device=wire:x"))
        self.assertIn("depth", self.refused("inproc", "rr", "device=ring:x,depth=none"))
        self.assertIn("device", self.refused("inproc", "rr", "device=ring:x", "lanes=2"))
        self.assertIn("lanes", self.refused("floor", "rr", "lanes=2"))
        self.assertIn("transport", self.refused("sockets", "rr", "transport=pigeon"))
        self.assertIn("role", self.refused("pair"))
        self.assertIn("device", self.refused("pair", "serve"))
        self.assertIn("ip", self.refused("pair", "serve", "device=dpdk:net_null0", "ip=10.0.0"))
        self.assertIn("peer_mac", self.refused("pair", "load", "device=dpdk:net_null0", "peer_mac=1:2"))
        self.assertIn("eal", self.refused("pair", "load", "eal=--no-such-argument"))

    def test_help(self):
        for program in ["inproc", "floor", "sockets", "pair"]:
            done = run(program, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("secs", done.stdout)


if __name__ == "__main__":
    unittest.main()
