"""The ring demonstration through its forwarder: what ordinary programs see, how it ends, what it refuses."""

import signal
import socket
import subprocess
import time

import lab

ANY_PORT = ("--listen", "127.0.0.1:0")

# What would be right, in the words of the flags or of a device.
RIGHT = "expected|must be|known are|this program knows|at most"

# (flags, what the error line names besides)
REFUSED = [
    (["--nosuch"], ["--nosuch"]),
    (["stray"], ["stray"]),
    (["--device", "tap"], ["--device", "'tap'"]),
    (["--device", "nosuch:x"], ["--device", "nosuch"]),
    (["--device", "ring:a,depth=zero"], ["--device", "depth", "zero"]),
    (["--device", "ring:a,nosuch=1"], ["--device", "nosuch"]),
    (["--device", "tap:this-name-is-far-too-long"], ["--device", "this-name-is-far-too-long"]),
    (["--address", "10.0.0.1"], ["--address", "10.0.0.1"]),
    (["--address", "10.0.0.1/33"], ["--address", "10.0.0.1/33"]),
    (["--gateway", "1.2.3"], ["--gateway", "1.2.3"]),
    (["--gateway", "192.0.2.1"], ["--gateway", "192.0.2.1"]),
    (["--neighbor", "10.77.0.1"], ["--neighbor", "10.77.0.1"]),
    (["--listen", "8080"], ["--listen", "8080"]),
    (["--listen", "127.0.0.1:99999"], ["--listen", "127.0.0.1:99999"]),
    (["--listen", "203.0.113.1:8080"], ["--listen", "203.0.113.1:8080"]),
    (["--seconds", "-1"], ["--seconds", "-1"]),
    (["--seconds", "soon"], ["--seconds", "soon"]),
    (["--device", "kernel:", "--address", "10.0.0.1/24"], ["--address", "kernel:"]),
]
REFUSED_FAULTS = [
    (["--fault", "loss=2"], ["--fault", "loss=2"]),
    (["--fault", "nosuch=1"], ["--fault", "nosuch"]),
    (["--device", "kernel:", "--fault", "loss=0.1"], ["--fault", "kernel:"]),
]


class Serving(lab.TestCase):
    def test_curl(self):
        with lab.Server(*ANY_PORT) as server:
            url = server.url.rstrip("/")
            self.assertEqual(len(lab.curl(url + "/hello")), 128)
            self.check_download(url, 10_000_000)
            self.check_upload(url, 10_000_000)

    def test_wrk(self):
        lab.require(self, "wrk")
        with lab.Server(*ANY_PORT) as server:
            self.check_wrk(server.url + "hello", 64, 3)


class Ending(lab.TestCase):
    def test_seconds_end_it(self):
        start = time.monotonic()
        server = lab.Server(*ANY_PORT, "--seconds", "1")
        self.assertEqual(server.wait(30), 0)
        self.assertGreaterEqual(time.monotonic() - start, 1)
        self.assertEqual(server.errors(), "")

    def test_sigterm_lets_a_transfer_finish(self):
        with lab.Server(*ANY_PORT) as server:
            port = int(server.url.rstrip("/").rsplit(":", 1)[1])
            size = 3_000_000
            with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
                peer.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
                head = peer.recv(1000)
                server.process.send_signal(signal.SIGTERM)
                got = len(head) - head.index(b"\r\n\r\n") - 4
                while part := peer.recv(1 << 16):
                    got += len(part)
            self.assertEqual(got, size)
            self.assertEqual(server.wait(30), 0)


class Refusing(lab.TestCase):
    def refused(self, flags, names):
        with self.subTest(flags=" ".join(flags)):
            with subprocess.Popen([lab.server_path(), *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as process:
                try:
                    out, err = process.communicate(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    self.fail("it was not refused")
            self.assertEqual((process.returncode, out, err.count("\n")), (2, "", 1), err)
            for name in names:
                self.assertIn(name, err)
            self.assertRegex(err, RIGHT)

    def test_mistakes(self):
        for flags, names in REFUSED:
            self.refused(flags, names)

    def test_faults(self):
        for flags, names in REFUSED_FAULTS:
            self.refused(flags, names)

    def test_capture_that_cannot_be_written(self):
        path = lab.scratch("nosuch") + "/x.pcap"
        self.refused([*ANY_PORT, "--capture", path], ["--capture", path])

    def test_taken_port(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            at = "127.0.0.1:%d" % other.getsockname()[1]
            self.refused(["--listen", at], ["--listen", at])


if __name__ == "__main__":
    lab.main(namespace=False)
