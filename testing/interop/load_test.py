"""The load generator against our own server on the kernel's sockets, on a TAP interface, and with both ends in
itself. The arguments: the server, the load generator.
"""

import json
import os
import signal
import subprocess
import sys
import time

import lab

LOAD = os.path.abspath(sys.argv[2])
LOCAL = ("--device", "kernel:", "--listen", "127.0.0.1:0")
PERCENTILES = ["p50", "p75", "p90", "p99", "p99.9", "p99.99", "max"]


def certificate():
    """A certificate for localhost and 127.0.0.1, and its key."""
    cert, key = lab.scratch("cert.pem"), lab.scratch("key.pem")
    if not os.path.exists(cert):
        lab.check_run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:10.77.0.2",
                      "-keyout", key, "-out", cert)
    return cert, key


def established(url):
    """How many connections there are to the server."""
    port = "%04X" % int(url.rstrip("/").rsplit(":", 1)[1])
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(1 for row in rows if row[2].endswith(":" + port) and row[3] == "01")


class LoadTest(lab.TestCase):
    def load(self, *flags, status=0):
        """Runs it; returns what it says as JSON."""
        path = lab.scratch("result.json")
        result = lab.run(LOAD, "--json", path, *flags)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        print(result.stdout, flush=True)
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        os.remove(path)
        self.check_report(report)
        return report

    def check_report(self, report):
        """What holds for each of them."""
        self.assertEqual(report["answered"], sum(report["status"].values()))
        self.assertEqual(report["failed"], sum(error["count"] for error in report["errors"].values()))
        self.assertEqual(report["service_ns"]["count"], report["answered"])
        for name in ("service_ns", "response_ns", "connect_ns"):
            if name in report:
                values = [report[name][percentile] for percentile in PERCENTILES]
                self.assertEqual(values, sorted(values))
                self.assertLessEqual(report[name]["min"], values[0])

    def check_good(self, report, answered):
        self.assertEqual((report["answered"], report["failed"], report["unsent"]), (answered, 0, 0))
        self.assertEqual(report["status"], {"200": answered})
        self.assertEqual(report["bytes"]["bodies"], 128 * answered)


class Kernel(LoadTest):
    def test_both_versions(self):
        with lab.Server(*LOCAL) as server:
            url = server.url + "hello"
            report = self.load("--requests", "5000", "--connections", "8", url)
            self.check_good(report, 5000)
            self.assertEqual((report["protocol"], report["connections_opened"]), ("HTTP/1.1", 8))
            self.assertGreater(report["requests_per_second"], 0)
            self.check_good(self.load("--requests", "5000", "--connections", "3", "--pipeline", "16", url), 5000)
            report = self.load("--requests", "5000", "--connections", "3", "--http2", "--streams", "20", url)
            self.check_good(report, 5000)
            self.assertEqual((report["protocol"], report["connections_opened"]), ("HTTP/2", 3))

    def test_lanes(self):
        with lab.Server(*LOCAL) as server:
            report = self.load("--requests", "1001", "--connections", "5", "--lanes", "2", server.url + "hello")
            self.check_good(report, 1001)
            self.assertEqual((report["lanes"], report["connections_opened"]), (2, 5))

    def test_seconds_and_warmup(self):
        with lab.Server(*LOCAL) as server:
            report = self.load("--seconds", "0.5", "--warmup", "0.2", "--connections", "4", server.url + "hello")
            self.assertEqual((report["seconds"], report["failed"]), (0.5, 0))
            self.assertGreater(report["answered"], 0)

    def test_open_loop(self):
        with lab.Server(*LOCAL) as server:
            for flags in ([], ["--http2"], ["--lanes", "2"]):
                report = self.load("--rate", "1000", "--seconds", "1", "--connections", "20", *flags, server.url + "hello")
                self.assertEqual((report["answered"] + report["unsent"], report["failed"]), (1000, 0))
                self.assertEqual(report["response_ns"]["count"], report["answered"])
                self.assertGreaterEqual(report["response_ns"]["max"], report["service_ns"]["max"])
            report = self.load("--rate", "1000", "--arrivals", "poisson", "--seconds", "1", "--connections", "20", server.url + "hello")
            self.assertTrue(700 < report["answered"] + report["unsent"] < 1300, report["answered"])

    def test_bodies(self):
        path = lab.scratch("body")
        with open(path, "wb") as file:
            file.write(bytes(300_000))
        with lab.Server(*LOCAL) as server:
            for version in ([], ["--http2"]):
                report = self.load("--method", "POST", "--body", "@" + path, "--header", "content-type: text/plain",
                                   "--requests", "20", "--connections", "2", *version, server.url + "echo")
                self.assertEqual((report["status"], report["bytes"]["bodies"]), ({"200": 20}, 6_000_000))
                report = self.load("--requests", "20", "--connections", "2", *version, server.url + "stream/10")
                self.assertEqual(report["status"], {"200": 20})

    def test_tls(self):
        lab.require(self, "openssl")
        cert, key = certificate()
        with lab.Server(*LOCAL, "--tls_cert", cert, "--tls_key", key) as server:
            url = server.url + "hello"
            for version in ([], ["--http2"]):
                self.check_good(self.load("--requests", "1000", "--connections", "4", "--ca", cert, *version, url), 1000)
                self.check_good(self.load("--requests", "1000", "--connections", "4", "--insecure", *version, url), 1000)
            report = self.load("--requests", "10", "--connections", "2", url, status=1)
            self.assertEqual((report["answered"], report["errors"]["tls"]["count"]), (0, 2))
            self.assertIn("certificate", report["errors"]["tls"]["first"])

    def test_failures(self):
        with lab.Server(*LOCAL) as server:
            report = self.load("--requests", "10", "--connections", "2", server.url + "nosuch", status=1)
            self.assertEqual((report["status"], report["errors"]["status"]["count"]), ({"404": 10}, 10))
            plain = server.url
        report = self.load("--seconds", "5", "--connections", "3", plain, status=1)
        self.assertEqual((report["answered"], report["errors"]["connect"]["count"]), (0, 3))
        self.assertIn("refused", report["errors"]["connect"]["first"])

    def test_interrupted(self):
        with lab.Server(*LOCAL) as server:
            with subprocess.Popen([LOAD, "--seconds", "100", "--connections", "4", server.url + "hello"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as process:
                while established(server.url) < 4:
                    time.sleep(0.01)
                for _ in range(10):  # Meanwhile others are answered.
                    lab.curl(server.url + "hello")
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
                self.assertEqual((process.returncode, err), (0, ""))
                self.assertIn("answers in", out)

    def test_progress_on_a_terminal(self):
        with lab.Server(*LOCAL) as server:
            terminal, other_end = os.openpty()
            with subprocess.Popen([LOAD, "--seconds", "2.5", "--rate", "100", "--lanes", "2", server.url + "hello"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=other_end, text=True) as process:
                os.close(other_end)
                out, _ = process.communicate(timeout=30)
            lines = os.read(terminal, 10000).decode().splitlines()
            os.close(terminal)
            self.assertEqual(process.returncode, 0, out)
            self.assertEqual(len(lines), 2, lines)
            self.assertRegex(lines[1], r"^ +2 s +\d+/s   p50 +[0-9.]+ [num]?s   p99 +[0-9.]+ [num]?s   0 errors$")


class Mistakes(LoadTest):
    def test_refused(self):
        for flags, name in [
                ([], "URL"),
                (["ftp://h/"], "URL: value 'ftp://h/'"),
                (["--rate", "0", "http://h/"], "--rate: value '0'"),
                (["--arrivals", "poisson", "http://h/"], "--arrivals"),
                (["--streams", "2", "http://h/"], "--streams"),
                (["--pipeline", "2", "--http2", "http://h/"], "--pipeline"),
                (["--header", "x", "http://h/"], "--header: value 'x'"),
                (["--header", "content-length: 1", "http://h/"], "--header"),
                (["--body", "@/nosuch", "http://h/"], "--body: value '@/nosuch'"),
                (["--connections", "1", "--lanes", "2", "http://h/"], "--connections: value '1'"),
                (["--insecure", "http://h/"], "--insecure"),
                (["--ca", "/nosuch", "https://h/"], "--ca"),
                (["--listen", "127.0.0.1:1", "http://h/"], "--listen"),
                (["--self", "https://10.77.0.2/"], "URL"),
                (["--self", "--device", "tap:x"], "--device"),
                (["http://no.such.host.invalid/"], "no.such.host.invalid")]:
            with self.subTest(flags=" ".join(flags)):
                result = lab.run(LOAD, *flags)
                self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1), result.stderr)
                self.assertIn(name, result.stderr)


class Self(LoadTest):
    def test_both_versions(self):
        self.check_good(self.load("--self", "--requests", "20000"), 20000)
        self.check_good(self.load("--self", "--requests", "20000", "--http2"), 20000)
        report = self.load("--self", "--rate", "5000", "--seconds", "0.5")
        self.assertEqual((report["answered"] + report["unsent"], report["failed"]), (2500, 0))

    def test_lanes(self):
        self.check_good(self.load("--self", "--requests", "2000", "--lanes", "2", "--device", "ring:two,threads=1,queues=2"), 2000)

    def test_tls(self):
        lab.require(self, "openssl")
        cert, key = certificate()
        for version in ([], ["--http2"]):
            self.check_good(self.load("--self", "--requests", "2000", "--tls_cert", cert, "--tls_key", key, "--ca", cert, *version,
                                      "https://10.77.0.2/hello"), 2000)


class Tap(LoadTest):
    def test_our_stack_asks_the_kernels(self):
        problem = lab.tap_problem()
        if problem:
            self.skipTest(problem)
        lab.check_run("ip", "tuntap", "add", "dev", lab.INTERFACE, "mode", "tap")
        lab.check_run("ip", "address", "add", "10.77.0.1/24", "dev", lab.INTERFACE)
        lab.check_run("ip", "link", "set", "dev", lab.INTERFACE, "up")
        with lab.Server("--device", "kernel:", "--listen", "0.0.0.0:8080"):
            for version in ([], ["--http2"]):
                report = self.load("--device", "tap:" + lab.INTERFACE, "--requests", "5000", "--connections", "8", *version,
                                   "http://10.77.0.1:8080/hello")
                self.check_good(report, 5000)


if __name__ == "__main__":
    lab.main(namespace=True)
