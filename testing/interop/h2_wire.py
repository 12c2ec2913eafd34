"""HTTP/2 in raw frames (RFC 9113), with a client that says anything, right or wrong.

    with Connection(address) as peer:
        peer.handshake()
        peer.send(get(1))
        print(peer.answer(1).body)

The functions that make frames are pure; those that expect something are methods, and raise AssertionError with
what came instead. Whoever reads gets an answer or an error after PATIENCE seconds.
"""

import socket
import ssl
import struct
import time
import unittest

try:
    import hpack
except ImportError:  # Tables can be made all the same, but for Huffman codes; connections cannot.
    hpack = None

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE = 10

TYPES = ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
         "CONTINUATION")
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION) = range(10)

# Flags; ACK is that of SETTINGS and PING.
ACK, END_STREAM, END_HEADERS, PADDED, HAS_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)

(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)

MAX_WINDOW = 2**31 - 1


# --- Frames ---


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def data(stream, payload=b"", flags=END_STREAM):
    return frame(DATA, flags, stream, payload)


def headers(stream, block, flags=END_STREAM | END_HEADERS):
    return frame(HEADERS, flags, stream, block)


def continuation(stream, block, flags=END_HEADERS):
    return frame(CONTINUATION, flags, stream, block)


def dependency(on, weight=16, exclusive=False):
    """The payload of PRIORITY (RFC 7540 §6.3)."""
    return struct.pack(">IB", on | (exclusive << 31), weight - 1)


def priority(stream, on, weight=16, exclusive=False):
    return frame(PRIORITY, 0, stream, dependency(on, weight, exclusive))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def settings(*pairs, flags=0):
    return frame(SETTINGS, flags, 0, b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def ping(payload=b"corelane", flags=0):
    return frame(PING, flags, 0, payload)


def goaway(code=NO_ERROR, last=0, debug=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


# --- HPACK (RFC 7541) ---


def integer(value, bits, first=0):
    """§5.1; `first` is what stands before it in its first byte."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def text(value, huffman=False):
    """A string literal, §5.2."""
    value = value.encode("latin-1") if isinstance(value, str) else value
    if huffman and hpack is not None:
        coded = hpack.huffman.HuffmanEncoder(hpack.huffman_constants.REQUEST_CODES,
                                             hpack.huffman_constants.REQUEST_CODES_LENGTH).encode(value)
        return integer(len(coded), 7, 0x80) + coded
    return integer(len(value), 7) + value


def literal(name, value, huffman=False):
    """A field that the table of neither side remembers, §6.2.2."""
    return b"\0" + text(name, huffman) + text(value, huffman)


def fields(*pairs):
    return b"".join(literal(name, value) for name, value in pairs)


def pseudo(method="GET", path="/hello", scheme="http", authority="localhost"):
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority)]


def get(stream, path="/hello", extra=(), flags=END_STREAM | END_HEADERS):
    return headers(stream, fields(*pseudo(path=path), *extra), flags)


def post(stream, path="/upload", extra=(), flags=END_HEADERS):
    return headers(stream, fields(*pseudo("POST", path), *extra), flags)


# --- The client ---


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload
        self.fields = None  # Of a whole field block.

    def code(self):
        """The error that RST_STREAM or GOAWAY tells."""
        return int.from_bytes(self.payload[4:8] if self.kind == GOAWAY else self.payload[:4], "big")

    def __str__(self):
        name = TYPES[self.kind] if self.kind < len(TYPES) else "type %d" % self.kind
        about = " code %d %s" % (self.code(), self.payload[8:]) if self.kind in (RST_STREAM, GOAWAY) else ""
        return "%s(stream %d, flags %#x, %d bytes)%s" % (name, self.stream, self.flags, len(self.payload), about)


class Answer:
    def __init__(self):
        self.status, self.fields, self.body, self.trailers = None, {}, b"", None


def require():
    """Skips the test where this module cannot work."""
    if hpack is None:
        raise unittest.SkipTest("python3-hpack is not installed")


class Connection:
    """A connection to (host, port), under TLS where `tls` is a context. Acknowledges SETTINGS and, unless told
    otherwise, gives the windows back what bodies take."""

    def __init__(self, address, tls=None, receive_buffer=None):
        require()
        self.socket = socket.socket(socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = bytearray()
        self.decoder = hpack.Decoder()
        self.block = None  # The HEADERS whose CONTINUATION has not ended yet.
        self.seen = []
        self.opens_windows = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        try:
            self.socket.sendall(b"".join(frames))
        except (ConnectionError, ssl.SSLError):
            pass  # What comes tells why.

    def handshake(self, *pairs):
        """Both prefaces and both acknowledgements (§3.4)."""
        self.send(PREFACE, settings(*pairs))
        self.expect(lambda f: f.kind == SETTINGS and f.flags & ACK, "the acknowledgement of SETTINGS")

    def next(self):
        """The next frame; None when the connection has ended."""
        head = self._take(9)
        if head is None:
            return None
        got = Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF,
                    self._take(int.from_bytes(head[:3], "big")))
        self.seen.append(got)
        self._look_at(got)
        return got

    def _take(self, size):
        end = time.monotonic() + PATIENCE
        while len(self.buffer) < size:
            if time.monotonic() > end:
                raise AssertionError("timeout: %s" % self.history())
            try:
                part = self.socket.recv(1 << 16)
            except TimeoutError:
                raise AssertionError("nothing more comes: %s" % self.history()) from None
            except (ConnectionError, ssl.SSLError):
                part = b""
            if not part:
                return None
            self.buffer += part
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def _look_at(self, got):
        if got.kind == SETTINGS and not got.flags & ACK:
            self.send(settings(flags=ACK))
        if got.kind in (HEADERS, CONTINUATION):
            first = self.block or got
            first.fields = (first.fields or b"") + got.payload
            self.block = None if got.flags & END_HEADERS else first
            if self.block is None:
                decoded = self.decoder.decode(first.fields)
                got.fields, first.fields = decoded, decoded
        if got.kind == DATA and got.payload and self.opens_windows:
            self.send(window_update(0, len(got.payload)))
            if not got.flags & END_STREAM:
                self.send(window_update(got.stream, len(got.payload)))

    def history(self):
        return "got %s" % (", ".join(map(str, self.seen[-12:])) or "nothing")

    # --- What must come ---

    def expect(self, wanted, what):
        while (got := self.next()) is not None:
            if wanted(got):
                return got
        raise AssertionError("the connection ended without %s: %s" % (what, self.history()))

    def expect_end(self):
        while self.next() is not None:
            pass

    def expect_pong(self):
        """The connection is alive."""
        payload = b"%08d" % len(self.seen)
        self.send(ping(payload))
        self.expect(lambda f: f.kind == PING and f.flags & ACK and f.payload == payload, "an answer to PING")

    def expect_goaway(self, *codes):
        """A connection error (§5.4.1): GOAWAY with one of the codes, and then the end."""
        got = self.expect(lambda f: f.kind == GOAWAY, "GOAWAY")
        if got.code() not in codes:
            raise AssertionError("expected GOAWAY with %s: %s" % (codes, self.history()))
        self.expect_end()

    def expect_reset(self, stream, *codes):
        """A stream error (§5.4.2), after which the connection serves on; or a connection error in its place."""
        got = self.expect(lambda f: f.kind == GOAWAY or f.kind == RST_STREAM and f.stream == stream, "RST_STREAM")
        if got.code() not in codes:
            raise AssertionError("expected an error of %s: %s" % (codes, self.history()))
        self.expect_end() if got.kind == GOAWAY else self.expect_pong()

    def answer(self, stream, status=None):
        """The whole response."""
        answer = Answer()
        while True:
            got = self.expect(lambda f: f.stream == stream or f.kind == GOAWAY and f.code(), "a response")
            if got.kind in (RST_STREAM, GOAWAY):
                raise AssertionError("expected a response: %s" % self.history())
            if got.kind in (HEADERS, CONTINUATION) and got.flags & END_HEADERS:
                self._add_fields(answer, dict(got.fields))
            if got.kind == DATA:
                answer.body += got.payload
            if got.kind in (DATA, HEADERS) and got.flags & END_STREAM:
                break
        if status is not None and answer.status != status:
            raise AssertionError("expected status %d: got %s" % (status, answer.status))
        return answer

    @staticmethod
    def _add_fields(answer, got):
        if answer.status is not None and answer.status >= 200:
            answer.trailers = got
        else:
            answer.status, answer.fields = int(got[":status"]), got
