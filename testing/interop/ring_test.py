"""The ring demonstration through its forwarder: what ordinary programs see, and how it ends."""

import signal
import socket
import time

import lab

ANY_PORT = ("--listen", "127.0.0.1:0")


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
        server = lab.Server(*ANY_PORT, "--seconds", "1")
        printed = time.monotonic()  # They count from here.
        self.assertEqual(server.wait(30), 0)
        self.assertGreaterEqual(time.monotonic() - printed, 0.99)
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


if __name__ == "__main__":
    lab.main(namespace=False)
