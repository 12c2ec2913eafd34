"""SIGTERM in the middle of requests: what has begun is finished, on each version, and nothing new is begun."""

import json
import signal
import time

import h1_wire
import h2_wire
import lab
from h2_wire import *  # The vocabulary of frames.

BIG = 2_000_000


class Drains:
    """On one kind of device."""

    flags = ()
    tls = False

    def setUp(self):
        more = lab.tls_flags() if self.tls else ()
        self.server = self.enterContext(lab.Server(*self.flags, "--listen", "127.0.0.1:0", *more))
        self.address = self.server.address

    def context(self, *protocols):
        return lab.tls_client(*protocols) if self.tls else None

    def connect(self):
        return self.enterContext(h1_wire.connect(self.address, self.context("http/1.1")))

    def connect_h2(self):
        peer = self.enterContext(h2_wire.Connection(self.address, self.context("h2")))
        peer.handshake()
        return peer

    def stop(self):
        self.server.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 10
        while self.takes_connections():
            self.assertLess(time.monotonic(), end, "it still takes connections")

    def takes_connections(self):
        """Whether a new client is served still."""
        try:
            with h1_wire.connect(self.address, self.context("http/1.1")) as peer:
                peer.sendall(h1_wire.LAST)
                return bool(h1_wire.read_all(peer))
        except OSError:
            return False

    def ended(self, *sockets):
        for peer in sockets:
            peer.close()
        self.assertEqual(self.server.wait(10), 0)

    def test_http1(self):
        idle, body, half, late = (self.connect() for _ in range(4))
        idle.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b" 200 ", idle.recv(4096))
        body.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % BIG)
        got = body.recv(1000)
        half.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n")
        self.assertIn(b" 100 ", half.recv(100))
        late.sendall(b"GET /hello HTTP/1.1\r\nHo")
        no_streams = self.connect_h2()
        self.stop()
        self.assertEqual(self.answer_pings(no_streams), 0)
        no_streams.expect_end()
        idle.settimeout(5)
        self.assertLess(len(idle.recv(4096)), 129)  # The rest of what it got before, or the end.
        late.sendall(b"st: x\r\n\r\n" + h1_wire.LAST)
        (hello,) = h1_wire.responses(h1_wire.read_all(late))
        self.assertEqual((hello.status, hello.fields.get("connection")), (200, "close"))
        half.sendall(b"8 bytes.")
        (told,) = h1_wire.responses(h1_wire.read_all(half))
        self.assertEqual(json.loads(told.body)["bytes"], 8)
        (whole,) = h1_wire.responses(got + h1_wire.read_all(body))
        self.assertEqual((whole.status, len(whole.body)), (200, BIG))
        self.ended(idle, body, half, late, no_streams.socket)

    def test_http2(self):
        peer = self.connect_h2()
        for i in range(20):
            peer.send(post(1 + 4 * i, "/echo"), data(1 + 4 * i, b"first ", 0), get(3 + 4 * i, "/bytes/%d" % (BIG // 20)))
        peer.expect_pong()
        self.stop()
        notice = peer.expect(lambda f: f.kind == GOAWAY, "GOAWAY")  # §6.8: first the notice, then the last word.
        self.assertEqual((notice.code(), int.from_bytes(notice.payload[:4], "big")), (NO_ERROR, 2**31 - 1))
        peer.send(get(101))  # Before the client can have known.
        answering = self.answer_pings(peer)
        self.assertEqual(answering, 101)
        sizes = self.finish(peer, [1 + 4 * i for i in range(20)])
        self.assertEqual(sizes.pop(101), 128)
        for i in range(20):
            self.assertEqual((sizes[1 + 4 * i], sizes[3 + 4 * i]), (len(b"first and last"), BIG // 20))
        self.ended(peer.socket)

    @staticmethod
    def answer_pings(peer):
        """Answers the server's PING; returns the last stream that its GOAWAY names then."""
        asked = peer.expect(lambda f: f.kind == PING and not f.flags & ACK, "PING")
        peer.send(ping(asked.payload, ACK))
        last = peer.expect(lambda f: f.kind == GOAWAY, "the last GOAWAY")
        return int.from_bytes(last.payload[:4], "big")

    @staticmethod
    def finish(peer, echoes):
        """Ends the echoes, and reads all that there is; returns how much each stream got, also before."""
        for stream in echoes:
            peer.send(data(stream, b"and last"))
        peer.expect_end()
        sizes = {}
        for got in peer.seen:
            if got.kind in (RST_STREAM, GOAWAY) and got.code():
                raise AssertionError(str(got))
            if got.kind == DATA:
                sizes[got.stream] = sizes.get(got.stream, 0) + len(got.payload)
        return sizes


class OnKernel(Drains, lab.TestCase):
    flags = ("--device", "kernel:")

    def test_who_never_ends_is_cut_off(self):
        """drain_timeout, 5 s."""
        peer = self.connect_h2()
        peer.send(post(1))
        slow = self.connect()
        slow.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n")
        peer.expect_pong()
        self.server.process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        self.ended()
        self.assertLess(time.monotonic() - start, 9)


class OnKernelUnderTls(Drains, lab.TestCase):
    flags = ("--device", "kernel:")
    tls = True


class OnRing(Drains, lab.TestCase):
    pass


if __name__ == "__main__":
    lab.main(namespace=False)
