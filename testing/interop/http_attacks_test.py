"""Attacks on the server over HTTP/1.1 and HTTP/2: what they get, what they cost, and that others are served meanwhile."""

import resource
import select
import socket
import ssl
import time

import h1_cases
import h1_wire
import h2_wire
import lab
from h2_wire import *  # The vocabulary of frames.

KERNEL = ("--device", "kernel:", "--listen", "127.0.0.1:0")
RING = ("--listen", "127.0.0.1:0")
EITHER = (ENHANCE_YOUR_CALM, PROTOCOL_ERROR)  # Where a flood may also end because of what it consists of.


class Table(lab.TestCase):
    """Requests that try to be taken for something else."""

    def run_table(self, address, tls=None):
        good = 0
        for what, sent, wanted in h1_cases.ALL:
            with self.subTest(what=what):
                got = [response.status for response in h1_wire.exchange(address, sent + h1_wire.LAST, tls)]
                self.assertEqual(got, wanted)
                good += 1
        print("%d of %d" % (good, len(h1_cases.ALL)), flush=True)

    def test_on_the_kernel(self):
        with lab.Server(*KERNEL) as server:
            self.run_table(server.address)

    def test_on_the_ring(self):
        with lab.Server(*RING) as server:
            self.run_table(server.address)

    def test_under_tls(self):
        with lab.Server(*KERNEL, *lab.tls_flags()) as server:
            self.run_table(server.address, lab.tls_client("http/1.1"))


class Victim(lab.Server):
    """The server under attack."""

    def memory(self):
        """The most that it has had resident so far, in MiB."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) >> 10


class Attacks(lab.TestCase):
    """Each on a server of its own. It must serve others while it is attacked, and grow by no more than MOST."""

    flags = KERNEL
    MOST = 64  # MiB

    def setUp(self):
        self.server = self.enterContext(Victim(*self.flags))
        self.address = self.server.address
        self.serves()
        self.before = self.server.memory()

    def serves(self):
        """A client that does no harm is served, at once, by either version."""
        start = time.monotonic()
        (hello,) = h1_wire.exchange(self.address, h1_wire.LAST)
        self.assertEqual((hello.status, len(hello.body)), (200, 128))
        with h2_wire.Connection(self.address) as peer:
            peer.handshake()
            peer.send(get(1))
            self.assertEqual(len(peer.answer(1, 200).body), 128)
        self.assertLess(time.monotonic() - start, 20 if lab.sanitized() else 5)

    def within_bounds(self, most=None):
        self.serves()
        grown = self.server.memory() - self.before
        print("%s: %d MiB more" % (self._testMethodName, grown), flush=True)
        if not lab.sanitized():
            self.assertLess(grown, most or self.MOST)

    def connect(self):
        return self.enterContext(h2_wire.Connection(self.address))

    def flood(self, frames, *codes, begin=b"", rounds=3, most=20000):
        """Sends frames(i) without end, or `most` of them, and expects a connection error."""
        for _ in range(rounds):
            with h2_wire.Connection(self.address) as peer:
                peer.handshake()
                peer.send(begin)
                for first in range(0, most, 500):
                    peer.send(b"".join(frames(i) for i in range(first, first + 500)))
                    if select.select([peer.socket], [], [], 0)[0] and self.refused(peer):
                        break
                peer.expect_goaway(*codes)
            self.serves()
        self.within_bounds()

    @staticmethod
    def refused(peer):
        """Whether GOAWAY has come; reads no further, and nothing that is not there."""
        try:
            got = peer.socket.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        peer.buffer += got
        return not got or peer_has(peer.buffer, GOAWAY)


def peer_has(received, kind):
    at = 0
    while at + 9 <= len(received):
        if received[at + 3] == kind:
            return True
        at += 9 + int.from_bytes(received[at:at + 3], "big")
    return False


class Floods(Attacks):
    """Frames in numbers that no client needs."""

    def test_rapid_reset(self):
        self.flood(lambda i: get(1 + 2 * i) + rst_stream(1 + 2 * i), ENHANCE_YOUR_CALM)

    def test_rapid_reset_of_running_handlers(self):
        self.flood(lambda i: post(1 + 2 * i) + data(1 + 2 * i, b"x" * 100, 0) + rst_stream(1 + 2 * i), ENHANCE_YOUR_CALM)

    def test_resets_that_the_server_is_made_to_send(self):
        self.flood(lambda i: post(1 + 2 * i) + window_update(1 + 2 * i, 0), *EITHER)

    def test_malformed_requests(self):
        self.flood(lambda i: get(1 + 2 * i, extra=[("Bad", "x")]), *EITHER)

    def test_requests_with_a_wrong_length(self):
        self.flood(lambda i: post(1 + 2 * i, extra=[("content-length", "1")]) + data(1 + 2 * i, b"xx"), *EITHER)

    def test_continuation(self):
        self.flood(lambda i: continuation(1, literal("x-%d" % i, "y" * 1000), 0), ENHANCE_YOUR_CALM,
                   begin=get(1, flags=END_STREAM))

    def test_continuation_without_content(self):
        self.flood(lambda i: continuation(1, b"", 0), ENHANCE_YOUR_CALM, begin=get(1, flags=END_STREAM))

    def test_settings(self):
        self.flood(lambda i: settings((INITIAL_WINDOW_SIZE, 65535 + i % 2)), ENHANCE_YOUR_CALM)

    def test_ping(self):
        self.flood(lambda i: ping(), ENHANCE_YOUR_CALM)

    def test_priority(self):
        self.flood(lambda i: priority(3 + 2 * i, 1), ENHANCE_YOUR_CALM)

    def test_empty_data(self):
        self.flood(lambda i: data(1, b"", 0), ENHANCE_YOUR_CALM, begin=post(1))

    def test_data_of_padding_alone(self):
        self.flood(lambda i: frame(DATA, PADDED, 1, b"\xff" + bytes(255)), ENHANCE_YOUR_CALM, begin=post(1))

    def test_unknown_frames(self):
        self.flood(lambda i: frame(0xEE, 0, 0, b"x" * 100), ENHANCE_YOUR_CALM)


class Bombs(Attacks):
    """Little that would become much."""

    def test_hpack(self):
        """A large field in the table, and a block of 16000 references to it (CVE-2016-6581)."""
        large = b"\x40" + text("x-large") + text("y" * 4000)
        bomb = headers(3, fields(*pseudo()) + large + integer(62, 7, 0x80) * 12000)
        for _ in range(10):
            with h2_wire.Connection(self.address) as peer:
                peer.handshake()
                peer.send(bomb)
                peer.expect_reset(3, ENHANCE_YOUR_CALM)
        self.within_bounds()

    def test_hpack_with_a_huge_table(self):
        """What the client lets us remember is ours to choose."""
        with h2_wire.Connection(self.address) as peer:
            peer.handshake((HEADER_TABLE_SIZE, 2**32 - 1))
            for i in range(500):
                peer.send(get(1 + 2 * i, "/nowhere/%d" % i))
                peer.answer(1 + 2 * i, 404)
        self.within_bounds()

    def test_cookies(self):
        """Many crumbs, which become one field."""
        crumbs = fields(*[("cookie", "a=%d" % i) for i in range(900)])
        with h2_wire.Connection(self.address) as peer:
            peer.handshake()
            for i in range(50):
                peer.send(headers(1 + 2 * i, fields(*pseudo()) + crumbs))
                peer.answer(1 + 2 * i, 200)
        self.within_bounds()

    def test_large_heads_on_many_streams(self):
        """Ten connections of 100 requests, each with 60 kB of fields, whose bodies never come."""
        for _ in range(10):
            peer = self.connect()
            peer.handshake()
            for i in range(100):
                peer.send(post(1 + 2 * i, extra=[("x-a", "y" * 15000)], flags=0),
                          *[continuation(1 + 2 * i, literal("x-%d" % k, "y" * 15000), 4 * (k == 2)) for k in range(3)])
            peer.expect_pong()
        self.within_bounds(200)  # Of 60 MB that were sent.

    def test_bodies_that_nobody_takes(self):
        """Uploads into echoes whose windows are closed: what the windows of the server promise, and no more."""
        for _ in range(20):
            peer = self.connect()
            peer.handshake((INITIAL_WINDOW_SIZE, 0))
            peer.send(*[post(1 + 2 * i, "/echo") + data(1 + 2 * i, b"x" * 16000, 0) for i in range(60)])
            peer.expect_pong()
        self.within_bounds(80)  # Of 19 MB that were sent.


class Stalls(Attacks):
    """Clients that wait."""

    def test_windows_of_zero(self):
        """100 connections of 100 responses each that cannot go on."""
        peers = [self.connect() for _ in range(100)]
        for peer in peers:
            peer.handshake((INITIAL_WINDOW_SIZE, 0))
            peer.send(b"".join(get(1 + 2 * i, "/bytes/1000000000") for i in range(100)))
        for peer in peers:
            peer.expect_pong()
        self.serves()
        for peer in peers[:10]:  # They could still be served.
            peer.send(window_update(1, 1000))
            peer.expect(lambda f: f.kind == DATA and f.stream == 1 and len(f.payload) == 1000, "DATA")
        self.within_bounds()

    def test_windows_of_one_byte(self):
        """A response in frames of a byte costs the attacker as much as us."""
        peer = self.connect()
        peer.opens_windows = False
        peer.handshake((INITIAL_WINDOW_SIZE, 0))
        peer.send(get(1, "/bytes/1000000000"))
        for _ in range(40):
            peer.send(window_update(1, 1) * 100)
            peer.expect_pong()
        self.within_bounds()

    def test_answers_that_nobody_reads(self):
        """Requests, PING and SETTINGS whose answers stay in the pipe."""
        peers = []
        for frames in (ping() * 400, b"".join(get(1 + 2 * i, "/bytes/10000000") for i in range(100))):
            for _ in range(20):
                peer = self.enterContext(h2_wire.Connection(self.address, receive_buffer=4096))
                peer.send(PREFACE, settings((INITIAL_WINDOW_SIZE, MAX_WINDOW)), window_update(0, MAX_WINDOW - 65535), frames)
                peers.append(peer)
        self.within_bounds()

    def test_responses_that_nobody_reads(self):
        """The same in HTTP/1.1, also with requests behind requests."""
        for sent in (b"GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" * 2000):
            for _ in range(50):
                peer = self.enterContext(socket.socket())
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.connect(self.address)
                peer.setblocking(False)
                try:
                    peer.send(sent)
                except BlockingIOError:
                    pass
        self.within_bounds()

    def test_pipelined_requests_are_all_answered(self):
        got = h1_wire.exchange(self.address, b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" * 3000 + h1_wire.LAST)
        self.assertEqual([response.status for response in got], [200] * 3001)
        self.within_bounds()

    def test_slow_heads_and_bodies(self):
        """Slowloris: beyond the limits of time, 10 s, each is answered with 408 and closed, whatever still trickles."""
        begun = [
            b"GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: ",
            b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
            b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
            b"P", b"PRI * HT",
        ]
        slow = [(self.enterContext(h1_wire.connect(self.address)), bytes_) for bytes_ in begun for _ in range(40)]
        start = time.monotonic()
        for peer, sent in slow:
            peer.sendall(sent)
        in_streams = self.connect()
        in_streams.handshake()
        in_streams.send(post(1), data(1, b"x", 0))
        in_fields = [self.connect() for _ in range(40)]
        for peer in in_fields:
            peer.handshake()
            peer.send(get(1, flags=END_STREAM))
        self.within_bounds()
        open_ = {peer: sent for peer, sent in slow}
        more, rounds = continuation(1, literal("x", "y" * 10000)), 0
        while open_ and time.monotonic() < start + 14:
            for peer in select.select(list(open_), [], [], 1)[0]:
                sent = open_.pop(peer)
                got = h1_wire.responses(h1_wire.read_all(peer))
                self.assertEqual([response.status for response in got], [408], sent)
                self.assertGreater(time.monotonic() - start, 9, sent)
            for peer, sent in open_.items():
                if sent.startswith((b"GET", b"POST")):
                    trickle(peer, b"x")
            for peer in in_fields:
                trickle(peer.socket, more[rounds:rounds + 1])
            rounds += 1
        self.assertEqual(len(open_), 0)
        self.assertEqual(in_streams.answer(1).status, 408)
        for peer in in_fields:
            peer.expect_goaway(ENHANCE_YOUR_CALM)
        self.serves()

    def test_half_open_connections(self):
        """As many as there are descriptors for here, and one more client."""
        most = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100)
        for _ in range(most):
            self.enterContext(socket.create_connection(self.address, timeout=10))
        self.within_bounds()


def trickle(peer, byte):
    try:
        peer.send(byte)
    except OSError:
        pass


class FloodsOnRing(Floods):
    """Against our own TCP, behind the forwarder."""

    flags = RING


class BombsOnRing(Bombs):
    flags = RING


class StallsOnRing(Stalls):
    """Here the memory is also that of the forwarder and of both ends of each connection to it."""

    flags = RING
    MOST = 250


class UnderTls(Attacks):
    def setUp(self):
        self.flags = (*KERNEL, *lab.tls_flags())
        super().setUp()

    def serves(self):
        (hello,) = h1_wire.exchange(self.address, h1_wire.LAST, lab.tls_client("http/1.1"))
        self.assertEqual((hello.status, len(hello.body)), (200, 128))

    def test_what_is_no_tls(self):
        for sent in (h1_wire.LAST, PREFACE + settings(), b"\x16\x03\x01\xff\xff" + b"\0" * 70000, b"\x80\x2e\1\0\2", b"\0" * 5):
            with h1_wire.connect(self.address) as peer:
                try:
                    peer.sendall(sent)
                    peer.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.assertNotIn(b"HTTP/1.1 200", h1_wire.read_all(peer))
        self.within_bounds()

    def test_handshakes_that_stop(self):
        for size in (0, 1, 5, 100):
            for _ in range(50):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = lab.tls_client("h2").wrap_bio(incoming, outgoing, server_hostname="localhost")
                with self.assertRaises(ssl.SSLWantReadError):
                    client.do_handshake()
                self.enterContext(h1_wire.connect(self.address)).sendall(outgoing.read()[:size])
        self.within_bounds()

    def test_rapid_reset(self):
        for _ in range(2):
            with h2_wire.Connection(self.address, lab.tls_client("h2")) as peer:
                peer.handshake()
                peer.send(b"".join(get(1 + 2 * i) + rst_stream(1 + 2 * i) for i in range(2000)))
                peer.expect_goaway(ENHANCE_YOUR_CALM)
        self.within_bounds()


del Attacks  # It has no tests of its own.

if __name__ == "__main__":
    lab.main(namespace=False)
