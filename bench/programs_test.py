#!/usr/bin/env python3
"""Runs the end-to-end programs for a moment each: their JSON, their bytes, their exit statuses. Asserts no speed."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import dpdk_cases

FOLDER = os.path.dirname(sys.argv.pop(1))

FIRST_CLASS = ["gbit_s", "per_s", "frames_fwd", "frames_back", "ns_per_fwd_frame", "allocs"]


def run(program, *arguments):
    return subprocess.run([os.path.join(FOLDER, program), *arguments], capture_output=True, text=True, timeout=60)


def frames(path):
    """Of a capture in the machine's byte order; what a killed or hurried writer left unfinished at its end is not."""
    with open(path, "rb") as file:
        data = file.read()
    found, at = [], 24
    while at + 16 <= len(data):
        size = struct.unpack_from("=I", data, at + 8)[0]
        if at + 16 + size <= len(data):
            found.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return found


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
        result = dpdk_cases.pair(FOLDER, [f"mode={mode}", f"conns={conns}"], 0.3)
        served = result["served"]
        self.assertEqual(list(result)[: len(FIRST_CLASS)], FIRST_CLASS)
        self.assertEqual((result["errors"], served["errors"]), (0, 0))
        self.assertGreater(result["per_s"], 0)
        self.assertGreater(served["frames_back"], 0)
        return result, served

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

    def test_http2_between_two_processes(self):
        result, served = self.pair("http2", 8)
        self.assertGreaterEqual(served["per_s"] * served["seconds"], 0.99 * result["per_s"] * result["seconds"])

    def test_udp_echo_answers_each_datagram(self):
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            sent, received = f"{folder}/out", f"{folder}/in"
            result = json.loads(run("udp_echo", f"file={received}", f"out={sent}", "size=100", "conns=5", "secs=0.05",
                                    "eal=--no-huge -m 256").stdout.splitlines()[-1])
            self.assertEqual((result["errors"], result["frames_fwd"]), (0, result["frames_back"]))
            asked, answered = frames(received), frames(sent)
        self.assertEqual(len(asked), 5)
        self.assertGreaterEqual(len(answered), result["frames_back"])
        for i, answer in enumerate(answered):
            question = asked[i % 5]
            mac, ip, ports, payload = slice(0, 6), slice(26, 30), slice(34, 36), slice(42, None)
            self.assertEqual(answer[mac] + answer[6:12], question[6:12] + question[mac])
            self.assertEqual(answer[ip] + answer[30:34], question[30:34] + question[ip])
            self.assertEqual(answer[ports] + answer[36:38], question[36:38] + question[ports])
            self.assertEqual(answer[payload], question[payload])

    def test_udp_echo_beside_testpmd(self):
        self.assertGreater(dpdk_cases.udp_echo(FOLDER, [], 0.1)["per_s"], 0)
        try:
            self.assertGreater(dpdk_cases.testpmd(FOLDER, [], 0.1)["per_s"], 0)
        except dpdk_cases.Skipped as reason:
            print(f"SKIPPED: {reason}")

    @unittest.skipIf(os.cpu_count() < 2, "one CPU")
    def test_what_another_cpu_costs(self):
        result = json.loads(run("hop", "secs=0.05").stdout)
        self.assertGreater(result["round_trip_ns"], 0)
        result = json.loads(run("forward", "size=100", "secs=0.05").stdout)
        self.assertGreater(result["packets"], 0)
        self.assertGreater(result["owner_ns"], 0)

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
        self.assertIn("file", self.refused("udp_echo"))
        self.assertIn("file", self.refused("udp_echo", "file=/no/such/folder/datagrams"))
        self.assertIn("size", self.refused("udp_echo", "file=/tmp/x", "size=2000"))

    def test_help(self):
        for program in ["inproc", "floor", "sockets", "pair", "udp_echo", "hop", "forward"]:
            done = run(program, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("secs", done.stdout)


if __name__ == "__main__":
    unittest.main()
